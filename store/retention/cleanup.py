"""Previews, archives or deletes old jobs in batches, once or by a policy."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from gjobs.store import tables, validation
from gjobs.store.capabilities.capability import LEASES, Capability
from gjobs.store.database import query
from gjobs.store.database.query import Query, first_column, row_maker
from gjobs.store.errors import Conflict, NoPrivilege
from gjobs.store.jobs.job import FINAL_STATUSES, AnyStatus, JobStatus, in_order, parse_status, status_order
from gjobs.store.jobs.job_results import PageKey
from gjobs.store.journal.write_record import WriteRecord
from gjobs.store.retention import archive
from gjobs.store.retention.archive import (
    COUNTING,
    LIMITS,
    RETRYABLE_REFUSALS,
    RetentionBatch,
    count_by_status,
    cursor,
    in_batches,
    make_key,
    require_archive,
)
from gjobs.store.retention.retention import (
    BatchProgress,
    CleanupPreview,
    ExpiredJobs,
    RetentionAction,
    RetentionPolicy,
    StatusCount,
)
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.formats import UnknownText, known_or_text

_jobs, _leases = tables.generation_jobs, tables.visible_leases
_policies, _visible = tables.retention_policies, tables.visible_retention


def _conditions(expired: ExpiredJobs) -> list[sa.ColumnElement[bool]]:
    created_before = sa.literal(expired.created_before.isoformat(), sa.DateTime(timezone=True))
    conditions: list[sa.ColumnElement[bool]] = [_jobs.c.created_at < created_before]
    if expired.project_id is not None:
        conditions.append(_jobs.c.project_id == expired.project_id)
    if expired.spares_policies:
        conditions.append(~sa.exists().where(_visible.c.project_id == _jobs.c.project_id))
    return conditions


def lock(expired: ExpiredJobs, status: AnyStatus, *, after: PageKey | None, rows: int) -> Query[PageKey]:
    """Return a query that locks the oldest jobs in this status until the transaction ends. It skips locked jobs."""
    key = _jobs.c.created_at, _jobs.c.id
    found = sa.select(*key).where(_jobs.c.status == status.value, *_conditions(expired))
    if after is not None:
        found = found.where(sa.tuple_(*key) > cursor(after))
    return Query(found.order_by(*key).limit(rows).with_for_update(skip_locked=True), make_key)


_GIVEN_IDS = sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid)))
_LEASED = sa.select(_leases.c.job_id).where(
    _leases.c.job_id == _GIVEN_IDS,
    sa.or_(_leases.c.owner.is_(None), _leases.c.expires_at > sa.func.clock_timestamp()),
)
"""The jobs that a worker holds or that wait for another attempt."""


async def find_expired(
    store: Store,
    age: timedelta,
    *,
    statuses: Sequence[AnyStatus] = FINAL_STATUSES,
    project_id: UUID | None = None,
    spares_policies: bool = False,
) -> ExpiredJobs:
    """Return the jobs that are older than `age` by the server's clock."""
    (now,) = await store.actor_database.read(query.clock(None))
    return ExpiredJobs(
        created_before=now - age,
        statuses=tuple(in_order(statuses)),
        project_id=project_id,
        spares_policies=spares_policies,
    )


async def count_expired(store: Store, expired: ExpiredJobs) -> tuple[StatusCount, ...]:
    """Return counts by status, in workflow order."""
    statuses = sa.literal([status.value for status in expired.statuses], sa.ARRAY(sa.Text))
    conditions = [_jobs.c.status == sa.any_(statuses), *_conditions(expired)]
    rows = await store.actor_database.read(count_by_status(_jobs, conditions), limits=COUNTING)
    return tuple(sorted(rows, key=lambda row: status_order(row.status)))


async def preview_cleanup(
    store: Store,
    older_than: timedelta,
    *,
    statuses: Sequence[AnyStatus],
    project_id: UUID | None,
    action: RetentionAction,
    otherwise: str,
) -> CleanupPreview:
    """Return what a clean-up would do. `otherwise` is the hint of the error if there is no archive."""
    if action is RetentionAction.ARCHIVE:
        await require_archive(store, otherwise=otherwise)
    expired = await find_expired(store, older_than, statuses=statuses, project_id=project_id)
    return CleanupPreview(
        expired=expired,
        counts=await count_expired(store, expired),
        action=action,
        cascading_tables=await store.get_cascading_tables(),
    )


