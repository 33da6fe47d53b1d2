"""Counts and costs: exact if that is cheap, otherwise capped or estimated."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from gjobs.store.budgets.budget_sql import Readable
from gjobs.store.database.query import TimeLimits
from gjobs.store.errors import Locked, TimedOut
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.store.projects import project_sql
from gjobs.store.statistics.read_totals import (
    CountCapabilities,
    TotalsCounter,
    count_capabilities,
    count_totals_exactly,
)
from gjobs.store.statistics.statistics import Count, Precision, ProjectTotals, Totals, TotalsQuery
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
