"""The capabilities that the store finds for each login of a hosted project, and its behavior without some of them."""

import asyncio

import pytest

from gjobs.store.capabilities.capabilities import Capabilities
from gjobs.store.capabilities.capability import Capability
from gjobs.store.capabilities.probe import probe
from gjobs.store.database.database import Database
from gjobs.store.errors import NoPrivilege, SchemaMissing
from gjobs.store.job_list.list_query import ListingQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser
from tests.conftest import Conninfo, connect
from tests.hosted.access_routes import Login
from tests.hosted.cluster import OWNER, Server
from tests.hosted.statement_log import record_transcript
from tests.hosted.tls import TlsServer
from tests.store.store_fixtures import opened
from tests.tui.jobs_database import ADA, AUTUMN, BEN, SPRING, TRAIL, JobsDatabase, fill, job_id

AS_ADA = ActingUser(id=ADA)


async def probed(conninfo: Conninfo) -> Capabilities:
    async with opened(conninfo) as database:
        return await probe(database)


def missing(capabilities: Capabilities, *, as_user: bool = False) -> set[Capability]:
    """Return the missing capabilities, except those that no attached database has."""
    actor = AS_ADA if as_user else OPERATOR
    found = {feature for feature in Capability if capabilities.missing(feature, actor)}
    assert found >= MIGRATED
    return found - MIGRATED


def reason(capabilities: Capabilities, feature: Capability, *, as_user: bool = False) -> str:
    found = capabilities.missing(feature, AS_ADA if as_user else OPERATOR)
    assert found is not None
    return found.words


MIGRATED = {
    Capability.MIGRATED,
    Capability.ROLLUPS,
    Capability.RETRYING,
    Capability.OPERATING,
    Capability.RESTORING,
}
"""Capabilities that the migrations of gjobs add."""

WRITING = {Capability.CREATING, Capability.CHANGING, Capability.DELETING, Capability.CREATING_PROJECTS}


@pytest.mark.reads
async def test_probe_reports_the_capabilities_of_each_login_in_one_read_only_transaction(
    login: Login, request: pytest.FixtureRequest
) -> None:
    with record_transcript(login) as transcript:
        capabilities = await probed(login.conninfo)
        recorded = transcript()
    assert (recorded.traces, recorded.problems, recorded.writes) == ([], [], 0)
    assert [statement.sql for statement in recorded.statements if statement.sql.startswith(("BEGIN", "COMMIT"))] == [
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        "COMMIT",
    ]
    facts = capabilities.facts
    assert (facts.login, facts.is_superuser, facts.has_bypass) == (login.conninfo["user"], False, True)
    assert facts.behind_pooler is ("pooled" in request.node.callspec.params["login"])
    assert (facts.transport.is_local, facts.transport.is_encrypted) == (True, False)
    assert facts.is_replica is (login.server is not login.primary)
    assert not facts.is_managed
    assert capabilities.restricted_view is None
    assert Capability.JOBS not in missing(capabilities)
    if login.is_owner and login.writes:
        assert missing(capabilities) == set()
        assert missing(capabilities, as_user=True) == {Capability.USERS}
    elif facts.is_replica:
        assert missing(capabilities) == WRITING | {Capability.MIGRATING}
        assert capabilities.read_only_reason
    else:
        assert WRITING | {Capability.ACTING, Capability.MIGRATING} <= missing(capabilities)


@pytest.mark.reads
async def test_login_that_may_not_act_or_write_gets_reasons_with_their_grants(
    least_privilege: Login, jobs_db: JobsDatabase
) -> None:
    capabilities = await probed(least_privilege.conninfo)
    assert reason(capabilities, Capability.ACTING).startswith(
        'The login least_privilege may not act as a user. To fix it, run: GRANT authenticated TO "least_privilege"'
    )
    assert reason(capabilities, Capability.USERS).startswith(
        "No grant: the role least_privilege may not use the schema"
    )
    assert reason(capabilities, Capability.DELETING) == (
        "No grant: the role least_privilege may not delete rows of generation_jobs."
        ' To fix it, run: GRANT DELETE ON public.generation_jobs TO "least_privilege";'
    )
    async with Store(Database(least_privilege.conninfo)) as store:
        with pytest.raises(NoPrivilege, match="may not change"):
            await store.update_generation_job(job_id(1), cost_cents=1)
        with pytest.raises(NoPrivilege, match="may not delete"):
            await store.delete_generation_job(job_id(1))
        with pytest.raises(NoPrivilege, match="may not write"):
            await store.create_generation_job(project_id=AUTUMN, mode="lifestyle")


