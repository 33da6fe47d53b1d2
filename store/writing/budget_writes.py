"""What each write of a budget does within its transaction: as `job_writes` does for jobs."""

from uuid import UUID

from store.budgets.model import Budget, Period
from store.database import WriteTransaction
from store.errors import Conflict, RowMissing
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
    readable: Readable,
) -> Budget:
    """A new one, or another limit of the one that there is."""
    before: tuple[Budget, ...] = ()
    found = await transaction.run(budgets.lock_of(user_id=user_id, project_id=project_id, period=period))
    if found:
        (budget_id,) = found
        before = tuple(await transaction.run(budgets.one(budget_id, readable=readable)))
        share = before[0].warn_share if warn_share is None else warn_share
        if await transaction.change(budgets.change(budget_id, limit_cents=limit_cents, warn_share=share)) != 1:
            raise explain.not_stored("budget")
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


async def remove(transaction: WriteTransaction, budget_id: UUID, *, readable: Readable) -> Budget:
    """The budget as it was."""
    if not await transaction.run(budgets.lock(budget_id)):
        raise RowMissing(f"There is no budget {budget_id}: nothing was changed.", (budget_id,))
    (before,) = await transaction.run(budgets.one(budget_id, readable=readable))
    if await transaction.change(budgets.remove(budget_id)) != 1:
        raise explain.not_stored("budget")
    transaction.keep(Written(what="remove budget", before=(before,)))
    return before
