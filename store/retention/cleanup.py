"""Previews, archives or deletes old jobs in batches, with the SQL for it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
)

from gjobs.store import tables, validation
from gjobs.store.capabilities.capability import Capability
from gjobs.store.capabilities.facts import LEASES
from gjobs.store.database import query, timestamps
from gjobs.store.database.query import Query, make_id
from gjobs.store.database.transactions import WriteTransaction
from gjobs.store.jobs.job import AnyStatus, JobStatus, in_order, status_order
from gjobs.store.jobs.job_results import PageKey
from gjobs.store.journal.write_record import WriteRecord
from gjobs.store.member_table import by_member
from gjobs.store.retention import archive_sql
from gjobs.store.retention.archive import require_archive
from gjobs.store.retention.archive_sql import make_count, make_key
from gjobs.store.retention.batches import (
    COUNTING,
    CURSOR,
    LIMITS,
    RETRYABLE_REFUSALS,
    RetentionBatch,
    cursor_parameters,
    in_batches,
)
from gjobs.store.retention.retention import (
    FINISHED,
    BatchProgress,
    CleanupPreview,
    ExpiredJobs,
    RetentionAction,
    StatusCount,
)
from gjobs.store.store import Store

_jobs, _leases, _policies = tables.generation_jobs, tables.job_leases, tables.retention_policies


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """All that the SQL depends on."""

    of_project: bool
    spares_policies: bool
    has_cursor: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        created_before = bindparam("before", type_=DateTime(timezone=True))
        conditions: list[ColumnElement[bool]] = [_jobs.c.created_at < created_before]
        if self.of_project:
            conditions.append(_jobs.c.project_id == bindparam("project_id", type_=Uuid))
        if self.spares_policies:
            conditions.append(~exists().where(_policies.c.project_id == _jobs.c.project_id))
        return conditions


def _form(expired: ExpiredJobs, *, has_cursor: bool = False) -> _Form:
    return _Form(
        of_project=expired.project_id is not None, spares_policies=expired.spares_policies, has_cursor=has_cursor
    )


def _parameters(expired: ExpiredJobs) -> dict[str, object]:
    parameters: dict[str, object] = {"before": timestamps.as_text(expired.created_before)}
    if expired.project_id is not None:
        parameters["project_id"] = expired.project_id
    return parameters


@cache
def _counted(form: _Form) -> Select[Any]:
    sums = func.count(), func.sum(_jobs.c.cost_cents), func.min(_jobs.c.created_at)
    statuses = _jobs.c.status == any_(bindparam("statuses", type_=ARRAY(Text)))
    return select(_jobs.c.status, *sums).where(statuses, *form.conditions()).group_by(_jobs.c.status)


def count(expired: ExpiredJobs) -> Query[StatusCount]:
    """Return a query for counts by status, unordered."""
    parameters = _parameters(expired) | {"statuses": [status.value for status in expired.statuses]}
    return Query(_counted(_form(expired)), make_count, parameters)


@cache
def _locked(form: _Form) -> Select[Any]:
    rows = select(_jobs.c.created_at, _jobs.c.id).where(
        _jobs.c.status == bindparam("status", type_=Text), *form.conditions()
    )
    if form.has_cursor:
        rows = rows.where(tuple_(_jobs.c.created_at, _jobs.c.id) > CURSOR)
    in_order = rows.order_by(_jobs.c.created_at, _jobs.c.id).limit(bindparam("rows", type_=Integer))
    return in_order.with_for_update(skip_locked=True)


def lock(expired: ExpiredJobs, status: AnyStatus, *, after: PageKey | None, rows: int) -> Query[PageKey]:
    """Return a query that locks the oldest jobs in this status until the transaction ends. It skips locked jobs."""
    statement = _locked(_form(expired, has_cursor=after is not None))
    parameters = _parameters(expired) | {"status": status.value, "rows": rows} | cursor_parameters(after)
    return Query(statement, make_key, parameters)


_LEASED = select(_leases.c.job_id).where(
    _leases.c.job_id == any_(bindparam("ids", type_=ARRAY(Uuid))),
    or_(_leases.c.owner.is_(None), _leases.c.expires_at > func.clock_timestamp()),
)


def leased_among(job_ids: Sequence[UUID]) -> Query[UUID]:
    """Return a query for the jobs that a worker holds or that wait for another attempt."""
    return Query(_LEASED, make_id, {"ids": list(job_ids)})


_DELETE = delete(_jobs).where(_jobs.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))).returning(_jobs.c.id)


def delete_jobs(job_ids: Sequence[UUID]) -> Query[UUID]:
    """Return a query that deletes jobs, which must be locked."""
    return Query(_DELETE, make_id, {"ids": list(job_ids)})


NEEDS = by_member(
    RetentionAction, {RetentionAction.ARCHIVE: Capability.ARCHIVING, RetentionAction.DELETE: Capability.DELETING}
)


async def find_expired(
    store: Store,
    age: timedelta,
    *,
    statuses: Sequence[AnyStatus] = FINISHED,
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
    rows = await store.actor_database.read(count(expired), limits=COUNTING)
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
        async with store.actor_database.write(NEEDS[action], limits=LIMITS) as transaction:
            keys = await transaction.run(lock(expired, status, after=after, rows=rows))
            job_ids = [key.id for key in keys]
            if job_ids and of_leases:
                # The jobs are locked, so nobody else can lease them before this ends.
                leased = set(await transaction.run(leased_among(job_ids)))
                job_ids = [job_id for job_id in job_ids if job_id not in leased]
            if job_ids:
                await _remove(transaction, job_ids, action)
                transaction.record(WriteRecord(what=f"{action} old {status} jobs", touched=tuple(job_ids)))
    except RETRYABLE_REFUSALS as error:
        if not keys:
            raise
        return RetentionBatch(keys, error=error)
    return RetentionBatch(keys, done=len(job_ids))


_REMOVE = by_member(
    RetentionAction, {RetentionAction.ARCHIVE: archive_sql.move_to_archive, RetentionAction.DELETE: delete_jobs}
)


async def _remove(transaction: WriteTransaction, job_ids: Sequence[UUID], action: RetentionAction) -> None:
    removed = set(await transaction.run(_REMOVE[action](job_ids)))
    for job_id in job_ids:
        if job_id not in removed:
            raise validation.not_permitted(job_id)
