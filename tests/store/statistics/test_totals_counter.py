"""Counts, costs and waste: exact if that is cheap, otherwise capped, estimated or of the newest jobs."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from random import Random
from typing import Any
from uuid import UUID

import pytest

from gjobs.store.budgets.budget_sql import Readable
from gjobs.store.database.query import TimeLimits
from gjobs.store.error_groups.error_group import error_group_id, fingerprint
from gjobs.store.errors import Locked, TimedOut
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.projects import project_sql
from gjobs.store.statistics import waste_sql
from gjobs.store.statistics.read_totals import (
    CountCapabilities,
    TotalsCounter,
    count_capabilities,
    count_totals_exactly,
)
from gjobs.store.statistics.statistics import Count, Precision, ProjectTotals, Totals, TotalsQuery, WasteKey, WasteRow
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import ADA, BEN, NOW, Db, Sql, altered

ALL = CountCapabilities(
    has_projects=True,
    has_rollups=False,
    readable=frozenset(),
    may_estimate=True,
    budgets=Readable(projects=True, users=False),
)

OF_A_USER = replace(ALL, may_estimate=False)
EVERYTHING = TotalsQuery()
ADA_HERSELF = ActingUser(id=ADA, email="ada@example.com")


@pytest.fixture
def project(db: Db) -> UUID:
    """A project of Ada's with four queued and three failed jobs of the last days."""
    project = db.make_project()
    for number in range(4):
        db.make_job(project, "queued", cost_cents=100, created_at=NOW - timedelta(days=number))
    for _ in range(3):
        db.make_job(project, "failed", cost_cents=-50, error="broken")
    return project


async def count(
    store: Store, query: TotalsQuery, can: CountCapabilities = ALL, *, actor: Actor = OPERATOR, **settings: Any
) -> Totals:
    return await TotalsCounter(store.database, actor, **settings).count(query, can, at=NOW)


async def count_exactly(
    store: Store,
    query: TotalsQuery = EVERYTHING,
    can: CountCapabilities = ALL,
    *,
    actor: Actor = OPERATOR,
    report: Callable[[int, int], None] = lambda *_: None,
    **settings: Any,
) -> Totals:
    return await count_totals_exactly(store.database, actor, query, can, at=NOW, report=report, **settings)


@pytest.fixture
def other_project(db: Db) -> UUID:
    """A project of Ben's with one job, which Ada does not see."""
    project = db.make_project(BEN, "Other")
    db.make_job(project, "queued", cost_cents=7)
    return project


FAILED = ListQuery(job_filter=parse("error:broken", now=NOW))


async def test_cheap_totals_are_exact_and_exceed_the_cap(operator: Store, project: UUID, other_project: UUID) -> None:
    numbers = await operator.get_totals(TotalsQuery(days=2, matching=FAILED), at=NOW)
    assert numbers.precision is Precision.EXACT
    assert numbers.statistics is not None
    assert (numbers.statistics.total_count, numbers.statistics.total_cost_cents) == (8, 257)
    assert numbers.count(JobStatus.QUEUED) == Count(number=5)
    assert numbers.count(JobStatus.RUNNING) == Count(number=0)
    assert numbers.count(None) == Count(number=8)
    assert numbers.matching == Count(number=3)
    assert numbers.days is not None
    assert [(day.job_count, day.total_cost_cents) for day in numbers.days] == [(1, 100), (5, -43)]
    assert numbers.projects == {
        project: ProjectTotals(job_count=7, total_cost_cents=250),
        other_project: ProjectTotals(job_count=1, total_cost_cents=7),
    }
    assert (numbers.taken_at, numbers.actor) == (NOW, OPERATOR)

    numbers = await count(operator, TotalsQuery(matching=FAILED), most=2)
    assert numbers.matching == Count(number=3)


@pytest.mark.usefixtures("project", "other_project")
async def test_totals_from_rollups_equal_counted_totals(operator: Store, ada: Store) -> None:
    for store in (operator, ada):
        can = await count_capabilities(store.actor_database, EVERYTHING)
        assert (can.has_rollups, can.may_estimate) == (True, store is operator), "only the operator gets estimates"
        for query in (EVERYTHING, TotalsQuery(project_id=(await store.get_projects())[0].id, matching=FAILED)):
            assert await store.get_totals(query, at=NOW) == await count(store, query, actor=store.actor)