async def run_cleanup(
    store: Store, expired: ExpiredJobs, action: RetentionAction
) -> AsyncGenerator[BatchProgress, None]:
    """Archive or delete the jobs, and yield the progress after each batch. Stop iterating to stop.

    A later call continues. Jobs that others hold are skipped: they are locked or have a live lease.
    """
    has_leases = LEASES in (await store.capability_cache.get()).facts.relations
    progress = BatchProgress()
    for status in expired.statuses:
        of_leases = has_leases and status is JobStatus.RUNNING
        take = partial(_take, store, expired, status, action, of_leases)
        async with aclosing(in_batches(take, progress)) as steps:
            async for progress in steps:
                yield progress


async def _take(
    store: Store,
    expired: ExpiredJobs,
    status: AnyStatus,
    action: RetentionAction,
    of_leases: bool,
    after: PageKey | None,
    rows: int,
) -> RetentionBatch:
    keys: list[PageKey] = []
    try:
        if action is RetentionAction.ARCHIVE:
            await store.actor_database.require(Capability.MIGRATED)
        async with store.actor_database.write(Capability.DELETING, limits=LIMITS) as transaction:
            keys = await transaction.run(lock(expired, status, after=after, rows=rows))
            job_ids = [key.id for key in keys]
            if job_ids and of_leases:
                # The jobs are locked, so nobody else can lease them before this ends.
                leased = set(await transaction.run(Query(_LEASED, first_column, {"ids": job_ids})))
                job_ids = [job_id for job_id in job_ids if job_id not in leased]
            if job_ids:
                removed = set(await transaction.run(Query(_REMOVE[action], first_column, {"ids": job_ids})))
                if kept := [job_id for job_id in job_ids if job_id not in removed]:
                    raise validation.not_permitted(kept[0])
                transaction.record(WriteRecord(what=f"{action} old {status} jobs", touched=tuple(job_ids)))
    except RETRYABLE_REFUSALS as error:
        if not keys:
            raise
        return RetentionBatch(keys, error=error)
    return RetentionBatch(keys, done=len(job_ids))


_REMOVE: Mapping[RetentionAction, sa.ClauseElement] = by_member(
    RetentionAction,
    {
        RetentionAction.ARCHIVE: archive.MOVE_TO_ARCHIVE,
        RetentionAction.DELETE: sa.delete(_jobs).where(_jobs.c.id == _GIVEN_IDS).returning(_jobs.c.id),
    },
)
"""Statements for locked jobs, which return the ids of the removed jobs."""


def _columns(policies: sa.TableClause) -> tuple[sa.ColumnElement[Any], ...]:
    seconds = sa.cast(sa.extract("epoch", policies.c.older_than), sa.BigInteger)
    columns = policies.c
    return (
        columns.id,
        columns.project_id,
        columns.statuses,
        seconds,
        columns.action,
        columns.created_at,
        columns.applied_at,
    )


_COLUMNS = _columns(_policies)
_PROJECT = sa.bindparam("project_id", type_=sa.Uuid)
_OF_PROJECT = _policies.c.project_id.is_not_distinct_from(_PROJECT)


def _interval(name: str) -> object:
    """Return SQL for an interval in days and seconds, which is easy to read in the table."""
    return sa.func.make_interval(
        0, 0, 0, sa.bindparam(f"{name}_days", type_=sa.Integer), 0, 0, sa.bindparam(f"{name}_seconds")
    )


def _parts(name: str, length: timedelta) -> dict[str, object]:
    return {f"{name}_days": length.days, f"{name}_seconds": float(length.seconds)}


_make_policy = row_maker(
    RetentionPolicy,
    statuses=lambda statuses: tuple(map(parse_status, statuses)),
    older_than=lambda seconds: timedelta(seconds=seconds),
    action=partial(known_or_text, RetentionAction),
)


