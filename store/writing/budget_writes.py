"""What each write of a budget does within its transaction: as `job_writes` does for jobs."""

from uuid import UUID

from store.budgets.model import Budget, Period
from store.database import WriteTransaction
from store.errors import Conflict, RowMissing
from store.money import money
from store.statements import budgets
from store.statements.budgets import Readable
from store.writing import explain
from store.writing.written import Written

DEFAULT_WARN_SHARE = 0.8


async def put(
    transaction: WriteTransaction,
    *,
    user_id: UUID | None,
    project_id: UUID | None,
    period: Period,
    limit_cents: int,
    warn_share: float | None,
    as_known: Budget | None,
    readable: Readable,
) -> Budget:
    """A new one, or another limit of the one that there is; where that is not `as_known`, nothing."""
    before: tuple[Budget, ...] = ()
    found = await transaction.run(budgets.lock_of(user_id=user_id, project_id=project_id, period=period))
    if found:
        (budget_id,) = found
        before = tuple(await transaction.run(budgets.one(budget_id, readable=readable)))
        _require_known(before[0], as_known)
        share = before[0].warn_share if warn_share is None else warn_share
        if await transaction.change(budgets.change(budget_id, limit_cents=limit_cents, warn_share=share)) != 1:
            raise explain.not_stored("budget")
    elif as_known is not None:
        raise Conflict("This budget has been removed meanwhile: nothing was changed.", hint="Set it anew.")
    else:
        made = await transaction.run(
            budgets.insert(
                user_id=user_id,
                project_id=project_id,
                period=period,
                limit_cents=limit_cents,
                warn_share=DEFAULT_WARN_SHARE if warn_share is None else warn_share,
            )
        )
        if len(made) != 1:
            raise Conflict("Somebody else has just set this budget: nothing was changed.")
        (budget_id,) = made
    (after,) = await transaction.run(budgets.one(budget_id, readable=readable))
    transaction.keep(Written(what="change budget" if before else "set budget", before=before, after=(after,)))
    return after


def _require_known(present: Budget, known: Budget | None) -> None:
    if known is None or (present.limit_cents, present.warn_share) == (known.limit_cents, known.warn_share):
        return
    limit, share = money(present.limit_cents), f"{present.warn_share * 100:g} %"
    raise Conflict(
        f"Somebody has changed this budget meanwhile: the limit is {limit} now, and it warns from {share}.",
        hint="Set it once more where yours is to count.",
    )


async def remove(transaction: WriteTransaction, budget_id: UUID, *, readable: Readable) -> Budget:
    """The budget as it was."""
    if not await transaction.run(budgets.lock(budget_id)):
        raise RowMissing(f"There is no budget {budget_id}: nothing was changed.", (budget_id,))
    (before,) = await transaction.run(budgets.one(budget_id, readable=readable))
    if await transaction.change(budgets.remove(budget_id)) != 1:
        raise explain.not_stored("budget")
    transaction.keep(Written(what="remove budget", before=(before,)))
    return before