async def test_counting_in_batches_equals_counting_at_once(db: Db, project: UUID, other_project: UUID) -> None:
    db.sql(
        "insert into generation_jobs (user_id, project_id, status, mode, cost_cents, error, created_at)"
        " select user_id, id, (array['queued', 'running', 'failed'])[1 + mod(n, 3)], 'lifestyle', mod(n, 7),"
        " case when mod(n, 3) = 2 then repeat('broken ', 9) end, %s - n * interval '1 hour'"
        " from projects, generate_series(1, 100) n",
        (NOW,),
    )
    actors: tuple[Actor, ...] = (OPERATOR, ADA_HERSELF)
    for actor, project_id in product(actors, (project, None)):
        capabilities = ALL if actor == OPERATOR else OF_A_USER
        query = TotalsQuery(project_id=project_id, matching=FAILED)
        expected = await count(db.operator, query, capabilities, actor=actor)
        reports: list[tuple[int, int]] = []

        def report(done: int, pages: int, reports: list[tuple[int, int]] = reports) -> None:
            reports.append((done, pages))

        assert expected == await count_exactly(db.operator, query, capabilities, actor=actor, pages_at_once=4096)
        assert expected == await count_exactly(
            db.operator, query, capabilities, actor=actor, report=report, pages_at_once=1
        )
        done, all_pages = reports[-1]
        assert done == all_pages
        assert reports == [(page, all_pages) for page in range(all_pages + 1)]
        assert all_pages > 3


async def test_jobs_added_during_an_exact_count_are_not_counted(db: Db, project: UUID) -> None:
    def add_one(*_: int) -> None:
        db.make_job(project, "running")

    for number in range(100):
        db.make_job(project, "succeeded", error="x" * 400, created_at=NOW - timedelta(hours=number))
    exact = await count_exactly(db.operator, report=add_one, pages_at_once=1)
    assert exact.count(None) == Count(number=107)


async def test_each_statement_of_an_exact_count_gets_the_remaining_time_of_its_budget(
    operator: Store, project: UUID, sql: Sql, other_project: UUID
) -> None:
    with pytest.raises(TimedOut, match="longer than"):
        await count_exactly(operator, budget=0.0)

    moments = iter([0.0, 6.0])
    with readable_if(sql, "current_setting('statement_timeout') = '4s'"):
        numbers = await count_exactly(
            operator, can=OF_A_USER, actor=ADA_HERSELF, budget=10.0, clock=lambda: next(moments)
        )
    assert numbers.count(None) == Count(number=7)


@pytest.fixture
def with_slow_jobs(database: Conninfo, sql: Sql, project: UUID, db: Db) -> Iterator[None]:
    """After the project's quick jobs comes one whose policy check takes very long for a user."""
    db.make_job(project, "failed", mode="slow", error="broken", created_at=NOW - timedelta(days=12))
    # The slow job must be the last one in every plan. After deletions, the newest row isn't always read last.
    with connect(database, autocommit=True) as connection:
        connection.execute("create temporary table ordered as select * from generation_jobs order by mode = 'slow'")
        connection.execute("truncate generation_jobs")
        connection.execute("insert into generation_jobs select * from ordered")
    with readable_if(sql, "case when mode = 'slow' then pg_sleep(20) is not null else true end"):
        yield


def readable_if(sql: Sql, condition: str) -> AbstractContextManager[None]:
    """Add a restrictive policy with this condition for users."""
    policy = f"create policy seen on generation_jobs as restrictive for select to authenticated using ({condition})"
    return altered(sql, policy, "drop policy seen on generation_jobs")


def hasty(store: Store, clock: Callable[[], float] = lambda: 0.0, *, cap: int = 2) -> TotalsCounter:
    return TotalsCounter(store.database, ADA_HERSELF, limits=TimeLimits(statement=0.2), most=cap, clock=clock)


