"""Waste from rollups and from the newest jobs equals what Python computes from the same jobs."""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from uuid import UUID

import pytest

from gjobs.store.database.database import Database
from gjobs.store.error_groups.error_group import error_group_id, fingerprint
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.statistics import waste_sql
from gjobs.store.statistics.statistics import WasteKey, WasteRow
from gjobs.store.store import Store
from tests.conftest import Conninfo
from tests.store.store_fixtures import ADA, BEN, NOW, Db, Sql, altered

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


@pytest.fixture
async def attached(attached_database: Conninfo) -> AsyncIterator[Store]:
    store = Store(Database(attached_database))
    yield store
    await store.close()


async def test_waste_of_an_unmigrated_database_covers_the_newest_jobs(
    attached: Store, app_sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    app_sql("insert into auth.users (id) values (%s)", (ADA,))
    app_sql("insert into projects (id, user_id, name) values (%s, %s, 'One')", (ADA, ADA))
    app_sql(
        "insert into generation_jobs (user_id, project_id, status, mode, error, cost_cents, created_at)"
        " select %s, %s, case when n <= 4 then 'failed' else 'succeeded' end, 'lifestyle', 'Job ' || n || ' failed', n,"
        " %s - n * interval '1 hour' from generate_series(1, 8) n",
        (ADA, ADA, NOW),
    )
    everything = await attached.get_waste(at=NOW)
    assert (everything.is_exact, everything.total.waste_cents, everything.total.all_cents) == (True, 10, 36)
    assert everything.limited_because is None

    monkeypatch.setattr(waste_sql, "MOST_WASTED_JOBS", 3)
    monkeypatch.setattr(waste_sql, "MOST_GROUPED_JOBS", 6)
    for by, most, cents, all_cents in ((WasteKey.DAY, 3, 6, 6), (WasteKey.GROUP, 6, 10, 21)):
        found = await attached.get_waste(by, at=NOW)
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
