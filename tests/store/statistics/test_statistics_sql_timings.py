"""Waiting and running times of jobs match those that Python computes from the same times."""

from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

import pytest

from gjobs.store.database.database import Database
from gjobs.store.statistics import statistics_sql
from gjobs.store.statistics.statistics import ModeTimings
from gjobs.store.store import Store
from tests.conftest import Conninfo
from tests.store.store_fixtures import NOTHING, NOW, Db, Sql, add_ada, record_start

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


async def test_only_the_duration_is_known_without_recorded_starts(attached_database: Conninfo, app_sql: Sql) -> None:
    add_ada(app_sql, project_id=NOTHING)
    finished(app_sql, NOTHING, NOW, created_at=NOW - timedelta(seconds=40), status="failed")
    async with Store(Database(attached_database)) as store:
        found = (await store.get_job_timings(window=HOUR, at=NOW)).of_all
    assert (found.failed, found.waiting, found.running) == (1, None, None)
    assert spread(found, "total") == (40.0, 40.0)
