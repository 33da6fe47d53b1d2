"""Recent moves, the oldest queued job, stuck jobs and costs by outcome."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import FEWEST, CappedCount
from gjobs.store.statistics import statistics, statistics_sql
from gjobs.store.statistics.statistics import (
    LEAST_SECONDS,
    MOST_SECONDS,
    JobFlow,
    OutcomeCosts,
    RecentFlows,
    TotalsQuery,
)
from gjobs.store.store import Store
from tests.store.statistics.test_statistics_sql import finished
from tests.store.store_fixtures import ADA, BEN, NOTHING, NOW, Db, Sql, add_ada, altered

MINUTE = timedelta(minutes=1)
TRIGGER = "alter table generation_jobs {} trigger update_generation_jobs_updated_at"
"""The app's trigger replaces the times that a test sets."""


async def flow_of(store: Store, query: TotalsQuery | None = None) -> JobFlow:
    return await store.get_flow(query or TotalsQuery(), at=NOW)


def entered(flow: JobFlow) -> list[int | None]:
    assert flow.moves is not None
    return [flow.moves.entered.get(status) for status in JobStatus]


async def test_flow_counts_the_jobs_that_entered_each_state_in_the_last_minutes(db: Db) -> None:
    project, other = db.make_project(), db.make_project(BEN)
    db.make_job(project, created_at=NOW - MINUTE)
    db.make_job(project, created_at=NOW - 9 * MINUTE, updated_at=NOW - 9 * MINUTE)
    with altered(db.sql, TRIGGER.format("disable"), TRIGGER.format("enable")):
        finished(db.sql, project, NOW - MINUTE, started_at=NOW - 2 * MINUTE, created_at=NOW - 3 * MINUTE)
        finished(
            db.sql, project, NOW - MINUTE, started_at=NOW - 7 * MINUTE, created_at=NOW - 8 * MINUTE, status="failed"
        )
        finished(db.sql, project, NOW - 6 * MINUTE, started_at=NOW - 7 * MINUTE, created_at=NOW - 8 * MINUTE)
        finished(db.sql, other, NOW - MINUTE, started_at=NOW - 2 * MINUTE, created_at=NOW - 3 * MINUTE)
    flow = await flow_of(db.operator)
    assert entered(flow) == [3, 2, 2, 1]
    assert flow.moves is not None
    assert flow.moves.seconds == 300.0
    assert flow.moves.per_minute(JobStatus.QUEUED) == pytest.approx(0.6)
    assert flow.oldest_queued_at == NOW - 9 * MINUTE
    for store, query in ((db.ada, None), (db.operator, TotalsQuery(project_id=project))):
        assert entered(await flow_of(store, query)) == [2, 1, 1, 1]
    nothing = await flow_of(db.stranger)
    assert (entered(nothing), nothing.oldest_queued_at) == ([0, 0, 0, 0], None)


async def test_totals_and_flow_of_one_snapshot_equal_those_read_apart(db: Db) -> None:
    project = db.make_project()
    db.make_job(project)
    for store in (db.operator, db.ada):
        together, apart = await store.get_totals(TotalsQuery(), with_flow=True), await store.get_totals(TotalsQuery())
        flow = await store.get_flow(TotalsQuery())
        assert together == apart
        assert together.flow is not None
        assert replace(together.flow, taken_at=flow.taken_at, moves=None) == replace(flow, moves=None)


async def test_stuck_jobs_are_counted_in_the_snapshot_of_the_counts_while_the_flow_is_kept(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "LEAST_SECONDS", MOST_SECONDS)
    project, query = db.make_project(), TotalsQuery()
    stuck = [db.make_job(project, "running", updated_at=NOW - 31 * MINUTE) for _ in range(2)]
    assert (await db.operator.get_totals(query, at=NOW)).stuck is None
    kept = await flow_of(db.operator)
    assert kept.stuck == CappedCount(number=2)

    db.sql("update generation_jobs set status = 'failed' where id = %s", (stuck[0],))
    later = await db.operator.get_totals(query, at=NOW)
    assert (later.counts[JobStatus.RUNNING].number, later.stuck) == (1, CappedCount(number=1))
    assert await flow_of(db.operator) is kept

    together = await db.operator.get_totals(query, at=NOW, with_flow=True)
    assert await flow_of(db.operator) is together.flow


