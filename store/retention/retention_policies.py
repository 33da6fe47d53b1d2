"""Sets and applies retention policies, with the SQL for it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    delete,
    extract,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from gjobs.store import tables, validation
from gjobs.store.capabilities.capability import Capability
from gjobs.store.database.query import Query, Row
from gjobs.store.errors import Conflict, NoPrivilege
from gjobs.store.formats import UnknownText, known_or_text
from gjobs.store.jobs.job import AnyStatus, JobStatus, in_order, parse_status
from gjobs.store.journal.write_record import WriteRecord
from gjobs.store.retention.cleanup import find_expired, run_cleanup
from gjobs.store.retention.retention import FINISHED, BatchProgress, ExpiredJobs, RetentionAction, RetentionPolicy
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR

_policies = tables.retention_policies
_COLUMNS = (
    _policies.c.id,
    _policies.c.project_id,
    _policies.c.statuses,
    cast(extract("epoch", _policies.c.older_than), BigInteger),
    _policies.c.action,
    _policies.c.created_at,
    _policies.c.applied_at,
)
_PROJECT = bindparam("project_id", type_=Uuid)
_OF_PROJECT = _policies.c.project_id.is_not_distinct_from(_PROJECT)


def _interval(name: str) -> object:
    """Return SQL for an interval in days and seconds, which is easy to read in the table."""
    return func.make_interval(0, 0, 0, bindparam(f"{name}_days", type_=Integer), 0, 0, bindparam(f"{name}_seconds"))


def _parts(name: str, length: timedelta) -> dict[str, object]:
    return {f"{name}_days": length.days, f"{name}_seconds": float(length.seconds)}


def _make_policy(row: Row) -> RetentionPolicy:
    identifier, project_id, statuses, seconds, action, created_at, applied_at = row
    return RetentionPolicy(
        id=identifier,
        project_id=project_id,
        statuses=tuple(map(parse_status, statuses)),
        older_than=timedelta(seconds=seconds),
        action=known_or_text(RetentionAction, action),
        created_at=created_at,
        applied_at=applied_at,
    )


_ALL = select(*_COLUMNS).order_by(_policies.c.created_at, _policies.c.id).limit(bindparam("rows", type_=Integer))


def all_policies(*, limit: int) -> Query[RetentionPolicy]:
    """Return a query for all policies, oldest first."""
    return Query(_ALL, _make_policy, {"rows": limit})


_ONE = select(*_COLUMNS).where(_policies.c.id == bindparam("id", type_=Uuid))


def policy_by_id(policy_id: UUID) -> Query[RetentionPolicy]:
    return Query(_ONE, _make_policy, {"id": policy_id})


_GIVEN = {
    "statuses": bindparam("statuses", type_=ARRAY(Text)),
    "older_than": _interval("age"),
    "action": bindparam("action", type_=Text),
}
_SET = (
    insert(_policies)
    .values(project_id=_PROJECT, **_GIVEN)
    .on_conflict_do_update(index_elements=[_policies.c.project_id], set_={**_GIVEN, "applied_at": null()})
    .returning(*_COLUMNS)
)


def upsert_policy(
    *, project_id: UUID | None, statuses: Sequence[JobStatus], older_than: timedelta, action: RetentionAction
) -> Query[RetentionPolicy]:
    """Return a query that sets the project's policy and replaces an existing one."""
    given = {"project_id": project_id, "statuses": [status.value for status in statuses], "action": action.value}
    return Query(_SET, _make_policy, given | _parts("age", older_than))


_REMOVE = delete(_policies).where(_OF_PROJECT).returning(*_COLUMNS)


def delete_policy(project_id: UUID | None) -> Query[RetentionPolicy]:
    return Query(_REMOVE, _make_policy, {"project_id": project_id})


_DUE = (
    select(_policies.c.id)
    .where(
        or_(_policies.c.applied_at.is_(null()), _policies.c.applied_at <= func.now() - _interval("pause")),
        # Skips actions that only a newer program knows.
        or_(*(_policies.c.action == action.value for action in RetentionAction)),
    )
    .with_for_update(skip_locked=True)
    .subquery("due")
)
_CLAIM_DUE = (
    update(_policies)
    .values(applied_at=func.now())
    .where(_policies.c.id == any_(func.array(select(_DUE.c.id).scalar_subquery())))
    .returning(*_COLUMNS)
)


def claim_due_policies(pause: timedelta) -> Query[RetentionPolicy]:
    """Return a query that claims the policies that nobody started within `pause`. The caller must apply them."""
    return Query(_CLAIM_DUE, _make_policy, _parts("pause", pause))