MOST = 1_000
_ALL: Query[RetentionPolicy] = Query(
    sa.select(*_columns(_visible)).order_by(_visible.c.created_at, _visible.c.id).limit(MOST), _make_policy
)
"""Reads all policies, oldest first."""

_ONE = sa.select(*_columns(_visible)).where(_visible.c.id == sa.bindparam("id", type_=sa.Uuid))


_GIVEN = {
    "statuses": sa.bindparam("statuses", type_=sa.ARRAY(sa.Text)),
    "older_than": _interval("age"),
    "action": sa.bindparam("action", type_=sa.Text),
}
_SET = (
    insert(_policies)
    .values(project_id=_PROJECT, **_GIVEN)
    .on_conflict_do_update(index_elements=[_policies.c.project_id], set_={**_GIVEN, "applied_at": sa.null()})
    .returning(*_COLUMNS)
)


_REMOVE_POLICY = sa.delete(_policies).where(_OF_PROJECT).returning(*_COLUMNS)


_DUE = (
    sa.select(_policies.c.id)
    .where(
        sa.or_(_policies.c.applied_at.is_(sa.null()), _policies.c.applied_at <= sa.func.now() - _interval("pause")),
        # Skips actions that only a newer program knows.
        sa.or_(*(_policies.c.action == action.value for action in RetentionAction)),
    )
    .with_for_update(skip_locked=True)
    .subquery("due")
)
_CLAIM_DUE = (
    sa.update(_policies)
    .values(applied_at=sa.func.now())
    .where(_policies.c.id == sa.any_(sa.func.array(sa.select(_DUE.c.id).scalar_subquery())))
    .returning(*_COLUMNS)
)
"""Claims the policies that nobody started within the pause. The caller must apply them."""


PAUSE = timedelta(hours=1)
"""The least time between two runs of a policy, for all callers together."""


async def get_policies(store: Store) -> Sequence[RetentionPolicy]:
    """Return the policies, oldest first. A user sees those of their own projects and the one for all other projects."""
    return await store.actor_database.read(_ALL, needs=Capability.MIGRATED)


async def set_policy(
    store: Store,
    *,
    project_id: UUID | None,
    older_than: timedelta,
    action: RetentionAction,
    statuses: Sequence[AnyStatus] = FINAL_STATUSES,
) -> RetentionPolicy:
    """Set the policy of the project. None sets the policy of all projects without their own. It replaces an existing
    one.

    Raises RowMissing if the project does not exist.
    """
    _require_operator(store)
    if project_id is not None and await store.get_project(project_id) is None:
        raise validation.no_project(project_id)
    wanted = [validation.check_workflow_status(status).value for status in in_order(statuses)]
    given = {"project_id": project_id, "statuses": wanted, "action": action.value}
    async with store.actor_database.write(Capability.OPERATING) as transaction:
        (policy,) = await transaction.run(Query(_SET, _make_policy, given | _parts("age", older_than)))
        transaction.record(WriteRecord(what="set a retention policy", touched=(policy.id,), touches_jobs=False))
        return policy


async def remove_policy(store: Store, project_id: UUID | None) -> RetentionPolicy | None:
    """Remove the policy and return it, or None if there was none."""
    _require_operator(store)
    async with store.actor_database.write(Capability.OPERATING) as transaction:
        removed = await transaction.run(Query(_REMOVE_POLICY, _make_policy, {"project_id": project_id}))
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
    return await store.actor_database.read(Query(_ONE, _make_policy, {"id": policy.id}), needs=Capability.MIGRATED) == [
        policy
    ]


async def _claim_due(
    store: Store, pause: timedelta, agreed: Sequence[RetentionPolicy] | None
) -> Sequence[RetentionPolicy]:
    async with store.actor_database.write(Capability.OPERATING) as transaction:
        if agreed is not None:
            present = await transaction.run(_ALL)
            if _without_applied_at(present) != _without_applied_at(agreed):
                raise Conflict(
                    "The policies changed after you confirmed them. Nothing was applied.",
                    hint="Run the command again to see what the new policies would do.",
                )
        due = await transaction.run(Query(_CLAIM_DUE, _make_policy, _parts("pause", pause)))
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
