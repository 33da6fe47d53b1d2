"""Times at the ends of what the columns hold: no reader of the database fails on them."""

from collections.abc import Awaitable, Callable
from itertools import product
from uuid import UUID

import pytest

from store.budgets.budget import Period
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

FAR = [
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
    """One for each pair of times and status."""
    project_id = make_project()
    return {
        (created, updated, status): make_job(project_id, status, created_at=created, updated_at=updated)
        for created, updated, status in product(FAR, FAR, JobStatus)
    }


async def test_filters_are_answered_whatever_the_times_of_the_jobs(
    operator: Store, far_jobs: dict[tuple[str, str, JobStatus], UUID]
) -> None:
    """And find a job of a far future by how long it took, as exactly as anybody can say."""
    for text in FILTERS:
        job_filter = parse(text, now=NOW)
        page = await operator.find_jobs(job_filter, limit=1000)
        assert len(page.items) == await operator.count_jobs(job_filter, most=10_000), text

    async def found(text: str) -> set[UUID]:
        return {job.id for job in (await operator.find_jobs(parse(text), limit=1000)).items}

    last, year = FAR[2], FAR[3]
    long = far_jobs[year, last, JobStatus.FAILED]
    none = far_jobs[last, last, JobStatus.FAILED]
    assert long in await found("took:>5m")
    assert long not in await found("took:<5m")
    assert none not in await found("took:>5m")
    assert none in await found("took:<5m")


def listing(order: ListOrder) -> Callable[[Store, UUID], Awaitable[object]]:
    query = ListingQuery(window=RowWindowQuery(listed=ListQuery(order=order)))
    return lambda store, _: store.get_listing(query)


READERS: dict[str, Callable[[Store, UUID], Awaitable[object]]] = {
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
    "one": lambda store, job_id: store.get_generation_job(job_id),
    "history": lambda store, job_id: store.get_job_history(job_id),
    "stuck": lambda store, job_id: store.get_stuck_verdict(job_id),
    "links": lambda store, job_id: store.get_job_links(job_id),
    "id": lambda store, job_id: store.find_by_id(str(job_id)),
    **{
        f"listing by {column.value} {descending}": listing(ListOrder(column=column, descending=descending))
        for column in OrderColumn
        for descending in (False, True)
    },
}


async def read_watch(store: Store) -> object:
    watch = await store.watch()
    return [await watch.read(), await watch.read()]


async def test_readers_are_answered_whatever_the_times_of_the_jobs(
    operator: Store, ada: Store, far_jobs: dict[object, UUID]
) -> None:
    for name, read in READERS.items():
        singular = name in ("one", "history", "stuck", "links", "id")
        for store in (operator,) if name in ("users", "found users") else (operator, ada):
            for job_id in list(far_jobs.values()) if singular else list(far_jobs.values())[:1]:
                try:
                    await read(store, job_id)
                except Exception as error:
                    error.add_note(f"{name} of {job_id}")
                    raise


async def test_worker_reads_leases_whatever_their_end(operator: Store, make_job: MakeJob, sql: Sql) -> None:
    job_id = make_job(status=JobStatus.RUNNING)
    sql("insert into gjobs.job_leases values (%s, gen_random_uuid(), 1, now(), now(), null)", (job_id,))
    for expires in FAR:
        sql("update gjobs.job_leases set expires_at = %s", (expires,))
        await operator.database.read(OPERATOR, lease_sql.next_due())
        await operator.get_workers_overview()
        await operator.get_stuck_verdict(job_id)


async def test_budgets_are_set_and_charged_whatever_the_times_of_the_jobs(
    operator: Store, make_project: MakeProject, make_job: MakeJob
) -> None:
    projects = earlier, later = make_project(), make_project()
    for period in Period:
        await operator.set_budget(project_id=earlier, period=period, limit_cents=1_000_000)
    for project_id, created in product(projects, FAR):
        make_job(project_id, JobStatus.SUCCEEDED, created_at=created, cost_cents=10)
    for period in Period:
        await operator.set_budget(project_id=later, period=period, limit_cents=1_000_000)

    budgets = await operator.get_budgets()
    spent = {budget.project_id: budget.spent_cents for budget in budgets if budget.period is Period.ALL}
    assert spent == dict.fromkeys(projects, 10 * len(FAR))


async def test_app_changes_and_deletes_jobs_under_budgets_whatever_their_times(
    operator: Store, make_project: MakeProject, make_job: MakeJob, sql: Sql
) -> None:
    project_id = make_project()
    for period in Period:
        await operator.set_budget(project_id=project_id, period=period, limit_cents=1_000_000)
    for created in FAR:
        make_job(project_id, JobStatus.QUEUED, created_at=created, updated_at=created)
    sql("update generation_jobs set status = 'running' where project_id = %s", (project_id,))
    sql("update generation_jobs set cost_cents = cost_cents + 1 where project_id = %s", (project_id,))
    sql("update generation_jobs set status = 'failed', completed_at = created_at where project_id = %s", (project_id,))
    for created in FAR:
        sql("update generation_jobs set created_at = %s where project_id = %s", (created, project_id))
    sql("delete from generation_jobs where project_id = %s", (project_id,))
    assert sql("select count(*) from generation_jobs where project_id = %s", (project_id,)) == [(0,)]
