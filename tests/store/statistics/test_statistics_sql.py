"""Statistics, summary, totals and times of the database match those that Python computes from the same rows."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import pytest

from gjobs.store import tables
from gjobs.store.database.query import Query
from gjobs.store.errors import InvalidValue
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import ListingQuery, ListQuery, RowWindowQuery
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus
from gjobs.store.jobs.job_results import Page
from gjobs.store.projects import project_sql
from gjobs.store.retention.archive import count_by_status
from gjobs.store.statistics import statistics_sql
from gjobs.store.statistics.statistics import JobStatistics, ModeTimings, ProjectTotals, TotalsQuery
from gjobs.store.store import Store
from gjobs.store.users import user_sql
from tests.store.store_fixtures import ADA, BEN, NOTHING, NOW, Db, Sql, add_ada, error_of, record_start


@pytest.fixture
def project_ids(db: Db) -> list[UUID]:
    """Three projects with sixty jobs of all statuses over four weeks, with high, zero and negative costs."""
    random = Random(20260115)  # noqa: S311
    projects = [db.make_project(ADA, "One"), db.make_project(ADA, "Two"), db.make_project(BEN, "Three")]
    db.make_jobs(
        {
            "id": uuid4(),
            "project_id": random.choice(projects),
            "status": random.choice(list(JobStatus)),
            "cost_cents": random.choice([-3, 0, 1, 2, 250, 2_000_000_000]),
            "created_at": NOW - timedelta(minutes=random.randint(-600, 40_000)),
        }
        for _ in range(60)
    )
    return projects


async def all_jobs(store: Store, project_id: UUID | None) -> list[GenerationJob]:
    page: Page[GenerationJob]
    page = await (store.get_project_jobs(project_id) if project_id else store.get_generation_jobs())
    return list(page)


async def project_totals(store: Store) -> dict[UUID, ProjectTotals]:
    return {
        project.id: ProjectTotals(job_count=project.job_count, total_cost_cents=project.total_cost_cents)
        for project in await store.get_projects()
    }


async def test_statistics_by_status_match_the_jobs(operator: Store, ada: Store, project_ids: list[UUID]) -> None:
    for store in (operator, ada):
        for project_id in (None, *project_ids):
            jobs = await all_jobs(store, project_id)
            statistics = await store.get_job_statistics(project_id)
            counts = Counter(job.status for job in jobs)
            assert {row.status: row.count for row in statistics} == counts
            assert [row.status for row in statistics] == [status for status in JobStatus if counts[status]]
            for row in statistics:
                costs = [job.cost_cents for job in jobs if job.status is row.status]
                assert row.total_cost_cents == sum(costs)
                assert row.avg_cost_cents == pytest.approx(sum(costs) / len(costs), abs=0.005)
            assert await store.get_total_costs(project_id) == sum(job.cost_cents for job in jobs)


async def test_job_summary_matches_the_jobs(operator: Store, ada: Store, project_ids: list[UUID]) -> None:
    for store in (operator, ada):
        groups: dict[tuple[UUID, UUID, AnyStatus], list[GenerationJob]] = defaultdict(list)
        for job in await all_jobs(store, None):
            groups[job.user_id, job.project_id, job.status].append(job)
        rows = await store.get_job_summary()
        assert {(row.user_id, row.project_id, row.status) for row in rows} == set(groups)
        for row in rows:
            group = groups[row.user_id, row.project_id, row.status]
            assert row.job_count == len(group)
            assert row.total_cost_cents == sum(job.cost_cents for job in group)
            assert row.avg_cost_cents == pytest.approx(row.total_cost_cents / len(group), abs=0.005)
            assert row.first_job_at == min(job.created_at for job in group)
            assert row.last_job_at == max(job.created_at for job in group)
        totals = [row.total_cost_cents for row in rows]
        assert totals == sorted(totals, reverse=True)
        assert list(await store.get_job_summary(project_ids[0])) == [
            row for row in rows if row.project_id == project_ids[0]
        ]
        assert list(await store.get_job_summary(limit=2)) == list(rows[:2])


async def test_listing_matches_its_window_and_projects(operator: Store, ada: Store, project_ids: list[UUID]) -> None:
    for store in (operator, ada):
        for project_id in (None, project_ids[0]):
            for status in (None, JobStatus.FAILED):
                window = RowWindowQuery(listed=ListQuery(project_id=project_id, status=status), after=7)
                listing = await store.get_listing(ListingQuery(window=window), at=NOW)
                assert listing.query.window == window
                assert listing.window == await store.get_window(window)
                named = {project.id: project.name for project in await store.get_projects()}
                assert {project.id: project.name for project in listing.projects} == named
                assert listing.has_project == (project_id is None or project_id in named)
                assert listing.taken_at == NOW


async def test_statistics_without_jobs_are_empty(operator: Store, db: Db) -> None:
    for project_id in (None, db.make_project(), NOTHING):
        assert await operator.get_job_statistics(project_id) == JobStatistics(by_status=())
        assert await operator.get_total_costs(project_id) == 0
        assert list(await operator.get_job_summary(project_id)) == []
    exact = await operator.get_exact_totals(TotalsQuery(), lambda *_: None)
    for numbers in (await operator.get_totals(TotalsQuery()), exact):
        assert numbers.statistics == JobStatistics(by_status=())
        assert len(numbers.days or ()) == 14


async def test_listing_and_totals_use_the_server_time(operator: Store) -> None:
    before = datetime.now(UTC)
    listing, numbers = await operator.get_listing(ListingQuery()), await operator.get_totals(TotalsQuery())
    assert timedelta(0) <= listing.taken_at - before < timedelta(minutes=1)
    assert timedelta(0) <= numbers.taken_at - before < timedelta(minutes=1)
    assert (numbers.days or ())[-1].day == numbers.taken_at.date()


async def test_invalid_number_of_days_is_refused(operator: Store) -> None:
    for days in (0, -1, 10**9):
        assert (await error_of(InvalidValue, operator.get_totals(TotalsQuery(days=days)))).field == "days"


@pytest.mark.parametrize("newest", [1, 10_000])
async def test_rollups_equal_counted_statistics(
    operator: Store, ada: Store, project_ids: list[UUID], newest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first and last jobs are found among the oldest and newest ones, or else looked up."""
    monkeypatch.setattr(statistics_sql, "MOST_ENDS", newest)
    monkeypatch.setattr(user_sql, "NEWEST_JOBS", newest)
    for store in (operator, ada):
        of_users = [partial(user_sql.list_users, limit=50)] if store is operator else []
        for project_id in (None, *project_ids):
            queries: list[Callable[..., Query[Any]]] = [
                partial(statistics_sql.by_status, project_id),
                partial(statistics_sql.summary, project_id, limit=50),
                partial(project_sql.list_projects, limit=50),
                partial(statistics_sql.by_day, project_id, days=14, at=NOW),
                *of_users,
            ]
            for query in queries:
                rows, expected = await store.database.read_together(
                    store.actor, query(from_rollups=True), query(from_rollups=False)
                )
                assert sorted(rows, key=repr) == sorted(expected, key=repr)
        of_projects = await store.database.read(store.actor, statistics_sql.totals_by_project_from_rollups(limit=50))
        assert dict(of_projects) == {id_: one for id_, one in (await project_totals(store)).items() if one.job_count}