MOST = 1_000
PAUSE = timedelta(hours=1)
"""The least time between two runs of a policy, for all callers together."""


async def get_policies(store: Store, *, limit: int = MOST) -> Sequence[RetentionPolicy]:
    """Return the policies, oldest first. A user sees those of their own projects and the one for all other projects."""
    return await store.actor_database.read(
        all_policies(limit=validation.check_limit(limit)), needs=Capability.RETENTION
    )


async def set_policy(
    store: Store,
    *,
    project_id: UUID | None,
    older_than: timedelta,
    action: RetentionAction,
    statuses: Sequence[AnyStatus] = FINISHED,
) -> RetentionPolicy:
    """Set the policy of the project. None sets the policy of all projects without their own. It replaces an existing
    one.

    Raises RowMissing if the project does not exist.
    """
    _require_operator(store)
    if project_id is not None and await store.get_project(project_id) is None:
        raise validation.no_project(project_id)
    wanted = tuple(map(validation.check_workflow_status, in_order(statuses)))
    async with store.actor_database.write(Capability.RETENTION) as transaction:
        (policy,) = await transaction.run(
            upsert_policy(project_id=project_id, statuses=wanted, older_than=older_than, action=action)
        )
        transaction.record(WriteRecord(what="set a retention policy", touched=(policy.id,), touches_jobs=False))
        return policy


async def remove_policy(store: Store, project_id: UUID | None) -> RetentionPolicy | None:
    """Remove the policy and return it, or None if there was none."""
    _require_operator(store)
    async with store.actor_database.write(Capability.RETENTION) as transaction:
        removed = await transaction.run(delete_policy(project_id))
        for policy in removed:
            transaction.record(WriteRecord(what="remove a retention policy", touched=(policy.id,), touches_jobs=False))
    return next(iter(removed), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRun:
    policy: RetentionPolicy
    progress: BatchProgress
    """The progress of this policy's jobs."""


async def apply_policies(
    store: Store, *, pause: timedelta = PAUSE, agreed: Sequence[RetentionPolicy] | None = None
) -> AsyncGenerator[PolicyRun, None]:
    """Apply the policies that nobody started within `pause`, and yield the progress after each batch.

    If several workers call this at once, each policy goes to one of them. Stop iterating to stop; the next call
    continues. A policy that is changed, removed or started elsewhere meanwhile stops after the current batch.

    `agreed` are all policies as a person confirmed them. If the policies have changed since, Conflict is raised and
    nothing is applied: each project's policy also decides what the policy for all others covers. None accepts any.
    """
    for policy in await _claim_due(store, pause, agreed):
        if isinstance(policy.action, UnknownText) or not await _is_unchanged(store, policy):
            continue
        async with aclosing(run_cleanup(store, await expired_by(store, policy), policy.action)) as steps:
            async for progress in steps:
                yield PolicyRun(policy=policy, progress=progress)
                if not await _is_unchanged(store, policy):
                    break


async def expired_by(store: Store, policy: RetentionPolicy) -> ExpiredJobs:
    """Return the jobs that the policy covers at this moment."""
    return await find_expired(
        store,
        policy.older_than,
        statuses=policy.statuses,
        project_id=policy.project_id,
        spares_policies=policy.project_id is None,
    )


async def _is_unchanged(store: Store, policy: RetentionPolicy) -> bool:
    return await store.actor_database.read(policy_by_id(policy.id), needs=Capability.RETENTION) == [policy]


async def _claim_due(
    store: Store, pause: timedelta, agreed: Sequence[RetentionPolicy] | None
) -> Sequence[RetentionPolicy]:
    async with store.actor_database.write(Capability.RETENTION) as transaction:
        if agreed is not None:
            present = await transaction.run(all_policies(limit=MOST))
            if _without_applied_at(present) != _without_applied_at(agreed):
                raise Conflict(
                    "The policies changed after you confirmed them. Nothing was applied.",
                    hint="Run the command again to see what the new policies would do.",
                )
        due = await transaction.run(claim_due_policies(pause))
        if due:
            touched = tuple(policy.id for policy in due)
            transaction.record(WriteRecord(what="apply retention policies", touched=touched, touches_jobs=False))
    return due


def _without_applied_at(policies: Sequence[RetentionPolicy]) -> set[RetentionPolicy]:
    """Return the policies without their last runs, to compare them."""
    return {replace(policy, applied_at=None) for policy in policies}


def _require_operator(store: Store) -> None:
    if store.actor != OPERATOR:
        raise NoPrivilege("Only the operator can set how long jobs are kept.", hint="Omit --as.")
