"""gjobs works the same under any settings of the login, and does not change them for the app."""

import asyncio

import pytest
from psycopg.sql import SQL, Identifier, Literal

from gjobs.migrations.runner import upgrade
from gjobs.migrations.verification import verify
from gjobs.store.database.database import Database
from gjobs.store.job_list.list_query import ListingQuery, ListQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser
from gjobs.store.worker.handlers import Registry, Work
from gjobs.store.worker.worker import Worker
from tests.conftest import Conninfo, connect
from tests.hosted.access_routes import Login
from tests.hosted.cluster import OWNER
from tests.hosted.pooler import POOL_SIZE
from tests.hosted.session_state import changed_states, read_states
from tests.hosted.test_hosted_doctor import examined
from tests.tui.jobs_database import ADA, AUTUMN, BEN, JobsDatabase, job_id

SETTINGS = {
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
    "row_security": "off",
    "array_nulls": "off",
    "bytea_output": "escape",
    "DateStyle": "German, DMY",
    "default_transaction_deferrable": "on",
    "default_transaction_isolation": "repeatable read",
    "extra_float_digits": "-15",
    "IntervalStyle": "sql_standard",
    "search_path": "",
    "TimeZone": "Asia/Kathmandu",
    "transform_null_equals": "on",
    "xmloption": "document",
}

ALL_TO_UNDER_POLICIES = """
do $$
declare
    name regclass;
begin
    grant usage on schema public, gjobs to under_policies;
    grant all on all tables in schema public, gjobs to under_policies;
    for name in
        select oid from pg_class
         where relrowsecurity and relnamespace in ('public'::regnamespace, 'gjobs'::regnamespace)
    loop
        execute format('create policy under_policies on %s to under_policies using (true)', name);
    end loop;
end $$
"""


@pytest.fixture
def unusual(owner: Login, jobs_db: JobsDatabase) -> Login:
    """The owner's login, with other settings in each new session."""
    with connect(owner.server.administrator(), autocommit=True) as administrator:
        for name, value in SETTINGS.items():
            change = SQL("alter role {} in database {} set {} = {}")
            names = Identifier(OWNER), Identifier(owner.database), Identifier(name)
            administrator.execute(change.format(*names, Literal(value)))
    return owner


async def test_store_reads_and_writes_under_any_settings(unusual: Login, jobs_db: JobsDatabase) -> None:
    async with Store(Database(unusual.conninfo)) as store:
        ada, ben = store.acting_as(ActingUser(id=ADA)), store.acting_as(ActingUser(id=BEN))
        assert len((await store.get_listing(ListingQuery())).window.jobs) == 8
        assert len((await ada.get_listing(ListingQuery())).window.jobs) == 7
        assert len((await ben.get_listing(ListingQuery())).window.jobs) == 1
        cost = await store.get_list_cost(ListQuery())
        assert cost is not None
        assert cost.advice is None
        before = jobs_db.sql("select * from public.generation_jobs where id = %s", job_id(1))
        deleted = await ada.delete_generation_jobs({job_id(1): None})
        await ada.restore_generation_jobs(deleted)
        assert jobs_db.sql("select * from public.generation_jobs where id = %s", job_id(1)) == before


async def test_policies_apply_to_a_login_that_turns_row_security_off(unusual: Login, jobs_db: JobsDatabase) -> None:
    login = unusual.server.login(unusual.database, "under_policies")
    with connect(unusual.server.administrator(), autocommit=True) as administrator:
        change = SQL("alter role under_policies in database {} set row_security = off")
        administrator.execute(change.format(Identifier(unusual.database)))
    async with Store(Database(login)) as store:
        assert (await store.get_generation_jobs()).items == ()
        assert (await store.capability_cache.get()).restricted_view


async def test_migrations_and_workers_work_for_a_login_that_turns_row_security_off(
    unusual: Login, jobs_db: JobsDatabase
) -> None:
    assert verify(unusual.conninfo).adoptable
    upgrade(unusual.conninfo)
    assert verify(unusual.conninfo).differences == ()
    with connect(unusual.server.administrator(unusual.database), autocommit=True) as administrator:
        change = SQL("alter role under_policies in database {} set row_security = off")
        administrator.execute(change.format(Identifier(unusual.database)))
        administrator.execute(ALL_TO_UNDER_POLICIES)
    registry = Registry()

    @registry.handler()
    async def finish(work: Work) -> None:
        work.cost_cents = 3

    async with Store(Database(unusual.conninfo)) as store:
        await Worker(store, registry, concurrency=1).run(once=True)
    assert jobs_db.sql("select count(*) from public.generation_jobs where status = 'queued'") == [(0,)]


async def test_doctor_reports_the_same_findings_under_any_settings(
    app_database: Conninfo, request: pytest.FixtureRequest
) -> None:
    usual = await examined(app_database)
    unusual: Login = request.getfixturevalue("unusual")
    found = await examined(unusual.conninfo)
    assert [(one.name, one.sql) for one in found.findings] == [(one.name, one.sql) for one in usual.findings]


async def test_app_keeps_its_settings_behind_a_transaction_pooler(
    unusual: Login, request: pytest.FixtureRequest
) -> None:
    login: Login = request.getfixturevalue("pooled_by_transaction")
    (initial_state,) = read_states(unusual.conninfo)
    assert initial_state.items() >= {"row_security": "off", "standard_conforming_strings": "off"}.items()
    async with Store(Database(login.conninfo)) as store:
        ada = store.acting_as(ActingUser(id=ADA))
        for _ in range(10):
            await asyncio.gather(store.get_listing(ListingQuery()), ada.get_listing(ListingQuery()))
            await asyncio.gather(store.capability_cache.refresh(), ada.get_job_statistics(), store.get_projects())
            created = await ada.create_generation_job(project_id=AUTUMN, mode="lifestyle")
            await store.update_generation_job(created.id, cost_cents=5)
            await ada.transition_job_status(created.id, JobStatus.RUNNING)
            deleted = await store.delete_generation_jobs({created.id: None})
            await store.restore_generation_jobs(deleted)
        await examined(login.conninfo)
        assert verify(login.conninfo).matches
    assert changed_states(login, initial_state) == [{}] * POOL_SIZE