async def test_suggested_sql_lets_a_login_act_as_a_user(least_privilege: Login, jobs_db: JobsDatabase) -> None:
    """Includes a login that is a member without the SET option of Postgres 16 and later."""
    login = least_privilege.conninfo
    missing = (await probed(login)).missing(Capability.ACTING)
    assert missing is not None
    with connect(least_privilege.server.administrator(least_privilege.database), autocommit=True) as administrator:
        if administrator.info.server_version >= 160_000:
            administrator.execute("grant authenticated to least_privilege with set false")
            assert (await probed(login)).missing(Capability.ACTING) == missing
        administrator.execute(str(missing.sql).encode())
        try:
            async with Store(Database(login)) as store:
                assert len(await store.acting_as(AS_ADA).get_generation_jobs()) == 7
        finally:
            administrator.execute("revoke authenticated from least_privilege")


async def test_login_has_a_restricted_view_unless_a_policy_shows_all_rows(
    app_database: Conninfo, hosted_server: Server
) -> None:
    login = hosted_server.login(str(app_database["dbname"]), "under_policies")
    restricted = (await probed(login)).restricted_view
    assert restricted is not None
    assert restricted.reason.startswith("Row level security applies to the login under_policies")
    with connect(app_database) as owner:
        owner.execute("create policy looking on generation_jobs for select to under_policies using (true)")
    assert (await probed(login)).restricted_view is None
    with connect(app_database) as owner:
        owner.execute("create policy less on generation_jobs as restrictive for select using (mode <> 'secret')")
    assert (await probed(login)).restricted_view is not None


@pytest.mark.parametrize("is_asked_for", [True, False], ids=["refreshed", "noticed"])
async def test_missing_grant_raises_an_error_until_it_is_given(
    ungranted_database: Conninfo, is_asked_for: bool
) -> None:
    """The cached capabilities are refreshed after an unexpected refusal or on request."""
    jobs_db = JobsDatabase(ungranted_database)
    fill(jobs_db)
    async with Store(Database(ungranted_database)) as operator:
        ada = operator.acting_as(AS_ADA)
        for asked in (ada.get_generation_jobs(), ada.get_listing(ListingQuery()), ada.get_job_statistics()):
            with pytest.raises(NoPrivilege) as caught:
                await asked
            assert caught.value.message == "No grant: the role authenticated may not read generation_jobs."
            assert caught.value.hint == "To fix it, run: GRANT SELECT ON public.generation_jobs TO authenticated;"
        jobs_db.sql(caught.value.hint.removeprefix("To fix it, run: "))
        if is_asked_for:
            await ada.capability_cache.refresh()
            assert len(await ada.get_generation_jobs()) == 7
        listing = await ada.get_listing(ListingQuery())
        assert {project.name for project in listing.projects} == {str(AUTUMN)[:8], str(SPRING)[:8]}
    jobs_db.close()