@pytest.mark.usefixtures("with_slow_jobs")
async def test_expensive_count_stops_at_a_cap_or_is_estimated(operator: Store, db: Db) -> None:
    numbers = await hasty(operator).count(TotalsQuery(matching=FAILED), OF_A_USER, at=NOW)
    assert (numbers.statistics, numbers.days, numbers.projects) == (None, None, None)
    capped = Count(number=2, precision=Precision.CAPPED)
    assert numbers.count(JobStatus.QUEUED) == numbers.count(JobStatus.FAILED) == numbers.matching == capped
    assert numbers.precision is Precision.CAPPED
    assert numbers.count(JobStatus.RUNNING) == Count(number=0), "the slow job isn't running"

    db.sql("analyze generation_jobs")
    numbers = await hasty(db.operator, cap=1).count(EVERYTHING, ALL, at=NOW)
    failed = numbers.count(JobStatus.FAILED)
    assert failed is not None
    assert failed.precision is numbers.precision is Precision.ESTIMATED
    assert failed.number > 1
    assert numbers.count(JobStatus.RUNNING) == Count(number=0)
    filtered = ListQuery(job_filter=parse("mode:lifestyle", now=NOW))
    numbers = await hasty(db.operator, cap=2).count(TotalsQuery(matching=filtered), ALL, at=NOW)
    assert numbers.count(JobStatus.FAILED) == numbers.matching == Count(number=2, precision=Precision.CAPPED)


async def test_expensive_count_is_retried_after_a_pause(sql: Sql, operator: Store, project: UUID) -> None:
    now = 0.0
    counting = hasty(operator, lambda: now)
    query = TotalsQuery(project_id=project)
    with readable_if(sql, "pg_sleep(20) is not null"):
        numbers = await counting.count(query, OF_A_USER, at=NOW)
        assert numbers.count(None) is numbers.count(JobStatus.QUEUED) is None
    assert (await counting.count(query, OF_A_USER, at=NOW)).count(None) is None, "the pause has not passed"
    assert (await counting.count(EVERYTHING, OF_A_USER, at=NOW)).count(None) == Count(number=7), "another scope"
    now = 301.0
    assert (await counting.count(query, OF_A_USER, at=NOW)).count(None) == Count(number=7)


async def test_count_of_a_locked_table_raises_locked(database: Conninfo, operator: Store) -> None:
    with connect(database) as connection:
        connection.execute("lock table generation_jobs in access exclusive mode")
        with pytest.raises(Locked):
            await count(operator, EVERYTHING, limits=TimeLimits(statement=5.0, lock=0.05))


async def test_unreadable_projects_are_found_by_jobs(operator: Store, project: UUID, other_project: UUID) -> None:
    names = await operator.database.read(OPERATOR, project_sql.project_names(limit=10))
    assert {(one.id, one.user_id, one.name) for one in names} == {
        (project, ADA, str(project)[:8]),
        (other_project, BEN, str(other_project)[:8]),
    }
    assert [one.id for one in names] == sorted(one.id for one in names)
    assert await operator.database.read(OPERATOR, project_sql.project_names(limit=10, of_one_user=True)) == names
    (hers,) = await operator.database.read(ADA_HERSELF, project_sql.project_names(limit=10, of_one_user=True))
    assert hers.id == project
    (first,) = await operator.database.read(OPERATOR, project_sql.project_names(limit=1))
    assert first == names[0]
    known_by_jobs = CountCapabilities(has_projects=False, has_rollups=False, readable=frozenset(), may_estimate=True)
    for actor, projects in ((OPERATOR, {project, other_project}), (ADA_HERSELF, {project})):
        assert set((await count(operator, EVERYTHING, known_by_jobs, actor=actor)).projects or ()) == projects


STATUSES = ("queued", "running", "succeeded", "failed", "failed")
ERRORS = ("Job 17 failed", "Job 18 failed", None, '{"message": "Timeout after 30 s"}')