async def test_jobs_without_a_cost_count_as_free(app_store: Store, app_sql: Sql) -> None:
    """The app's own table may allow such jobs."""
    add_ada(app_sql, UUID(int=1), UUID(int=2))
    app_sql("alter table generation_jobs alter cost_cents drop not null")
    app_sql("update generation_jobs set cost_cents = null")
    (statistic,) = (await app_store.get_job_statistics()).by_status
    assert (statistic.count, statistic.total_cost_cents, statistic.avg_cost_cents) == (2, 0, 0.0)
    assert await app_store.get_total_costs() == 0
    totals = await app_store.get_totals(TotalsQuery(), at=NOW)
    assert totals == await app_store.get_exact_totals(TotalsQuery(), lambda *_: None, at=NOW)
    for has_projects in (True, False):
        listed = project_sql.list_projects(limit=2, has_projects=has_projects)
        (project,) = await app_store.database.read(app_store.actor, listed)
        assert project.total_cost_cents == 0, "not unknown"
    counts = await app_store.database.read(app_store.actor, count_by_status(tables.generation_jobs, []))
    assert [(count.count, count.total_cost_cents) for count in counts] == [(2, 0)]
    app_sql("update generation_jobs set cost_cents = 100 where id = %s", (UUID(int=1),))
    totals = await app_store.get_totals(TotalsQuery(), at=NOW)
    assert totals.statistics is not None
    assert totals.statistics.by_status[0].avg_cost_cents == 50.0
    assert totals == await app_store.get_exact_totals(TotalsQuery(), lambda *_: None, at=NOW)


APP_CHANGES = {
    "jobs without a status": (
        "alter table generation_jobs alter status drop not null",
        "update generation_jobs set status = null",
    ),
    "no jobs": ("delete from generation_jobs",),
    "a view": (
        "alter table generation_jobs rename to jobs",
        "create view generation_jobs as select * from jobs",
    ),
    "a partitioned table": (
        "alter table generation_jobs rename to jobs",
        "create table generation_jobs (like jobs including defaults) partition by list (status)",
        "create table others partition of generation_jobs default",
        "insert into generation_jobs select * from jobs",
    ),
}


@pytest.mark.parametrize("statements", APP_CHANGES.values(), ids=APP_CHANGES)
async def test_exact_totals_of_an_apps_own_table_equal_counted_totals(
    app_store: Store, app_sql: Sql, statements: tuple[str, ...]
) -> None:
    add_ada(app_sql, UUID(int=1), UUID(int=2))
    for statement in statements:
        app_sql(statement)
    for text in ("", "error:none", "is:stuck", "-mode:draft"):
        query = TotalsQuery(matching=ListQuery(job_filter=parse(text, now=NOW)))
        totals = await app_store.get_totals(query, at=NOW)
        assert totals == await app_store.get_exact_totals(query, lambda *_: None, at=NOW), text