async def test_unreadable_users_and_projects_are_listed_by_the_rows_they_own(
    least_privilege: Login, jobs_db: JobsDatabase
) -> None:
    jobs_db.sql("insert into auth.users (id) values (gen_random_uuid())")
    async with Store(Database(least_privilege.conninfo)) as store:
        users = {user.id: user for user in await store.get_users()}
        assert set(users) == {ADA, BEN}
        assert (users[ADA].email, users[ADA].job_count, users[BEN].job_count) == (None, 7, 1)
        assert users[ADA].last_job_at is not None
        assert (await store.get_user(str(BEN))) == users[BEN]
        with pytest.raises(NoPrivilege, match="may not use the schema auth"):
            await store.get_user("ada@example.com")

    jobs_db.sql("revoke select on public.projects from least_privilege")
    async with Store(Database(least_privilege.conninfo)) as store:
        projects = {project.id: project for project in await store.get_projects()}
        assert set(projects) == {AUTUMN, SPRING, TRAIL}
        assert (projects[AUTUMN].name, projects[AUTUMN].user_id) == (str(AUTUMN)[:8], ADA)
        assert (projects[AUTUMN].job_count, projects[AUTUMN].total_cost_cents) == (6, 900)
        assert await store.get_project(AUTUMN) == projects[AUTUMN]
        assert await store.get_projects_named(str(TRAIL)[:8]) == [projects[TRAIL]]
        assert [user.id for user in await store.get_users()] == [ADA, BEN]
        assert len((await store.get_listing(ListingQuery())).projects) == 3


async def test_jobs_can_be_created_without_an_assets_table(owner: Login, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("drop table public.assets cascade")
    async with Store(Database(owner.conninfo)) as store:
        assert missing(await store.capability_cache.get()) == {Capability.ASSETS}
        for one_store in (store, store.acting_as(AS_ADA)):
            created = await one_store.create_generation_job(project_id=AUTUMN, mode="lifestyle")
            assert (await one_store.update_generation_job(created.id, input_asset_id=None)).input_asset_id is None
            with pytest.raises(SchemaMissing, match="There is no table assets"):
                await one_store.get_assets(AUTUMN)


@pytest.mark.xdist_group("tls")
async def test_probe_detects_an_encrypted_connection(tls_server: TlsServer) -> None:
    capabilities = await probed(tls_server.login())
    assert (capabilities.facts.transport.is_encrypted, capabilities.facts.relations) == (True, {})


async def test_reason_names_the_single_column_that_is_not_granted(least_privilege: Login, owner: Login) -> None:
    with connect(least_privilege.server.administrator(owner.database), autocommit=True) as administrator:
        administrator.execute("grant usage on schema auth to least_privilege")
        for column, others in (("email", "id, created_at"), ("id", "email, created_at")):
            administrator.execute("revoke all on auth.users from least_privilege")
            administrator.execute(f"grant select ({others}) on auth.users to least_privilege".encode())
            capabilities = await probed(least_privilege.conninfo)
            assert reason(capabilities, Capability.USERS).startswith(
                f"No grant: the role least_privilege may not read {column} of auth.users."
            )


@pytest.mark.reads
async def test_read_only_login_of_the_manual_accepts_no_writes(manual_reader: Login) -> None:
    capabilities = await probed(manual_reader.conninfo)
    assert capabilities.read_only_reason is not None
    assert reason(capabilities, Capability.CHANGING).startswith("The login gjobs_reader is read-only: ")


@pytest.mark.reads
async def test_probe_does_not_wait_for_a_table_lock(owner: Login) -> None:
    with connect(owner.conninfo) as other:
        other.execute("lock table generation_jobs in access exclusive mode")
        assert missing(await probed(owner.conninfo)) == set()


@pytest.mark.reads
async def test_concurrent_capability_requests_share_one_probe(owner: Login) -> None:
    async with Store(Database(owner.conninfo)) as store:
        caches = (one.capability_cache for one in (store, store.acting_as(AS_ADA)))
        first, second = await asyncio.gather(*(cache.get() for cache in caches))
    assert first is second


async def test_reason_suggests_schema_usage_for_the_user_role(owner: Login) -> None:
    with connect(owner.server.administrator(owner.database)) as administrator:
        administrator.execute("revoke usage on schema auth from authenticated")
    capabilities = await probed(owner.conninfo)
    assert reason(capabilities, Capability.JOBS, as_user=True).endswith(
        "Only the owner of the schema auth can grant that. Connect as a login that may use it."
    )
    assert owner.conninfo["user"] == OWNER
