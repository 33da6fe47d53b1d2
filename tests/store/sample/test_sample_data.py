"""The sample data is the same every time, realistic, and changes no existing rows."""

import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gjobs.store.configuration.settings import EMBEDDED_USER
from gjobs.store.database.database import Database
from gjobs.store.embedded.server_files import ServerHandle
from gjobs.store.errors import SchemaMissing, Unreachable
from gjobs.store.isolation.isolation import PROBED, ProbeMethod, ProbeVerdict
from gjobs.store.isolation.isolation_check import plan_probes, run_probes
from gjobs.store.jobs.job import USUAL_MODES, JobStatus
from gjobs.store.sample.sample_data import Sample, fill, sample
from gjobs.store.store import Store
from tests.conftest import Conninfo
from tests.store.store_fixtures import NOW

MOMENTS = st.integers(-50_000, 80_000).map(lambda hours: NOW + timedelta(hours=hours, minutes=hours % 60))
THE_SAMPLE = sample(NOW)


def as_text(conninfo: Conninfo) -> dict[str, str]:
    return {name: str(value) for name, value in conninfo.items()}


def without_times(whole: Sample) -> list[object]:
    jobs = [(j.id, j.user_id, j.project_id, j.status, j.mode, j.cost_cents, j.input_asset_id) for j in whole.jobs]
    assets = [(a.id, a.storage_path, a.prompt_payload, a.source_asset_id) for a in whole.assets]
    return [*jobs, *assets, *((u.id, u.email) for u in whole.users), *((p.id, p.name) for p in whole.projects)]


@settings(max_examples=15)
@given(MOMENTS)
@example(NOW)
def test_only_the_times_of_the_sample_depend_on_the_given_time_and_lie_in_the_month_before_it(now: datetime) -> None:
    whole = sample(now)
    assert without_times(whole) == without_times(THE_SAMPLE)
    for job in whole.jobs:
        assert now - timedelta(days=31) < job.created_at <= job.updated_at <= now
        assert (job.started_at is None) == (job.status is JobStatus.QUEUED)
        assert job.started_at is None or job.created_at < job.started_at <= job.updated_at
    begun = {project.id: project.created_at for project in whole.projects}
    assert all(begun[job.project_id] < job.created_at for job in whole.jobs)
    assert all(begun[asset.project_id] < asset.created_at <= now for asset in whole.assets)
    joined = {user.id: user.created_at for user in whole.users}
    assert all(joined[project.user_id] < project.created_at for project in whole.projects)
    uploaded = {asset.id: asset.created_at for asset in whole.assets}
    assert all(uploaded[job.input_asset_id] < job.created_at for job in whole.jobs if job.input_asset_id)


def test_sample_has_the_expected_users_projects_and_jobs() -> None:
    assert [user.email for user in THE_SAMPLE.users] == [EMBEDDED_USER, "ben@example.com", None]
    assert len(THE_SAMPLE.jobs) == 600
    ada = THE_SAMPLE.users[0].id
    names = {project.name for project in THE_SAMPLE.projects if project.user_id == ada}
    assert names == {"Autumn catalog", "Spring lookbook", "Packaging tests"}
    owners = {project.user_id for project in THE_SAMPLE.projects}
    assert owners == {user.id for user in THE_SAMPLE.users} == {job.user_id for job in THE_SAMPLE.jobs}


def test_sample_rows_refer_to_each_other_consistently() -> None:
    owners = {project.id: project.user_id for project in THE_SAMPLE.projects}
    projects = {asset.id: asset.project_id for asset in THE_SAMPLE.assets}
    assert all(owners[job.project_id] == job.user_id for job in THE_SAMPLE.jobs)
    assert all(owners[asset.project_id] == asset.user_id for asset in THE_SAMPLE.assets)
    assert all(projects[job.input_asset_id] == job.project_id for job in THE_SAMPLE.jobs if job.input_asset_id)
    assert all(projects[a.source_asset_id] == a.project_id for a in THE_SAMPLE.assets if a.source_asset_id)
    assert Counter(asset.kind for asset in THE_SAMPLE.assets).keys() == {"input", "output"}
    paths = [asset.storage_path for asset in THE_SAMPLE.assets]
    assert len(set(paths)) == len(paths)