@pytest.fixture
def project_ids(db: Db, sql: Sql) -> list[UUID]:
    """Three projects with eighty jobs over seven weeks. A third of them repeat another job."""
    random = Random(20260115)  # noqa: S311
    projects = [db.make_project(ADA, "One"), db.make_project(ADA, "Two"), db.make_project(BEN, "Three")]
    for number in range(80):
        job = db.make_job(
            random.choice(projects),
            status := random.choice(STATUSES),
            mode=random.choice(("lifestyle", "packaging")),
            error=random.choice(ERRORS) if status == "failed" else None,
            cost_cents=random.choice((-3, 0, 1, 250, 2_000_000_000)),
            created_at=NOW - timedelta(minutes=random.randint(-600, 70_000)),
        )
        if number % 3 == 0:
            sql("update generation_jobs set retry_count = 1 where id = %s", (job,))
    return projects


def key_of(job: GenerationJob, by: WasteKey) -> str | UUID | date:
    match by:
        case WasteKey.MODE:
            return job.mode
        case WasteKey.PROJECT:
            return job.project_id
        case WasteKey.USER:
            return job.user_id
        case WasteKey.GROUP:
            return error_group_id(job.error) if job.status == "failed" else ""
        case WasteKey.DAY:
            return job.created_at.date()


NAMES = {ADA: "ada@example.com", BEN: "ben@example.com"}


def row_of(key: str | UUID | date | None, jobs: list[GenerationJob], *, is_group: bool = False) -> WasteRow:
    failed = [job for job in jobs if job.status == "failed"]
    retries = [job for job in jobs if job.status != "failed" and job.retry_count]
    return WasteRow(
        key=key,
        name=fingerprint(failed[0].error) if is_group and failed else None,
        failed_count=len(failed),
        failed_cents=sum(job.cost_cents for job in failed),
        retry_count=len(retries),
        retry_cents=sum(job.cost_cents for job in retries),
        all_cents=None if is_group else sum(job.cost_cents for job in jobs),
    )


async def assert_waste_matches(store: Store, project_id: UUID | None, by: WasteKey) -> None:
    page = await (store.get_project_jobs(project_id) if project_id else store.get_generation_jobs())
    first = NOW.date() - timedelta(days=29)
    jobs = [job for job in page if by is not WasteKey.DAY or first <= job.created_at.date() <= NOW.date()]
    by_key = defaultdict(list)
    for job in jobs:
        by_key[key_of(job, by)].append(job)
    rows = [row_of(key, some, is_group=by is WasteKey.GROUP) for key, some in by_key.items()]
    rows = [row for row in rows if row.failed_count or row.retry_count]
    if by in (WasteKey.PROJECT, WasteKey.USER):
        names = NAMES | {project.id: project.name for project in await store.get_projects()}
        rows = [replace(row, name=names[row.key]) for row in rows if isinstance(row.key, UUID)]

    found = await store.get_waste(by, project_id, at=NOW)

    assert found.is_exact
    assert found.total == row_of(None, jobs)
    assert sorted(found.rows, key=repr) == sorted(rows, key=repr)
    wasted = [row.waste_cents for row in found.rows]
    if by is WasteKey.DAY:
        assert [row.key for row in found.rows] == sorted((row.key for row in rows), key=str, reverse=True)
    else:
        assert wasted == sorted(wasted, reverse=True)


async def test_waste_from_rollups_and_from_jobs_matches_the_jobs(db: Db, project_ids: list[UUID]) -> None:
    async def assert_all_match() -> None:
        db.operator.capability_cache.latest = None
        for store in (db.ada, db.operator):
            for project_id in (None, *project_ids):
                for by in WasteKey:
                    await assert_waste_matches(store, project_id, by)

    await assert_all_match()
    db.sql("select gjobs.fold_events()")
    await assert_all_match()
    # The keys with the most waste change, new ones appear, and others disappear.
    db.sql("update generation_jobs set cost_cents = 0 where mode = 'lifestyle' and cost_cents > 250")
    db.make_job(project_ids[0], "failed", mode="new", error="New", cost_cents=50)
    db.sql("delete from generation_jobs where mode = 'packaging' and user_id = %s", (ADA,))
    await assert_all_match()
    with altered(
        db.sql,
        "revoke select on gjobs.job_waste, gjobs.job_summary from public, current_user",
        "grant select on gjobs.job_waste, gjobs.job_summary to public, current_user",
    ):
        await assert_all_match()