HOUR = timedelta(hours=1)


def finished(
    sql: Sql,
    project: UUID,
    ended_at: datetime,
    *,
    started_at: datetime | None = None,
    created_at: datetime = NOW - HOUR,
    status: str = "succeeded",
    mode: str = "lifestyle",
) -> None:
    """Insert a finished job with the columns that the triggers set, at the given times."""
    ((job,),) = sql(
        "insert into generation_jobs (user_id, project_id, status, mode, created_at, updated_at)"
        " select user_id, id, %s, %s, %s, %s from projects where id = %s returning id",
        [status, mode, created_at, ended_at, project],
    )
    if started_at is not None:
        sql("update generation_jobs set completed_at = %s where id = %s", [ended_at, job])
        record_start(sql, [job], started_at)


def spread(work: ModeTimings, name: str) -> tuple[float, float] | None:
    found = getattr(work, name)
    return None if found is None else (found.median, found.percentile_95)


async def test_job_timings_report_percentiles_of_waiting_running_and_duration(db: Db) -> None:
    project = db.make_project()
    waits, runs = [1, 2, 3, 4, 90], [10, 20, 30, 40, 1_000]
    for wait, run in zip(waits, runs, strict=True):
        created_at = NOW - timedelta(minutes=30)
        started_at = created_at + timedelta(seconds=wait)
        finished(db.sql, project, started_at + timedelta(seconds=run), started_at=started_at, created_at=created_at)
    found = (await db.operator.get_job_timings(window=HOUR, at=NOW)).of_all
    assert (found.mode, found.succeeded, found.failed, found.failure_rate) == (None, 5, 0, 0.0)
    assert spread(found, "waiting") == pytest.approx((median(waits), 4 + 0.8 * 86))
    assert spread(found, "running") == pytest.approx((median(runs), 40 + 0.8 * 960))
    assert spread(found, "total") == pytest.approx((33, 44 + 0.8 * 1_046))


async def test_job_timings_are_grouped_by_mode_and_limited_to_visible_jobs(db: Db) -> None:
    project, other = db.make_project(), db.make_project(name="Other")
    for status, mode in (("failed", "b"), ("succeeded", "b"), ("succeeded", "b"), ("failed", "a"), ("succeeded", "c")):
        finished(db.sql, project, NOW - timedelta(minutes=59 if mode != "c" else 61), status=status, mode=mode)
    for minutes in (5, 90):
        db.make_job(other, mode="a", created_at=NOW - timedelta(minutes=minutes))
    found = await db.operator.get_job_timings(window=HOUR, at=NOW)
    counts = [(work.mode, work.succeeded, work.failed, work.queued) for work in found.by_mode]
    assert counts == [("a", 0, 1, 2), ("b", 2, 1, 0)]
    assert found.by_mode[0].oldest_queued_at == NOW - timedelta(minutes=90)
    assert found.by_mode[1].failure_rate == pytest.approx(1 / 3)
    assert found.by_mode[1].waiting is None
    assert (found.of_all.finished, found.of_all.queued, found.per_hour) == (4, 2, 4.0)
    assert not found.is_capped
    assert (await db.ada.get_job_timings(window=HOUR, at=NOW)) == found
    assert (await db.operator.get_job_timings(other, window=HOUR, at=NOW)).of_all.finished == 0
    nothing = await db.stranger.get_job_timings(window=HOUR, at=NOW)
    assert (nothing.by_mode, nothing.of_all.failure_rate, nothing.of_all.total) == ((), None, None)


async def test_job_timings_report_that_they_are_capped(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics_sql, "MOST_TIMED_JOBS", 1)
    project = db.make_project()
    db.make_job(project)
    assert not (await db.operator.get_job_timings(at=NOW)).is_capped
    db.make_job(project)
    assert (await db.operator.get_job_timings(at=NOW)).is_capped


async def test_job_with_an_infinite_time_has_no_duration(db: Db) -> None:
    for created_at in ("infinity", "-infinity"):
        db.make_job(status="succeeded", created_at=created_at, updated_at=NOW)
    found = (await db.operator.get_job_timings(window=HOUR, at=NOW)).of_all
    assert (found.finished, found.total) == (2, None)


async def test_only_the_duration_is_known_without_recorded_starts(app_store: Store, app_sql: Sql) -> None:
    add_ada(app_sql, project_id=NOTHING)
    finished(app_sql, NOTHING, NOW, created_at=NOW - timedelta(seconds=40), status="failed")
    found = (await app_store.get_job_timings(window=HOUR, at=NOW)).of_all
    assert (found.failed, found.waiting, found.running) == (1, None, None)
    assert spread(found, "total") == (40.0, 40.0)
