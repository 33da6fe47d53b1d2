"""On a migrated table without `retry_count` and `completed_at`, the end of a job is known from its events."""

from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

import pytest

from gjobs.migrations.columns import lacking_columns
from gjobs.migrations.runner import add_columns, upgrade
from gjobs.store.database.database import Database
from gjobs.store.job_list.list_query import ListingQuery, ListQuery, RowWindowQuery
from gjobs.store.jobs.job import JobStatus, job_times
from gjobs.store.jobs.job_results import Applied, Retried
from gjobs.store.moments.past_store import past_store
from gjobs.store.statistics.statistics import TotalsQuery, WasteKey
from gjobs.store.store import Store
from tests.conftest import Conninfo
from tests.store.store_fixtures import Sql, add_ada, the_job

JOB, OTHER = UUID(int=0xA1), UUID(int=0xA2)


@pytest.fixture
async def store(attached_database: Conninfo, app_sql: Sql) -> AsyncIterator[Store]:
    upgrade(attached_database)
    add_ada(app_sql, JOB, OTHER)
    async with Store(Database(attached_database)) as store:
        yield store


def event_time(sql: Sql, status: str) -> datetime:
    ((at,),) = sql("select at from gjobs.job_events where to_status = %s and kind = 'status'", (status,))
    assert isinstance(at, datetime)
    return at


async def test_job_has_its_times_wherever_it_is_read_and_after_it_is_restored(store: Store, app_sql: Sql) -> None:
    await store.transition_job_status(JOB, "running")
    outcome = await store.transition_job_status(JOB, "failed", error="Boom")
    assert isinstance(outcome, Applied)
    ended = outcome.job
    assert (ended.started_at, ended.completed_at) == (event_time(app_sql, "running"), event_time(app_sql, "failed"))
    assert ended.retry_count is None
    assert job_times(ended, None).run is not None

    listing = await store.get_listing(ListingQuery(window=RowWindowQuery(listed=ListQuery(status=JobStatus.FAILED))))
    (listed,) = listing.window.jobs
    assert listing.window.has_starts
    assert (listed.completed_at, listed.started_at) == (ended.completed_at, ended.started_at)

    app_sql("select gjobs.archive_jobs(%s)", ([JOB],))
    app_sql("select gjobs.restore_jobs(%s)", ([JOB],))
    assert await the_job(store, JOB) == ended
    await store.delete_generation_jobs({JOB: None})
    await store.restore_generation_jobs([ended])
    assert await the_job(store, JOB) == ended


async def test_past_moments_and_statistics_work(store: Store, app_sql: Sql) -> None:
    await store.transition_job_status(JOB, "running")
    ((while_running,),) = app_sql("select clock_timestamp()")
    await store.transition_job_status(JOB, "succeeded")
    past = await the_job(past_store(store, while_running), JOB)
    assert (past.status, past.completed_at) == (JobStatus.RUNNING, None)

    timings = await store.get_job_timings()
    assert (timings.of_all.succeeded, timings.of_all.queued) == (1, 1)
    assert timings.of_all.running is not None
    flow = await store.get_flow(TotalsQuery())
    assert flow.moves is not None
    assert flow.moves.entered[JobStatus.SUCCEEDED] == 1


async def test_retry_is_linked_and_counted_once_the_table_has_the_column(
    store: Store, app_sql: Sql, attached_database: Conninfo
) -> None:
    app_sql("update generation_jobs set status = 'failed'")
    assert not (await store.get_waste(WasteKey.MODE)).knows_retries
    (made,) = await store.retry_generation_jobs([JOB])
    assert isinstance(made, Retried)
    assert (made.job.retry_count, made.job.status) == (None, JobStatus.QUEUED)
    assert (await store.get_job_links(made.job.id)).repeats == JOB

    add_columns(attached_database, lacking_columns(attached_database))
    async with Store(Database(attached_database)) as later:
        (counted,) = await later.retry_generation_jobs([OTHER])
        assert isinstance(counted, Retried)
        assert counted.job.retry_count == 1
        waste = await later.get_waste(WasteKey.MODE)
        assert (waste.knows_retries, waste.total.retry_count) == (True, 1)
