"""An acting user sees what the app shows them. The claims are those of the app's auth server."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gjobs.migrations.runner import upgrade
from gjobs.store.capabilities.claim_sql import claims_read, settings_read
from gjobs.store.database.database import Database
from gjobs.store.database.query import TimeLimits
from gjobs.store.embedded.server_files import ADMINISTRATOR, ServerHandle
from gjobs.store.errors import NoPrivilege
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import ListingQuery, RowWindowQuery
from gjobs.store.statistics.statistics import TotalsQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import ANON, ActingUser, Actor, issuer_of
from tests.conftest import Conninfo, connect, temporary_database, temporary_login
from tests.store.store_fixtures import NOW

USERS = tuple(UUID(int=number << 96 | 0x4000_8000 << 48) for number in (0xA, 0xB, 0xC))
FIRST_USER = ActingUser(id=USERS[0])
PROJECTS = tuple(UUID(int=number << 96 | 0x4000_8001 << 48) for number in (0xA, 0xB, 0xC))
ORGS = ("acme", "globex")
CONDITIONS = {
    "own": "(select auth.uid()) = user_id",
    "org": "mode = (auth.jwt() -> 'app_metadata' ->> 'org')",
    "org, as a legacy setting": "mode = (current_setting('request.jwt.claim.app_metadata', true)::jsonb ->> 'org')",
    "plan of the user's own": "mode = ((select auth.jwt()) -> 'user_metadata' ->> 'org')",
    "aal": "(select auth.jwt() ->> 'aal') = 'aal2'",
    "email": "auth.email() like '%@acme.example'",
    "email, of the token": "(auth.jwt() ->> 'email') = error",
    "anonymous": "(select (auth.jwt() ->> 'is_anonymous')::boolean) is not true",
    "phone": "(auth.jwt() ->> 'phone') = '123'",
    "audience": "auth.jwt() ->> 'aud' = 'authenticated' and auth.role() = 'authenticated'",
    "through a function": "public.is_mine(mode)",
    "of everyone": "status = 'queued'",
}

_FUNCTION = """
create function public.my_org() returns text language sql stable as $$
    select nullif(current_setting('request.jwt.claims', true), '')::json -> 'app_metadata' ->> 'org' $$;
create function public.is_mine(kind text) returns boolean language sql stable as $$ select kind = public.My_Org() $$;
"""


@dataclass(frozen=True)
class Policy:
    condition: str
    is_permissive: bool


@dataclass(frozen=True)
class Customer:
    """A row of `auth.users`."""

    org: str | None
    email: str | None
    phone: str | None
    is_anonymous: bool

    def token(self, user_id: UUID, aal: int) -> dict[str, Any]:
        """Return the claims as the auth server writes them, independently of gjobs."""
        return {
            "sub": str(user_id),
            "role": "authenticated",
            "aud": "authenticated",
            "email": self.email or "",
            "phone": self.phone or "",
            "app_metadata": {"org": self.org} if self.org else {},
            "user_metadata": {"org": self.org} if self.org else {},
            "is_anonymous": self.is_anonymous,
            "aal": f"aal{aal}",
        }


policies = st.lists(
    st.builds(Policy, condition=st.sampled_from(sorted(CONDITIONS)), is_permissive=st.booleans()),
    min_size=1,
    max_size=3,
)
customers = st.builds(
    Customer,
    org=st.none() | st.sampled_from(ORGS),
    email=st.none() | st.sampled_from(["ana@acme.example", "bo@globex.example"]),
    phone=st.none() | st.just("123"),
    is_anonymous=st.booleans(),
)


@pytest.fixture(scope="module")
def upgraded_template(server: ServerHandle, attached_template: str) -> Iterator[str]:
    """The name of the app's database after `migrate up`, with jobs of several customers, to copy."""
    with temporary_database(server, template=attached_template) as conninfo:
        upgrade(conninfo)
        with connect(conninfo) as connection:
            connection.execute(_FUNCTION)
            for user_id, project_id in zip(USERS, PROJECTS, strict=True):
                connection.execute("insert into auth.users (id, created_at) values (%s, now())", [user_id])
                connection.execute(
                    "insert into public.projects (id, user_id, name) values (%s, %s, 'Catalog')", [project_id, user_id]
                )
                for mode in ORGS:
                    for status, error in (("queued", "ana@acme.example"), ("failed", "bo@globex.example")):
                        connection.execute(
                            "insert into public.generation_jobs (user_id, project_id, status, mode, error, cost_cents)"
                            " values (%s, %s, %s, %s, %s, 25)",
                            [user_id, project_id, status, mode, error],
                        )
        yield str(conninfo["dbname"])