def test_sample_jobs_and_errors_are_realistic_and_a_project_is_near_its_budget_limit() -> None:
    by_status = Counter(job.status for job in THE_SAMPLE.jobs)
    assert [status for status, _ in by_status.most_common()] == ["succeeded", "failed", "queued", "running"]
    assert {job.mode for job in THE_SAMPLE.jobs} == set(USUAL_MODES)
    assert all(2 <= job.cost_cents <= 500 for job in THE_SAMPLE.jobs)
    running = sorted(NOW - job.updated_at for job in THE_SAMPLE.jobs if job.status is JobStatus.RUNNING)
    assert running[-2] < timedelta(minutes=2)
    assert timedelta(hours=5) < running[-1] < timedelta(hours=6)
    finished = [job for job in THE_SAMPLE.jobs if job.status in (JobStatus.SUCCEEDED, JobStatus.FAILED)]
    assert all(timedelta(seconds=1) < job.updated_at - job.created_at < timedelta(minutes=3) for job in finished)
    at_work = [job for job in finished if job.created_at.weekday() < 5 and 7 <= job.created_at.hour < 20]
    assert len(at_work) > 0.85 * len(finished)

    for job in THE_SAMPLE.jobs:
        assert (job.error is not None) is (job.status is JobStatus.FAILED)
    errors = [(job, job.error) for job in THE_SAMPLE.jobs if job.error is not None]
    objects = [(job, json.loads(error)) for job, error in errors if error.startswith("{")]
    assert 15 < len(objects) < len(errors) - 15
    for job, error in objects:
        assert list(error) == ["message", "stack", "timestamp", "mode", "userId", "requestId"]
        assert (error["mode"], error["userId"]) == (job.mode, str(job.user_id))
        written_at = datetime.fromisoformat(error["timestamp"])
        assert timedelta(0) <= job.updated_at - written_at < timedelta(milliseconds=1)

    of_ada, of_autumn = THE_SAMPLE.budgets
    assert of_ada.user_id == THE_SAMPLE.users[0].id
    spent = sum(job.cost_cents for job in THE_SAMPLE.jobs if job.project_id == of_autumn.project_id)
    assert 0.7 < spent / of_autumn.limit_cents < 0.8


async def test_sample_fills_a_database_only_once_and_keeps_changes(database: Conninfo) -> None:
    fill(as_text(database), now=NOW)
    async with Store(Database(database)) as operator:
        first = await operator.get_generation_jobs(limit=1000)
        assert {job.id: job for job in first} == {job.id: job for job in THE_SAMPLE.jobs}
        (asset,) = await operator.get_assets(THE_SAMPLE.projects[0].id, limit=1)
        assert asset.id in {asset.id for asset in THE_SAMPLE.assets}
        budgets = {budget.name: budget for budget in await operator.get_budgets(at=NOW)}
        spent = sum(job.cost_cents for job in THE_SAMPLE.jobs if job.project_id == budgets["Autumn catalog"].project_id)
        assert budgets["Autumn catalog"].spent_cents == spent
        assert budgets[EMBEDDED_USER].left_cents > 0
        users = await operator.get_users()
        assert {user.id: user.job_count for user in users} == Counter(job.user_id for job in THE_SAMPLE.jobs)

        queued = next(job for job in THE_SAMPLE.jobs if job.status is JobStatus.QUEUED)
        await operator.transition_job_status(queued.id, "running")
        changed = await operator.get_generation_jobs(limit=1000)
        fill(as_text(database), now=NOW + timedelta(days=3))
        assert await operator.get_generation_jobs(limit=1000) == changed != first
        assert await operator.get_users() == users


async def test_sample_lets_the_isolation_check_try_everything(database: Conninfo) -> None:
    fill(as_text(database), now=NOW)
    reader = Database(database)
    probes = [probe async for probe in run_probes(reader, await plan_probes(reader), tries_writes=True)]
    await reader.close()
    assert [(probe.target, probe.verb) for probe in probes] == list(PROBED)
    assert {(probe.how, probe.verdict) for probe in probes} == {(ProbeMethod.TRIED, ProbeVerdict.KEPT)}


def test_filling_fails_without_tables_or_a_server(server: ServerHandle, tmp_path: Path) -> None:
    with pytest.raises(SchemaMissing):
        fill({**server.conninfo, "dbname": "postgres"}, now=NOW)
    with pytest.raises(Unreachable):
        fill({"host": str(tmp_path), "user": "gjobs"}, now=NOW)