async def test_rates_cover_a_shorter_time_when_many_jobs_move(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics_sql, "MOST_MOVES", 2)
    project = db.make_project()
    for seconds in (10, 20, 200):
        created_at = NOW - timedelta(seconds=seconds)
        db.make_job(project, created_at=created_at, updated_at=created_at)
    flow = await flow_of(db.operator)
    assert flow.moves is not None
    assert (flow.moves.seconds, entered(flow)) == (20.0, [2, 0, 0, 0])


async def test_starts_are_unknown_where_they_are_not_recorded(app_store: Store, app_sql: Sql) -> None:
    add_ada(app_sql, project_id=NOTHING)
    finished(app_sql, NOTHING, NOW, created_at=NOW - MINUTE)
    flow = await flow_of(app_store)
    assert entered(flow) == [1, None, 1, 0]
    assert flow.moves is not None
    assert flow.moves.per_minute(JobStatus.RUNNING) is None


async def test_stuck_jobs_are_counted_by_time_lease_and_usual_duration(db: Db) -> None:
    project = db.make_project()
    stuck = [db.make_job(project, "running", updated_at=NOW - 31 * MINUTE) for _ in range(2)]
    quick = db.make_job(project, "running", mode="quick", updated_at=NOW - 10 * MINUTE)
    db.make_job(project, "running", mode="slow", updated_at=NOW - 10 * MINUTE)
    assert (await flow_of(db.operator)).stuck == CappedCount(number=2)

    for _ in range(FEWEST):
        finished(db.sql, project, NOW - MINUTE, started_at=NOW - 2 * MINUTE, mode="quick")
    assert (await flow_of(db.operator, TotalsQuery(days=2))).stuck == CappedCount(number=3)

    db.sql(
        "insert into gjobs.job_leases (job_id, owner, attempt, acquired_at, expires_at)"
        " select id, null, 1, %s, %s from unnest(%s::uuid[]) id",
        [NOW, NOW + MINUTE, [stuck[0], quick]],
    )
    assert (await flow_of(db.operator, TotalsQuery(days=3))).stuck == CappedCount(number=1)


def on(day: datetime, succeeded: int, failed: int) -> tuple[date, OutcomeCosts]:
    return day.date(), OutcomeCosts(day=day.date(), succeeded_cents=succeeded, failed_cents=failed)


async def test_costs_of_each_day_are_split_by_outcome_until_the_limit(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    project, yesterday = db.make_project(ADA), NOW - timedelta(days=1)
    for day, status, cents in (
        (NOW, "succeeded", 5),
        (NOW, "succeeded", 6),
        (NOW, "queued", 7),
        (yesterday, "failed", 8),
    ):
        db.make_job(project, status, cost_cents=cents, created_at=day)
    assert (await flow_of(db.operator)).outcomes == dict([on(yesterday, 0, 8), on(NOW, 11, 0)])
    monkeypatch.setattr(statistics_sql, "MOST_PRICED", 4)
    assert (await flow_of(db.operator, TotalsQuery(days=2))).outcomes == dict([on(NOW, 11, 0)])


async def test_flow_is_read_again_after_a_rest_that_depends_on_its_duration() -> None:
    now, duration, reads = 0.0, 0.5, 0

    async def read() -> JobFlow:
        nonlocal now, reads
        now, reads = now + duration, reads + 1
        return JobFlow(taken_at=NOW, stuck=CappedCount(number=reads))

    flows = RecentFlows(lambda: now)

    async def number(scope: str = "project") -> int:
        flow = await flows.get(scope, read)
        assert flow.stuck is not None
        return flow.stuck.number

    assert [await number(), await number(), await number("other")] == [1, 1, 2]
    now, duration = now + LEAST_SECONDS + 0.01, 1.0
    assert [await number(), await number()] == [3, 3]
    now += MOST_SECONDS - 0.01
    assert await number() == 3
    now += 0.02
    assert await number() == 4