@pytest.fixture
def attached_database(server: ServerHandle, upgraded_template: str) -> Iterator[Conninfo]:
    with temporary_database(server, template=upgraded_template) as conninfo:
        yield conninfo


@pytest.fixture
def app(attached_database: Conninfo) -> Iterator[psycopg.Connection]:
    with connect(attached_database, autocommit=True) as connection:
        yield connection


def write_policies(app: psycopg.Connection, chosen: Sequence[Policy]) -> None:
    for (name,) in app.execute(
        "select policyname from pg_policies where tablename = 'generation_jobs' and cmd = 'SELECT'"
    ).fetchall():
        app.execute(f'drop policy "{name}" on public.generation_jobs'.encode())
    for number, policy in enumerate(chosen):
        kind = "permissive" if policy.is_permissive else "restrictive"
        condition = CONDITIONS[policy.condition]
        app.execute(
            f"create policy p{number} on public.generation_jobs as {kind} for select using ({condition})".encode()
        )


def seen_in_app(app: psycopg.Connection, role: str, token: dict[str, Any]) -> set[UUID]:
    """Return the jobs that the app's API returns. It sets role and token in a transaction."""
    with app.transaction():
        app.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(token)])
        for name, value in token.items():
            text = value if isinstance(value, str) else json.dumps(value)
            app.execute("select set_config('request.jwt.claim.' || %s, %s, true)", [name, text])
        app.execute(f"set local role {role}".encode())
        return {job_id for (job_id,) in app.execute("select id from public.generation_jobs").fetchall()}


