"""Archives, lists, counts and restores jobs, in short transactions with pauses."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from gjobs.store import tables, validation
from gjobs.store.capabilities.capability import Capability
from gjobs.store.database.query import Query, Row, RowMaker, TimeLimits, first_column, make_number, row_maker
from gjobs.store.errors import Conflict, InvalidValue, Locked, SchemaMissing, StoreError, TimedOut
from gjobs.store.jobs.job import AnyStatus, GenerationJob, in_order, parse_status, status_order
from gjobs.store.jobs.job_results import CappedCount, Page, PageKey
from gjobs.store.jobs.job_sql import listed_error, make_job, make_listed
from gjobs.store.journal.write_record import WriteRecord
from gjobs.store.retention.retention import ArchivedJob, ArchiveQuery, BatchProgress, StatusCount
from gjobs.store.statistics import statistics_sql
from gjobs.store.statistics.statistics import JobStatistic, JobStatistics, JobSummary
from gjobs.store.statistics.statistics_sql import make_summary
from gjobs.store.store import Store
from gjobs.store.values.formats import column_names
from gjobs.store.values.page_sizes import PAGE_SIZE

SMALLEST, FIRST, LARGEST = 1, 50, 500
QUICK, SLOW = 0.1, 0.25
"""Seconds. The batch size stays the same in between."""


def next_size(size: int, seconds: float) -> int:
    """Return the next batch size, after a batch of this size took this long."""
    if seconds > SLOW:
        return smaller_size(size)
    return min(size * 2, LARGEST) if seconds < QUICK else size


def smaller_size(size: int) -> int:
    return max(size // 2, SMALLEST)


LIMITS = TimeLimits(statement=2.0, lock=0.2)
"""The limits of a batch. The server checks for deadlocks after one second of waiting, and a batch gives up long before.
So no session that waits for the batch's rows triggers a deadlock check.
"""
PAUSE_SECONDS = 0.2
"""Seconds to wait after a collision with another session."""

RETRYABLE_REFUSALS = (TimedOut, Conflict, InvalidValue)
"""Errors that a single job may cause: a lock, a slow or refusing trigger, a foreign key."""
_COLLISIONS = ("40001", "40P01")
"""Serialization failures and deadlocks, which are temporary."""


@dataclass(frozen=True, slots=True)
class RetentionBatch:
    keys: Sequence[PageKey]
    """The keys of the jobs read, in order. Empty if there are no more."""
    done: int = 0
    """How many of them were processed."""
    dropped_columns: tuple[str, ...] = ()
    """Columns whose values were not restored, because the app dropped them."""
    error: StoreError | None = None
    """One of `RETRYABLE_REFUSALS`. If set, no job was processed."""


TakeBatch = Callable[[PageKey | None, int], Awaitable[RetentionBatch]]
"""Processes at most the given number of jobs after a key; None means from the first."""


async def in_batches(take: TakeBatch, progress: BatchProgress) -> AsyncGenerator[BatchProgress, None]:
    """Process batches and yield the progress after each, added to `progress`.

    A failed batch is repeated in smaller ones, down to the job that causes the error, which is skipped.
    """
    size, after = FIRST, None
    while True:
        begun = time.monotonic()
        batch = await take(after, size)
        if not batch.keys:
            return
        if batch.error is None:
            dropped = tuple(sorted({*progress.dropped_columns, *batch.dropped_columns}))
            progress = replace(progress, done=progress.done + batch.done, dropped_columns=dropped)
            size = next_size(size, time.monotonic() - begun)
            after = batch.keys[-1]
        elif len(batch.keys) > 1:
            size = smaller_size(len(batch.keys))
            if isinstance(batch.error, TimedOut) or batch.error.sqlstate in _COLLISIONS:
                await asyncio.sleep(PAUSE_SECONDS)
        else:
            (after,) = batch.keys
            if not isinstance(batch.error, Locked):
                progress = replace(progress, refused=progress.refused + 1)
                if progress.refused_id is None:
                    progress = replace(progress, refused_id=after.id, refusal=batch.error.message)
        yield progress


def cursor(key: PageKey) -> Any:
    """Return a key as SQL, to be compared with the columns of its order."""
    created_at = sa.literal(key.created_at.isoformat(), sa.DateTime(timezone=True))
    return sa.tuple_(created_at, sa.literal(key.id, sa.Uuid))


COUNTING = TimeLimits(statement=60.0)


_make_count = row_maker(StatusCount, status=parse_status, total_cost_cents=int)


def count_by_status(table: sa.FromClause, conditions: Sequence[sa.ColumnElement[bool]]) -> Query[StatusCount]:
    """Return a query for counts by status, unordered. The table has the columns of jobs."""
    cents = sa.func.coalesce(sa.func.sum(table.c.cost_cents), 0)
    sums = sa.func.count(), cents, sa.func.min(table.c.created_at)
    return Query(sa.select(table.c.status, *sums).where(*conditions).group_by(table.c.status), _make_count)


make_key = row_maker(PageKey)


_archived = tables.visible_archive


def archived_column(kept: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return the archive's value of a job column. Columns that the archive lacks are stored in `further`."""
    if kept.name in _archived.c:
        return _archived.c[kept.name]
    return sa.cast(_archived.c.further[kept.name].astext, kept.type).label(kept.name)


