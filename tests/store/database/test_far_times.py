"""Times at the limits of the columns: every query can read them."""

from collections.abc import Awaitable, Callable
from itertools import product
from uuid import UUID

import pytest

from store.filters.filter_text import parse
from store.job_list.list_query import ListingQuery, ListOrder, ListQuery, OrderColumn, RowWindowQuery
from store.jobs.job import JobStatus
from store.leases import lease_sql
from store.retention.archive import get_statistics_with_archive, get_summary_with_archive, list_archived
from store.retention.cleanup import count_expired
from store.retention.retention import ArchiveQuery, ExpiredJobs
from store.statistics.totals import TotalsQuery
from store.store import Store
from store.users.actor import OPERATOR
from tests.store.store_fixtures import NOW, MakeJob, MakeProject, Sql

TIMES = [
    "infinity",
    "-infinity",
    "294276-12-31 23:59:59.999999+00",
    "294276-01-01 00:00:00+00",
    "4714-11-24 00:00:00+00 BC",
    "9999-12-31 23:59:59.999999+00",
    "2026-01-15 12:00:00+00",
]

FILTERS = [
    *("took:>5m", "took:>=5m", "took:<5m", "took:<=5m", "took:1m..2h", "-took:>5m", "took:>36500d", "took:<36500d"),
    *("since:7d", "until:7d", "-since:7d", "since:2026-01-01", "until:2026-01-01", "is:stuck", "-is:stuck"),
]


@pytest.fixture
def far_jobs(make_project: MakeProject, make_job: MakeJob) -> dict[tuple[str, str, JobStatus], UUID]:
    """One job for each pair of times and each status."""
    project_id = make_project()
    return {
        (created, updated, status): make_job(project_id, status, created_at=created, updated_at=updated)
        for created, updated, status in product(TIMES, TIMES, JobStatus)
    }


async def test_every_filter_finds_jobs_with_times_at_the_limits(
    operator: Store, far_jobs: dict[tuple[str, str, JobStatus], UUID]
) -> None:
    """A job in the far future is found by its duration."""
    for text in FILTERS:
        job_filter = parse(text, now=NOW)
        page = await operator.find_jobs(job_filter, limit=1000)
        assert len(page.items) == await operator.count_jobs(job_filter, most=10_000), text

    async def found(text: str) -> set[UUID]:
        return {job.id for job in (await operator.find_jobs(parse(text), limit=1000)).items}

    last, a_year_before = TIMES[2], TIMES[3]
    slow = far_jobs[a_year_before, last, JobStatus.FAILED]
    instant = far_jobs[last, last, JobStatus.FAILED]
    assert {slow, instant} & await found("took:>5m") == {slow}
    assert {slow, instant} & await found("took:<5m") == {instant}


def listing(order: ListOrder) -> Callable[[Store, UUID], Awaitable[object]]:
    query = ListingQuery(window=RowWindowQuery(listed=ListQuery(order=order)))
    return lambda store, _: store.get_listing(query)


async def read_watch(store: Store) -> object:
    watch = await store.watch()
    return [await watch.read(), await watch.read()]


Read = Callable[[Store, UUID], Awaitable[object]]

READS: dict[str, Read] = {
    "jobs": lambda store, _: store.get_generation_jobs(limit=1000),
    "recent": lambda store, _: store.get_recent_jobs(100),
    "statistics": lambda store, _: store.get_job_statistics(),
    "costs": lambda store, _: store.get_total_costs(),
    "summary": lambda store, _: store.get_job_summary(),
    "timings": lambda store, _: store.get_job_timings(),
    "totals": lambda store, _: store.get_totals(TotalsQuery(days=7)),
    "exact totals": lambda store, _: store.get_exact_totals(TotalsQuery(days=7), lambda *_: None),
    "projects": lambda store, _: store.get_projects(),
    "users": lambda store, _: store.get_users(),
    "found users": lambda store, _: store.find_users("ada"),
    "workers": lambda store, _: store.get_workers_overview(),
    "budgets": lambda store, _: store.get_budgets(),
    "archive": lambda store, _: list_archived(store, ArchiveQuery(), limit=100),
    "statistics with archive": lambda store, _: get_statistics_with_archive(store),
    "summary with archive": lambda store, _: get_summary_with_archive(store),
    "clean-up": lambda store, _: count_expired(store, ExpiredJobs(created_before=NOW)),
    "watch": lambda store, _: read_watch(store),
    **{
        f"listing by {column.value} {descending}": listing(ListOrder(column=column, descending=descending))
        for column in OrderColumn
        for descending in (False, True)
    },
}

READS_OF_ONE_JOB: dict[str, Read] = {
    "job": lambda store, job_id: store.get_generation_job(job_id),
    "history": lambda store, job_id: store.get_job_history(job_id),
    "stuck": lambda store, job_id: store.get_stuck_verdict(job_id),
    "links": lambda store, job_id: store.get_job_links(job_id),
    "id": lambda store, job_id: store.find_by_id(str(job_id)),
}


async def test_every_query_reads_jobs_with_times_at_the_limits(
    operator: Store, ada: Store, far_jobs: dict[object, UUID]
) -> None:
    first, *_ = far_jobs.values()
    calls = [(name, read, job_id) for name, read in READS_OF_ONE_JOB.items() for job_id in far_jobs.values()]
    calls += [(name, read, first) for name, read in READS.items()]
    for name, read, job_id in calls:
        for store in (operator,) if name in ("users", "found users") else (operator, ada):
            try:
                await read(store, job_id)
            except Exception as error:
                error.add_note(f"{name} of {job_id}")
                raise


async def test_lease_with_any_expiry_time_can_be_read(operator: Store, make_job: MakeJob, sql: Sql) -> None:
    job_id = make_job(status=JobStatus.RUNNING)
    sql("insert into gjobs.job_leases values (%s, gen_random_uuid(), 1, now(), now(), null)", (job_id,))
    for expires in TIMES:
        sql("update gjobs.job_leases set expires_at = %s", (expires,))
        await operator.database.read(OPERATOR, lease_sql.next_due())
        await operator.get_workers_overview()
        await operator.get_stuck_verdict(job_id)