async def seen_in_gjobs(database: Conninfo, user: ActingUser) -> list[set[UUID] | int | None]:
    """Return the ids or the number of jobs from filter, list, search, statuses, counts and visibility."""
    async with Store(Database(database)) as operator:
        everything = [job.id for job in (await operator.get_generation_jobs()).items]
        store = operator.acting_as(user)
        assert (await store.capability_cache.get()).partial_claims(user) == ()
        listing = await store.get_listing(ListingQuery())
        totals = await store.get_totals(TotalsQuery())
        exact = await store.get_exact_totals(TotalsQuery(), lambda *_: None)
        visibility = await operator.acting_as(user).compare_visibility(RowWindowQuery())
        compared = {job.id for job in visibility.window.jobs}
        found = {job.id for text in everything for job in (await store.find_by_id(str(text))).jobs}
        return [
            {job.id for job in (await store.find_jobs(parse("cost:>=0", now=NOW))).items},
            {job.id for job in listing.window.jobs},
            found,
            set(await store.get_job_statuses(everything)),
            (await store.get_job_statistics()).total_count,
            totals.statistics.total_count if totals.statistics else None,
            exact.statistics.total_count if exact.statistics else None,
            compared - visibility.hidden,
        ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(chosen=policies, customer=customers, aal=st.sampled_from([1, 2]), data=st.data())
def test_gjobs_returns_exactly_the_rows_that_the_auth_servers_claims_see(
    app: psycopg.Connection,
    attached_database: Conninfo,
    chosen: list[Policy],
    customer: Customer,
    aal: int,
    data: st.DataObject,
) -> None:
    user_id = data.draw(st.sampled_from(USERS))
    write_policies(app, chosen)
    meta = json.dumps({"org": customer.org}) if customer.org else None
    app.execute(
        "update auth.users set email = %s, phone = %s, is_anonymous = %s, raw_app_meta_data = %s,"
        " raw_user_meta_data = %s where id = %s",
        [customer.email, customer.phone, customer.is_anonymous, meta, meta, user_id],
    )
    expected = seen_in_app(app, "authenticated", customer.token(user_id, aal))
    own = {
        job_id
        for (job_id,) in app.execute("select id from public.generation_jobs where user_id = %s", [user_id]).fetchall()
    }

    *sets, visible = asyncio.run(seen_in_gjobs(attached_database, ActingUser(id=user_id, aal=aal)))
    app.execute("update auth.users set phone = null where id = %s", [user_id])

    assert visible == expected & own
    assert sets == [*[expected] * 4, *[len(expected)] * 3]


@pytest.mark.parametrize(
    ("expression", "claims"),
    [
        ("(( SELECT auth.uid() AS uid) = user_id)", {"sub"}),
        ("((auth.jwt() -> 'app_metadata'::text) ->> 'org'::text)", {"app_metadata"}),
        ("(( SELECT auth.jwt() AS jwt) ->> 'aal'::text) = 'aal2'::text", {"aal"}),
        ("(( SELECT (auth.jwt() ->> 'is_anonymous'::text)))::boolean IS NOT TRUE", {"is_anonymous"}),
        ("(auth.email() = 'x'::text) AND (auth.role() = 'authenticated'::text)", {"email", "role"}),
        ("((current_setting('request.jwt.claims'::text, true))::json ->> 'org_id'::text)", {"org_id"}),
        ("((NULLIF(current_setting('request.jwt.claims'::text, true), ''::text))::jsonb ->> 'tier'::text)", {"tier"}),
        ("current_setting('request.jwt.claim.org_id'::text, true) = mode", {"org_id"}),
        ("(auth.jwt() #>> '{app_metadata,org}'::text[]) = mode", {"app_metadata"}),
        ("(auth.jwt() ? 'team'::text)", {"team"}),
        ("jsonb_extract_path_text(auth.jwt(), VARIADIC ARRAY['a'])", {"*"}),
        ("jsonb_extract_path_text(auth.jwt(), 'team')", {"team"}),
        ("(current_setting(('request.jwt.claim.'::text || name), true) = mode)", {"*"}),
        ("(current_setting(name, true) = mode)", {"*"}),
        ("begin claims := auth.jwt(); return claims ->> 'org_id'; end", {"*", "org_id"}),
        ("public.may_see(auth.jwt(), user_id)", {"*"}),
        ("-- auth.jwt() ->> 'gone'\n true", set()),
        ("mode = 'request'", set()),
    ],
)
def test_claims_that_an_expression_reads_are_named(expression: str, claims: set[str]) -> None:
    assert claims_read([expression]) == claims


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("((current_setting('request.headers'::text, true))::json ->> 'x-tenant'::text) = mode", {"request.headers"}),
        ("return pg_catalog.current_setting ( 'Request.Cookies' )", {"request.cookies"}),
        ("current_setting('app.tenant', true) = mode", {"app.tenant"}),
        ("current_setting('request.jwt.claims', true) = current_setting('request.jwt.claim.sub', true)", set()),
        ("current_setting('role') = current_setting('TimeZone')", set()),
        ("-- current_setting('request.path')\n true", set()),
    ],
)
def test_settings_that_an_expression_reads_are_found(expression: str, names: set[str]) -> None:
    assert settings_read([expression]) == names


async def partial_claims(
    database: Conninfo, *, actor: Actor = FIRST_USER, given: dict[str, Any] | None = None
) -> tuple[str, ...]:
    async with Store(Database(database, claims=given)) as operator:
        return await operator.acting_as(actor).actor_database.partial_claims()


BY_HEADER = "mode = (current_setting('request.headers', true)::json ->> 'x-tenant')"