_COLUMNS = [archived_column(tables.generation_jobs.c[name]) for name in column_names(GenerationJob)]
_LIGHT_COLUMNS = [listed_error(_archived.c.error) if column.name == "error" else column for column in _COLUMNS]
_IDS = sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid))
_KEY = sa.tuple_(_archived.c.created_at, _archived.c.id)


def _calling(function: Callable[[Any], Any]) -> sa.Select[Any]:
    called = function(_IDS).table_valued(sa.column("id", sa.Uuid), name="moved").render_derived()
    return sa.select(called.c.id)


MOVE_TO_ARCHIVE, _RESTORE = _calling(sa.func.gjobs.archive_jobs), _calling(sa.func.gjobs.restore_jobs)


def restore(job_ids: Sequence[UUID]) -> Query[UUID]:
    """Return a query for the restored jobs. If any id is taken, it fails and restores none."""
    return Query(_RESTORE, first_column, {"ids": list(job_ids)})


_IS_SHOWN_WHOLE: Query[bool] = Query(sa.text("select gjobs.visible_jobs() in ('all', 'own')"), first_column)
"""Whether the reader sees every archived job that the app's policies would allow."""

_DROPPED_COLUMNS = sa.text("""
select distinct f.key
  from gjobs.visible_archive a cross join lateral jsonb_each(a.further) f
 where a.id = any(:ids) and f.value <> 'null' and f.key not in (select name from gjobs.further_columns)
 order by 1
""").bindparams(_IDS)


def dropped_columns(job_ids: Sequence[UUID]) -> Query[str]:
    """Return a query for columns that have values in these archived jobs and that the app has dropped since."""
    return Query(_DROPPED_COLUMNS, first_column, {"ids": list(job_ids)})


def _conditions(query: ArchiveQuery) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if query.project_id is not None:
        conditions.append(_archived.c.project_id == query.project_id)
    if query.status is not None:
        conditions.append(_archived.c.status == query.status.value)
    if query.archived_since is not None:
        conditions.append(_archived.c.archived_at >= query.archived_since)
    return conditions


def page(query: ArchiveQuery, *, after: PageKey | None, limit: int, is_light: bool) -> Query[ArchivedJob]:
    """Return a query, newest first, with an extra row if there is a next page. Light rows cut long errors."""
    rows = sa.select(*(_LIGHT_COLUMNS if is_light else _COLUMNS), _archived.c.archived_at).where(*_conditions(query))
    if after is not None:
        rows = rows.where(cursor(after) > _KEY)
    make = partial(_make_archived, make=make_listed) if is_light else _make_archived
    return Query(rows.order_by(_archived.c.created_at.desc(), _archived.c.id.desc()).limit(limit + 1), make)


_THESE = sa.select(*_COLUMNS, _archived.c.archived_at).where(_archived.c.id == sa.any_(_IDS))


def _make_archived(row: Row, make: RowMaker[GenerationJob] = make_job) -> ArchivedJob:
    return ArchivedJob(job=make(row[:-1]), archived_at=row[-1])


def oldest(query: ArchiveQuery, *, after: PageKey | None, rows: int) -> Query[PageKey]:
    keys = sa.select(_archived.c.created_at, _archived.c.id).where(*_conditions(query))
    if after is not None:
        keys = keys.where(cursor(after) < _KEY)
    return Query(keys.order_by(_archived.c.created_at, _archived.c.id).limit(rows), make_key)


