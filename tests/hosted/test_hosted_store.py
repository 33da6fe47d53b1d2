"""The store on the app's own database with each login: it reads all permitted rows and leaves no trace."""

import asyncio

import pytest

from gjobs.store.database.database import Database
from gjobs.store.error_groups.error_group import EVERY_FAILURE
from gjobs.store.errors import NoPrivilege, ReadOnly
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import ListingQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.store.statistics.statistics import TotalsQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser
from tests.conftest import Conninfo
from tests.hosted.access_routes import SOME_LOGINS, Login
from tests.hosted.pooler import POOL_SIZE
from tests.hosted.session_state import changed_states, read_states
from tests.hosted.statement_log import record_transcript
from tests.tui.jobs_database import ADA, AUTUMN, BEN, FROZEN, JobsDatabase, job_id

RUNS_UNTIL_THE_DRIVER_PREPARES = 8


async def read_all(store: Store) -> None:
    """Run every read that needs only the three tables."""
    jobs = await store.get_generation_jobs(limit=3)
    assert (await store.get_generation_jobs(limit=3, after=jobs.next_key)).items
    assert (await store.get_project_jobs(AUTUMN, status=JobStatus.QUEUED)).items
    assert (await store.get_jobs_by_status(JobStatus.FAILED)).items
    assert (await store.get_recent_jobs()).items
    assert await store.get_generation_job(job_id(1))
    assert (await store.get_job_statistics()).count(JobStatus.QUEUED)
    assert await store.get_total_costs(AUTUMN)
    assert await store.get_job_summary()
    errors = await store.get_error_groups(at=FROZEN)
    assert await store.get_error_group_jobs(EVERY_FAILURE, errors.groups[0], at=FROZEN)
    assert (await store.find_jobs(parse(f"error-group:{errors.groups[0].id}"))).items
    assert (await store.get_listing(ListingQuery())).projects
    assert (await store.get_totals(TotalsQuery(project_id=AUTUMN))).projects
    assert await store.get_projects()
    assert await store.get_project(AUTUMN)
    assert await store.get_projects_named("Autumn catalog")
    assert await store.get_assets(AUTUMN) == []


@pytest.mark.reads
async def test_every_read_leaves_no_trace(login: Login) -> None:
    with record_transcript(login) as transcript:
        async with Store(Database(login.conninfo)) as store:
            await read_all(store)
            if login.is_owner:
                await read_all(store.acting_as(ActingUser(id=ADA)))
                assert {user.id for user in await store.get_users()} == {ADA, BEN}
        recorded = transcript()

    assert any("generation_jobs" in statement.sql for statement in recorded.statements)
    assert (recorded.traces_of(login), recorded.problems, recorded.writes) == ([], [], 0)


@pytest.mark.reads
async def test_reader_with_its_own_policies_sees_all_rows_and_may_not_write(
    reader_by_policies: Login, jobs_db: JobsDatabase
) -> None:
    async with Store(Database(reader_by_policies.conninfo)) as store:
        await read_all(store)
        assert len((await store.get_generation_jobs()).items) == jobs_db.count()
        with pytest.raises((NoPrivilege, ReadOnly)):
            await store.delete_generation_job(job_id(1))


@pytest.mark.reads
@pytest.mark.parametrize("login", SOME_LOGINS, indirect=True)
async def test_acting_as_a_user_and_reading_emails_need_extra_privileges(login: Login) -> None:
    async with Store(Database(login.conninfo)) as store:
        if login.is_owner:
            (trail,) = await store.acting_as(ActingUser(id=BEN)).get_projects()
            assert trail.user_id == BEN
            groups = await store.acting_as(ActingUser(id=BEN)).get_error_groups(at=FROZEN)
            assert [(group.users, group.example_job_id) for group in groups] == [((BEN,), job_id(8))]
            return
        assert {group.example_job_id for group in await store.get_error_groups(at=FROZEN)} == {job_id(4), job_id(8)}
        assert {(user.id, user.email) for user in await store.get_users()} == {(ADA, None), (BEN, None)}
        with pytest.raises(NoPrivilege):
            await store.acting_as(ActingUser(id=ADA)).get_projects()


async def test_store_writes_leave_no_other_trace(login: Login, jobs_db: JobsDatabase) -> None:
    with record_transcript(login) as transcript:
        async with Store(Database(login.conninfo)) as store:
            if login.writes:
                created = await store.create_generation_job(project_id=AUTUMN, mode="lifestyle")
                await store.update_generation_job(created.id, cost_cents=5)
                await store.transition_job_status(created.id, JobStatus.RUNNING)
                await store.delete_generation_job(created.id)
            else:
                with pytest.raises((NoPrivilege, ReadOnly)):
                    await store.delete_generation_job(job_id(1))
        recorded = transcript()

    assert jobs_db.count() == 8
    assert recorded.traces == []
    assert recorded.writes == (4 if login.writes else 0)


@pytest.mark.parametrize("pooled", ["pooled_by_transaction", "pooled_by_session"])
async def test_pooled_connections_keep_no_session_state(
    pooled: str, request: pytest.FixtureRequest, jobs_db: JobsDatabase, app_database: Conninfo
) -> None:
    login: Login = request.getfixturevalue(pooled)
    (initial_state,) = read_states(app_database)
    async with Store(Database(login.conninfo)) as store:
        stores = [store, store.acting_as(ActingUser(id=ADA)), store.acting_as(ActingUser(id=BEN))]
        for _ in range(RUNS_UNTIL_THE_DRIVER_PREPARES):
            await asyncio.gather(*(each.get_listing(ListingQuery()) for each in stores))
        await stores[1].transition_job_status(job_id(1), JobStatus.RUNNING)
        if pooled == "pooled_by_transaction":
            assert changed_states(login, initial_state) == [{}] * POOL_SIZE
    assert changed_states(login, initial_state) == [{}] * POOL_SIZE