BY_FUNCTION = """
create function public.tenant() returns text language plpgsql stable as
    $$ begin return current_setting('request.headers', true)::json ->> 'x-tenant'; end $$;
create function public.may_see(kind text) returns boolean language sql stable as $$ select kind = public.tenant() $$;
create policy by_header on public.generation_jobs for select using (public.may_see(mode))
"""
BY_VIEW = """
create view public.tenant as select current_setting('request.headers', true)::json ->> 'x-tenant' as name;
create policy by_header on public.generation_jobs for select using (mode in (select name from public.tenant))
"""


async def test_policy_that_reads_another_setting_of_the_request_makes_the_claims_partial(
    app: psycopg.Connection, attached_database: Conninfo
) -> None:
    by_policy = f"create policy by_header on public.generation_jobs for select using ({BY_HEADER})"
    for statements in (by_policy, BY_FUNCTION, BY_VIEW):
        write_policies(app, [])
        app.execute(statements.encode())
        partial = await partial_claims(attached_database)
        assert partial == ("request.headers",), statements
        partial = await partial_claims(attached_database, given={"request.headers": "a claim"})
        assert partial == ("request.headers",), statements
        assert await partial_claims(attached_database, actor=ANON) == ("request.headers",), statements


@pytest.mark.parametrize(
    ("host", "user", "issuer"),
    [
        ("db.abcdefgh.supabase.co", "postgres", "https://abcdefgh.supabase.co/auth/v1"),
        ("aws-0-eu.pooler.supabase.com", "postgres.abcdefgh", "https://abcdefgh.supabase.co/auth/v1"),
        ("localhost", "postgres.abcdefgh", "http://127.0.0.1:54321/auth/v1"),
    ],
)
def test_issuer_is_the_auth_server_of_the_project_in_the_address(host: str, user: str, issuer: str) -> None:
    assert issuer_of({"host": host, "user": user}) == issuer


async def test_policies_can_read_the_issuer_the_times_and_the_sign_in_of_the_token(
    app: psycopg.Connection, attached_database: Conninfo
) -> None:
    write_policies(app, [])
    app.execute(
        "create policy by_token on public.generation_jobs for select using ("
        " to_timestamp((auth.jwt() ->> 'iat')::int) <= clock_timestamp() + interval '1 min'"
        " and to_timestamp((auth.jwt() ->> 'exp')::int) > now()"
        " and (auth.jwt() ->> 'exp')::int - current_setting('request.jwt.claim.iat')::int = 3600"
        " and auth.jwt() ->> 'iss' like 'http%/auth/v1' and auth.jwt() ->> 'aud' = 'authenticated')"
    )
    async with Store(Database(attached_database)) as operator:
        user = operator.acting_as(FIRST_USER)
        assert len((await user.find_jobs()).items) == 12
        assert await user.actor_database.partial_claims() == ()
    assert await partial_claims(attached_database, actor=ANON) == ("exp", "iat", "iss")

    write_policies(app, [])
    app.execute(
        "create policy by_sign_in on public.generation_jobs for select using ("
        " (auth.jwt() ->> 'session_id')::uuid is not null"
        " and mode = any (select one ->> 'method' from jsonb_array_elements(auth.jwt() -> 'amr') one))"
    )
    for mode in ("password", "totp", "oauth"):
        app.execute(
            "insert into public.generation_jobs (user_id, project_id, mode) values (%s, %s, %s)",
            [USERS[0], PROJECTS[0], mode],
        )
    for aal, methods in ((1, {"password"}), (2, {"password", "totp"})):
        async with Store(Database(attached_database)) as operator:
            jobs = await operator.acting_as(ActingUser(id=USERS[0], aal=aal)).find_jobs()
        assert {job.mode for job in jobs.items} == methods


async def test_anon_sees_what_a_visitor_sees(app: psycopg.Connection, app_store: Store) -> None:
    write_policies(app, [Policy("of everyone", is_permissive=True)])
    expected = seen_in_app(app, "anon", {"role": "anon"})

    assert len(expected) == 6
    store = app_store.acting_as(ANON)
    assert {job.id for job in (await store.find_jobs()).items} == expected
    assert (await store.get_job_statistics()).total_count == 6
    assert await store.actor_database.partial_claims() == ()