_sums = tables.job_summary


def _from_rollups() -> sa.Select[Any]:
    counted = _sums.c.job_count, _sums.c.total_cost_cents, _sums.c.first_job_at, _sums.c.last_job_at
    return sa.select(_sums.c.user_id, _sums.c.project_id, _sums.c.status, *counted)


def _of_rows(source: sa.TableClause) -> sa.Select[Any]:
    key = source.c.user_id, source.c.project_id, source.c.status
    times = (
        sa.func.min(source.c.created_at).label("first_job_at"),
        sa.func.max(source.c.created_at).label("last_job_at"),
    )
    cents = sa.func.coalesce(sa.func.sum(source.c.cost_cents), 0).label("total_cost_cents")
    counted = sa.func.count().label("job_count"), cents, *times
    return sa.select(*key, *counted).group_by(*key)


def summary(project_id: UUID | None, *, limit: int, has_rollups: bool) -> Query[JobSummary]:
    """Return the summary, most expensive first. With `has_rollups`, only archived jobs are counted."""
    present = _from_rollups() if has_rollups else _of_rows(tables.generation_jobs)
    both = sa.union_all(present, _of_rows(_archived)).subquery("both")
    key = both.c.user_id, both.c.project_id, both.c.status
    number, cents = sa.func.sum(both.c.job_count), sa.func.sum(both.c.total_cost_cents)
    total = sa.cast(cents, sa.BigInteger)
    counted = sa.cast(number, sa.BigInteger), total, cents / number
    rows = sa.select(*key, *counted, sa.func.min(both.c.first_job_at), sa.func.max(both.c.last_job_at)).group_by(*key)
    if project_id is not None:
        rows = rows.where(both.c.project_id == project_id)
    return Query(rows.order_by(total.desc(), *key).limit(limit), make_summary)


COUNTED = 10_000
"""The maximum number of archived jobs that are counted by default."""


async def list_archived(
    store: Store, query: ArchiveQuery, *, limit: int, after: PageKey | None = None, is_light: bool = False
) -> Page[ArchivedJob]:
    """Return archived jobs, newest first by creation. With `is_light`, they are `ListedJob`s with long errors cut."""
    asked = page(query, after=after, limit=validation.check_limit(limit), is_light=is_light)
    rows = await store.actor_database.read(asked, needs=Capability.MIGRATED)
    last = rows[limit - 1].job if len(rows) > limit else None
    key = PageKey(created_at=last.created_at, id=last.id) if last else None
    return Page(items=tuple(rows[:limit]), next_key=key)


async def get_archived(store: Store, job_ids: Sequence[UUID]) -> tuple[ArchivedJob, ...]:
    """Return those of the jobs that are archived, in the order of `job_ids`."""
    these = await store.actor_database.read(
        Query(_THESE, _make_archived, {"ids": list(job_ids)}), needs=Capability.MIGRATED
    )
    found = {one.job.id: one for one in these}
    return tuple(found[job_id] for job_id in job_ids if job_id in found)


async def count_archived(store: Store, query: ArchiveQuery) -> tuple[StatusCount, ...]:
    """Return counts by status, in workflow order."""
    rows = await store.actor_database.read(
        count_by_status(_archived, _conditions(query)), needs=Capability.MIGRATED, limits=COUNTING
    )
    return tuple(sorted(rows, key=lambda row: status_order(row.status)))


_SOME = sa.select(_archived.c.id).limit(COUNTED + 1).subquery("some")
_COUNT_SOME: Query[int] = Query(sa.select(sa.func.count()).select_from(_SOME), make_number)


async def count_some_archived(store: Store) -> CappedCount:
    (number,) = await store.actor_database.read(_COUNT_SOME, needs=Capability.MIGRATED)
    return CappedCount.of(number, COUNTED)


async def require_archive(store: Store, *, otherwise: str) -> None:
    """Raise SchemaMissing if there is no archive. `otherwise` is a sentence that names an alternative."""
    try:
        await count_some_archived(store)
    except SchemaMissing as error:
        raise SchemaMissing(error.message, hint=f"{error.hint} {otherwise}") from error