async def test_waste_of_an_unmigrated_database_covers_the_newest_jobs(
    app_store: Store, app_sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    app_sql("insert into auth.users (id) values (%s)", (ADA,))
    app_sql("insert into projects (id, user_id, name) values (%s, %s, 'One')", (ADA, ADA))
    app_sql(
        "insert into generation_jobs (user_id, project_id, status, mode, error, cost_cents, created_at)"
        " select %s, %s, case when n <= 4 then 'failed' else 'succeeded' end, 'lifestyle', 'Job ' || n || ' failed', n,"
        " %s - n * interval '1 hour' from generate_series(1, 8) n",
        (ADA, ADA, NOW),
    )
    everything = await app_store.get_waste(at=NOW)
    assert (everything.is_exact, everything.total.waste_cents, everything.total.all_cents) == (True, 10, 36)
    assert everything.limited_because is None

    monkeypatch.setattr(waste_sql, "MOST_WASTED_JOBS", 3)
    monkeypatch.setattr(waste_sql, "MOST_GROUPED_JOBS", 6)
    for by, most, cents, all_cents in ((WasteKey.DAY, 3, 6, 6), (WasteKey.GROUP, 6, 10, 21)):
        found = await app_store.get_waste(by, at=NOW)
        assert (found.is_exact, found.read_limit) == (False, most)
        assert "'gjobs migrate up'" in (found.limited_because or "")
        assert (found.total.waste_cents, found.total.all_cents, found.total.retry_count) == (cents, all_cents, 0)
    assert [row.name for row in found.rows] == ["Job # failed"]


async def test_waste_is_read_from_the_newest_jobs_once_another_policy_applies(
    ada: Store, db: Db, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = db.make_project(ADA)
    for cents in (1, 2, 3):
        db.make_job(project, "failed", cost_cents=cents, created_at=NOW - timedelta(minutes=cents))
    assert (await ada.get_waste()).is_exact
    monkeypatch.setattr(waste_sql, "MOST_WASTED_JOBS", 2)
    policy = "create policy everyones on generation_jobs for select using (true)"
    with altered(sql, policy, "drop policy everyones on generation_jobs"):
        found = await ada.get_waste()
        assert (found.read_limit, found.total.failed_cents) == (2, 3)
        assert found.limited_because == (
            "The app's own policies or grants decide which jobs are visible, so no rollup covers them."
        )


async def test_waste_lists_the_worst_keys_and_the_total_of_all(operator: Store, db: Db) -> None:
    project = db.make_project()
    for number in range(1, 6):
        db.make_job(project, "failed", mode=f"mode {number}", cost_cents=number)
    found = await operator.get_waste(limit=2)
    assert [row.key for row in found.rows] == ["mode 5", "mode 4"]
    assert (found.has_more, found.total.failed_cents, found.total.share) == (True, 15, 1.0)
    assert not (await operator.get_waste(limit=5)).has_more


async def test_groups_have_names_after_a_burst_of_other_errors(operator: Store, db: Db, sql: Sql) -> None:
    project, other = db.make_project(), db.make_project(ADA, "Other")
    for error in (*ERRORS, "Step A failed", "Step B failed", "Asset 3f2a9c1e-8d47-4b1a-9a57-2c1f6b8e7d90 not found"):
        db.make_job(project, "failed", error=error, created_at=NOW - timedelta(days=1))
    sql(
        "insert into generation_jobs (user_id, project_id, status, mode, error, created_at)"
        " select %s, %s, 'failed', 'lifestyle', 'GPU ' || n %% 200 || ' out of memory', %s"
        " from generate_series(1, 2500) n",
        (ADA, other, NOW),
    )
    named = {"Job # failed", "", "Step A failed", "Step B failed", "Timeout after #", "Asset # not found"}
    found = await operator.get_waste(WasteKey.GROUP)
    assert {row.name for row in found.rows} == {*named, "GPU # out of memory"}
    found = await operator.get_waste(WasteKey.GROUP, project)
    assert ({row.name for row in found.rows}, found.unnamed_groups) == (named, 0)