@pytest.fixture
def reader(app: psycopg.Connection, attached_database: Conninfo) -> Iterator[Conninfo]:
    """A login that may read the jobs and act as users, but reads only ids and e-mails of users."""
    rights = (
        *("authenticated, anon", "usage on schema auth, public", "select (id, email, created_at) on auth.users"),
        "select on public.generation_jobs, public.projects",
    )
    with temporary_login(attached_database, "claims_reader", *rights) as login:
        yield login


async def test_unreadable_claim_that_a_policy_reads_makes_the_claims_partial(
    app: psycopg.Connection, attached_database: Conninfo, reader: Conninfo
) -> None:
    write_policies(app, [Policy("own", is_permissive=True)])
    assert await partial_claims(reader) == ()

    write_policies(app, [Policy("through a function", is_permissive=True), Policy("email", is_permissive=True)])

    assert await partial_claims(attached_database) == ()
    assert await partial_claims(reader) == ("app_metadata",)
    assert await partial_claims(reader, given={"app_metadata": {"org": "acme"}}) == ()

    # A column that is granted later is read after a refresh.
    write_policies(app, [Policy("org", is_permissive=True)])
    app.execute('update auth.users set raw_app_meta_data = \'{"org": "acme"}\' where id = %s', [USERS[0]])
    async with Store(Database(reader)) as operator:
        store = operator.acting_as(FIRST_USER)
        assert len((await store.find_jobs()).items) == 0
        with connect({**attached_database, "user": ADMINISTRATOR}, autocommit=True) as administrator:
            administrator.execute("grant select on auth.users to claims_reader")
        await store.capability_cache.refresh()
        assert len((await store.find_jobs()).items) == 6


async def test_policies_that_a_lock_hides_make_the_claims_partial_until_they_are_read(
    app: psycopg.Connection, attached_database: Conninfo
) -> None:
    limits = TimeLimits(lock=0.05)
    async with Store(Database(attached_database, limits=limits)) as operator:
        user = operator.acting_as(ActingUser(id=USERS[0]))
        with app.transaction():
            app.execute("lock table public.projects in access exclusive mode")
            assert await user.actor_database.partial_claims() == ("*",)
            assert len((await user.find_jobs()).items) == 4
        assert await user.actor_database.partial_claims() == ()


async def test_claims_of_the_profile_come_first(app: psycopg.Connection, attached_database: Conninfo) -> None:
    app.execute('update auth.users set raw_app_meta_data = \'{"org": "globex"}\' where id = %s', [USERS[0]])
    write_policies(app, [Policy("org", is_permissive=True), Policy("org, as a legacy setting", is_permissive=False)])

    async def modes(given: dict[str, Any] | None) -> set[str]:
        async with Store(Database(attached_database, claims=given)) as operator:
            return {job.mode for job in (await operator.acting_as(ActingUser(id=USERS[0])).find_jobs()).items}

    assert await modes(None) == {"globex"}
    assert await modes({"app_metadata": {"org": "acme"}, "https://example.com/team": "it"}) == {"acme"}


async def test_session_of_another_role_or_user_is_refused(app: psycopg.Connection, attached_database: Conninfo) -> None:
    app.execute("update auth.users set role = 'service_role' where id = %s", [USERS[1]])
    async with Store(Database(attached_database)) as operator:
        with pytest.raises(NoPrivilege, match="as the role service_role"):
            await operator.acting_as(ActingUser(id=USERS[1])).find_jobs()
    with connect({**attached_database, "user": ADMINISTRATOR}) as administrator:
        administrator.execute(
            f"create or replace function auth.uid() returns uuid language sql return '{USERS[1]}'::uuid".encode()
        )

    async with Store(Database(attached_database)) as operator:
        with pytest.raises(NoPrivilege, match=f"acts as the user {USERS[0]}, but the database reports {USERS[1]}"):
            await operator.acting_as(FIRST_USER).find_jobs()
        with pytest.raises(NoPrivilege, match="acts as the role anon, but the database reports"):
            await operator.acting_as(ANON).find_jobs()