async def restore_archived(store: Store, job_ids: Sequence[UUID]) -> tuple[str, ...]:
    """Restore all of the jobs or none. Return the columns whose values are lost, because the app dropped them.

    Raises RowMissing with the ids that are not archived. Raises Conflict if an id is taken, or if a row that a job
    needs no longer exists.
    """
    try:
        async with store.actor_database.write(Capability.RESTORING) as transaction:
            dropped = await transaction.run(dropped_columns(job_ids))
            restored = set(await transaction.run(restore(job_ids)))
            if missing := tuple(job_id for job_id in job_ids if job_id not in restored):
                raise validation.not_archived(missing)
            transaction.record(WriteRecord(what="restore archived jobs", touched=tuple(job_ids)))
            return tuple(dropped)
    except InvalidValue as error:
        raise validation.not_restored_from_archive(error) from error


async def restore_matching(store: Store, query: ArchiveQuery) -> AsyncGenerator[BatchProgress, None]:
    """Restore matching jobs, oldest first, and yield the progress after each batch. Stop iterating to stop."""
    async for progress in in_batches(partial(_restore, store, query), BatchProgress()):
        yield progress


async def _restore(store: Store, query: ArchiveQuery, after: PageKey | None, rows: int) -> RetentionBatch:
    keys: list[PageKey] = []
    restored: list[UUID] = []
    dropped: list[str] = []
    try:
        await store.actor_database.require(Capability.MIGRATED)
        async with store.actor_database.write(Capability.RESTORING, limits=LIMITS) as transaction:
            keys = await transaction.run(oldest(query, after=after, rows=rows))
            if keys:
                # Both queries skip jobs that someone else has restored since.
                dropped = await transaction.run(dropped_columns([key.id for key in keys]))
                restored = await transaction.run(restore([key.id for key in keys]))
            if restored:
                transaction.record(WriteRecord(what="restore archived jobs", touched=tuple(restored)))
    except RETRYABLE_REFUSALS as error:
        if not keys:
            raise
        return RetentionBatch(keys, error=validation.named_refusal(error))
    return RetentionBatch(keys, done=len(restored), dropped_columns=tuple(dropped))


async def get_statistics_with_archive(store: Store, project_id: UUID | None = None) -> JobStatistics:
    """Return the same as `Store.get_job_statistics`, including archived jobs, all as of one moment."""
    has_rollups = await store.actor_database.has(Capability.ROLLUPS)
    of_present = statistics_sql.by_status(project_id, from_rollups=has_rollups)
    of_archive = count_by_status(_archived, _conditions(ArchiveQuery(project_id=project_id)))
    asked = of_present, of_archive, _IS_SHOWN_WHOLE
    present, archived, (is_whole,) = await store.actor_database.read_together(
        *asked, needs=Capability.MIGRATED, limits=COUNTING
    )
    every = [*present, *archived]
    rows = [row for status in in_order(row.status for row in every) if (row := _added(status, every))]
    return JobStatistics(by_status=tuple(rows), includes_archive=is_whole)


async def is_archive_shown_whole(store: Store) -> bool:
    """Return whether the actor sees every archived job that they would see if it were not archived."""
    (is_whole,) = await store.actor_database.read(_IS_SHOWN_WHOLE, needs=Capability.MIGRATED)
    return is_whole


async def get_summary_with_archive(
    store: Store, project_id: UUID | None = None, *, limit: int = PAGE_SIZE
) -> Sequence[JobSummary]:
    """Return the same as `Store.get_job_summary`, including archived jobs."""
    has_rollups = await store.actor_database.has(Capability.ROLLUPS)
    asked = summary(project_id, limit=validation.check_limit(limit), has_rollups=has_rollups)
    return await store.actor_database.read(asked, needs=Capability.MIGRATED, limits=COUNTING)


def _added(status: AnyStatus, rows: Sequence[JobStatistic | StatusCount]) -> JobStatistic | None:
    """Return the row for a status, or None without jobs."""
    of_status = [row for row in rows if row.status == status]
    number, cents = sum(row.count for row in of_status), sum(row.total_cost_cents for row in of_status)
    if not number:
        return None
    return JobStatistic(status=status, count=number, total_cost_cents=cents, avg_cost_cents=round(cents / number, 2))
