"""Row level security reaches through every method: a user sees and changes their own rows, and nobody else's."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from store.actor import ActingUser
from store.errors import NoPrivilege, RowMissing, StoreError
from store.model import JobStatistics, JobStatus, Missing, OverviewQuery
from store.store import Store
from tests.store.support import ADA, BEN, STRANGER, MakeAsset, MakeJob, MakeProject, Sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """What one user has: a project with an asset and a job of each status, whose costs are that user's alone."""

    project_id: UUID
    asset_id: UUID
    job_ids: frozenset[UUID]
    cost_cents: int


@pytest.fixture
def belongings(
    make_project: MakeProject, make_asset: MakeAsset, make_job: MakeJob
) -> Callable[[UUID, int], Belongings]:
    def make(owner: UUID, cost_cents: int) -> Belongings:
        project_id = make_project(owner)
        return Belongings(
            project_id=project_id,
            asset_id=make_asset(project_id),
            job_ids=frozenset(make_job(project_id, status, cost_cents=cost_cents) for status in JobStatus),
            cost_cents=4 * cost_cents,
        )

    return make


@pytest.fixture
def adas(belongings: Callable[[UUID, int], Belongings]) -> Belongings:
    return belongings(ADA, 10)


@pytest.fixture
def bens(belongings: Callable[[UUID, int], Belongings]) -> Belongings:
    return belongings(BEN, 1000)


async def test_a_user_reads_their_own(ada: Store, ben: Store, adas: Belongings, bens: Belongings) -> None:
    for store, own in ((ada, adas), (ben, bens)):
        assert {job.id for job in await store.get_generation_jobs()} == own.job_ids
        assert {job.id for job in await store.get_project_jobs(own.project_id)} == own.job_ids
        assert {job.id for job in await store.get_recent_jobs()} == own.job_ids
        for status in JobStatus:
            (job,) = await store.get_jobs_by_status(status)
            assert job.id in own.job_ids
            assert await store.get_generation_job(job.id) == job
        assert await store.get_total_costs() == own.cost_cents
        assert (await store.get_job_statistics()).total_cost_cents == own.cost_cents
        assert {row.project_id for row in await store.get_job_summary()} == {own.project_id}
        (project,) = await store.get_projects()
        assert (project.id, project.job_count, project.total_cost_cents) == (own.project_id, 4, own.cost_cents)
        assert await store.get_project(own.project_id) == project
        assert list(await store.get_projects_named("Catalog")) == [project]
        (asset,) = await store.get_assets(own.project_id)
        assert asset.id == own.asset_id
        overview = await store.get_overview(OverviewQuery())
        assert {job.id for job in overview.jobs} == own.job_ids
        assert overview.statistics.total_cost_cents == own.cost_cents
        assert overview.projects == (project,)


async def test_the_operator_reads_everybodys(operator: Store, adas: Belongings, bens: Belongings) -> None:
    assert {job.id for job in await operator.get_generation_jobs()} == adas.job_ids | bens.job_ids
    assert await operator.get_total_costs() == adas.cost_cents + bens.cost_cents
    assert {row.user_id for row in await operator.get_job_summary()} == {ADA, BEN}
    assert len(await operator.get_projects_named("Catalog")) == 2
    overview = await operator.get_overview(OverviewQuery(project_id=bens.project_id))
    assert {job.id for job in overview.jobs} == bens.job_ids


@pytest.mark.parametrize("reader", [BEN, STRANGER], ids=["another user", "a user of nothing"])
async def test_nothing_of_somebody_elses_is_read(operator: Store, adas: Belongings, reader: UUID) -> None:
    store = operator.acting_as(ActingUser(id=reader))
    assert len(await store.get_generation_jobs()) == 0
    assert len(await store.get_project_jobs(adas.project_id)) == 0
    assert len(await store.get_jobs_by_status("queued")) == 0
    assert len(await store.get_recent_jobs()) == 0
    for job_id in adas.job_ids:
        assert await store.get_generation_job(job_id) is None
    for project_id in (None, adas.project_id):
        assert await store.get_job_statistics(project_id) == JobStatistics(by_status=())
        assert await store.get_total_costs(project_id) == 0
        assert list(await store.get_job_summary(project_id)) == []
        overview = await store.get_overview(OverviewQuery(project_id=project_id))
        assert (len(overview.jobs), overview.statistics.total_count, overview.projects) == (0, 0, ())
        assert sum(day.job_count for day in overview.days) == 0
    assert list(await store.get_projects()) == []
    assert list(await store.get_projects_named("Catalog")) == []
    assert await store.get_project(adas.project_id) is None
    assert list(await store.get_assets(adas.project_id)) == []


@pytest.mark.parametrize("writer", [BEN, STRANGER], ids=["another user", "a user of nothing"])
async def test_nothing_of_somebody_elses_is_changed(
    operator: Store, adas: Belongings, bens: Belongings, sql: Sql, writer: UUID
) -> None:
    everything = (
        "select (select jsonb_agg(j order by id) from generation_jobs j), (select jsonb_agg(p) from projects p)"
    )
    before = sql(everything)
    store = operator.acting_as(ActingUser(id=writer))
    refused: list[Awaitable[Any]] = [
        store.create_generation_job(project_id=adas.project_id, mode="lifestyle"),
        store.create_generation_job(project_id=adas.project_id, mode="lifestyle", input_asset_id=adas.asset_id),
        store.create_generation_job(project_id=bens.project_id, mode="lifestyle", input_asset_id=adas.asset_id),
        store.delete_generation_jobs(dict.fromkeys(adas.job_ids)),
        store.delete_generation_jobs(dict.fromkeys(adas.job_ids | bens.job_ids)),
        *(store.update_generation_job(job_id, cost_cents=0) for job_id in adas.job_ids),
        *(store.update_generation_job(job_id, input_asset_id=adas.asset_id) for job_id in bens.job_ids),
    ]
    for attempt in refused:
        with pytest.raises(StoreError):
            await attempt
    for job_id in adas.job_ids:
        for target in JobStatus:
            assert await store.transition_job_status(job_id, target) == Missing(job_id=job_id)
        assert not await store.delete_generation_job(job_id)
    assert sql(everything) == before


async def test_users_are_the_operators_to_see(operator: Store, ada: Store, stranger: Store) -> None:
    assert len(await operator.get_users()) == 3
    for store in (ada, stranger):
        for asked in (store.get_users(), store.get_user("ben@example.com"), store.acting_as_user("ben@example.com")):
            with pytest.raises(NoPrivilege):
                await asked


async def test_a_store_keeps_its_eyes(operator: Store, ada: Store, adas: Belongings, bens: Belongings) -> None:
    """However calls with different eyes follow each other on the same connections."""
    for _ in range(3):
        assert len(await operator.get_generation_jobs()) == 8
        assert len(await ada.get_generation_jobs()) == 4
        with pytest.raises(RowMissing):
            await ada.update_generation_job(next(iter(bens.job_ids)), cost_cents=1)
        assert len(await ada.acting_as(operator.actor).get_generation_jobs()) == 8
