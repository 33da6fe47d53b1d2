"""Lists, counts and restores archived jobs."""

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from uuid import UUID

from gjobs.store import validation
from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import InvalidValue, SchemaMissing
from gjobs.store.jobs.job import AnyStatus, in_order, status_order
from gjobs.store.jobs.job_results import CappedCount, Page, PageKey
from gjobs.store.journal.write_record import WriteRecord
from gjobs.store.page_limits import PAGE_SIZE
from gjobs.store.retention import archive_sql
from gjobs.store.retention.batches import COUNTING, LIMITS, RETRYABLE_REFUSALS, RetentionBatch, in_batches
from gjobs.store.retention.retention import ArchivedJob, ArchiveQuery, BatchProgress, StatusCount
from gjobs.store.statistics import statistics_sql
from gjobs.store.statistics.statistics import JobStatistic, JobStatistics, JobSummary
from gjobs.store.store import Store

COUNTED = 10_000
"""The maximum number of archived jobs that are counted by default."""


async def list_archived(
    store: Store, query: ArchiveQuery, *, limit: int, after: PageKey | None = None, is_light: bool = False
) -> Page[ArchivedJob]:
    """Return archived jobs, newest first by creation. With `is_light`, they are `ListedJob`s with long errors cut."""
    asked = archive_sql.page(query, after=after, limit=validation.check_limit(limit), is_light=is_light)
    return archive_sql.paged(await store.actor_database.read(asked, needs=Capability.ARCHIVE), limit)


async def get_archived(store: Store, job_ids: Sequence[UUID]) -> tuple[ArchivedJob, ...]:
    """Return those of the jobs that are archived, in the order of `job_ids`."""
    these = await store.actor_database.read(archive_sql.archived_by_ids(job_ids), needs=Capability.ARCHIVE)
    found = {one.job.id: one for one in these}
    return tuple(found[job_id] for job_id in job_ids if job_id in found)


async def count_archived(store: Store, query: ArchiveQuery) -> tuple[StatusCount, ...]:
    """Return counts by status, in workflow order."""
    rows = await store.actor_database.read(archive_sql.count(query), needs=Capability.ARCHIVE, limits=COUNTING)
    return tuple(sorted(rows, key=lambda row: status_order(row.status)))


async def count_some_archived(store: Store) -> CappedCount:
    (number,) = await store.actor_database.read(archive_sql.capped_number(most=COUNTED), needs=Capability.ARCHIVE)
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
            dropped = await transaction.run(archive_sql.dropped_columns(job_ids))
            restored = set(await transaction.run(archive_sql.restore(job_ids)))
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
        async with store.actor_database.write(Capability.RESTORING, limits=LIMITS) as transaction:
            keys = await transaction.run(archive_sql.oldest(query, after=after, rows=rows))
            if keys:
                # Both queries skip jobs that someone else has restored since.
                dropped = await transaction.run(archive_sql.dropped_columns([key.id for key in keys]))
                restored = await transaction.run(archive_sql.restore([key.id for key in keys]))
            if restored:
                transaction.record(WriteRecord(what="restore archived jobs", touched=tuple(restored)))
    except RETRYABLE_REFUSALS as error:
        if not keys:
            raise
        return RetentionBatch(keys, error=error)
    return RetentionBatch(keys, done=len(restored), dropped_columns=tuple(dropped))


async def get_statistics_with_archive(store: Store, project_id: UUID | None = None) -> JobStatistics:
    """Return the same as `Store.get_job_statistics`, including archived jobs, all as of one moment."""
    by_status = (
        statistics_sql.by_status_from_rollups
        if await store.actor_database.has(Capability.ROLLUPS)
        else statistics_sql.by_status_from_jobs
    )
    asked = by_status(project_id), archive_sql.by_status(project_id), archive_sql.is_shown_whole()
    present, archived, (is_whole,) = await store.actor_database.read_together(
        *asked, needs=Capability.ARCHIVE, limits=COUNTING
    )
    every = [*present, *archived]
    rows = [row for status in in_order(row.status for row in every) if (row := _added(status, every))]
    return JobStatistics(by_status=tuple(rows), includes_archive=is_whole)


async def is_archive_shown_whole(store: Store) -> bool:
    """Return whether the actor sees every archived job that they would see if it were not archived."""
    (is_whole,) = await store.actor_database.read(archive_sql.is_shown_whole(), needs=Capability.ARCHIVE)
    return is_whole


async def get_summary_with_archive(
    store: Store, project_id: UUID | None = None, *, limit: int = PAGE_SIZE
) -> Sequence[JobSummary]:
    """Return the same as `Store.get_job_summary`, including archived jobs."""
    has_rollups = await store.actor_database.has(Capability.ROLLUPS)
    asked = archive_sql.summary(project_id, limit=validation.check_limit(limit), has_rollups=has_rollups)
    return await store.actor_database.read(asked, needs=Capability.ARCHIVE, limits=COUNTING)


def _added(status: AnyStatus, rows: Sequence[JobStatistic]) -> JobStatistic | None:
    """Return the row for a status, or None without jobs."""
    of_status = [row for row in rows if row.status == status]
    number, cents = sum(row.count for row in of_status), sum(row.total_cost_cents for row in of_status)
    if not number:
        return None
    return JobStatistic(status=status, count=number, total_cost_cents=cents, avg_cost_cents=round(cents / number, 2))
