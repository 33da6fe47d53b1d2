"""Database runs all SQL: transactions, actors, write permits and time limits."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TypeVar

import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import text

from gjobs.store.configuration.settings import WriteAccess, WriteMode, WritePermit
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, TimeLimits
from gjobs.store.embedded.server_files import ADMINISTRATOR
from gjobs.store.errors import InvalidValue, NoPrivilege, ReadOnly, SchemaMissing, TimedOut, Unreachable
from gjobs.store.job_list.list_query import ListingQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.store.journal.write_record import WriteRecord
from gjobs.store.retention.cleanup import run_cleanup
from gjobs.store.retention.retention import ExpiredJobs, RetentionAction
from gjobs.store.statistics.statistics import ProjectTotals, TotalsQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from tests.conftest import Conninfo, connect, temporary_login
from tests.store.database.conftest import show, value_of
from tests.store.faulty_servers import Proxy, proxied
from tests.store.store_fixtures import ADA, BEN, NOW, Db, ManualClock, Sql, opened, writes

T = TypeVar("T")

BOTH_ACTORS: tuple[Actor, ...] = (OPERATOR, ActingUser(id=ADA))

SHORT = TimeLimits(statement=0.2, lock=0.1, answer=0.1)

LATER = NOW + timedelta(days=1)

SLEEP = value_of("select pg_sleep(60)")

NONE = ProjectTotals(job_count=0, total_cost_cents=0)


def add_project(name: str | None = "x") -> Query[str]:
    return value_of("insert into projects (user_id, name) values (:id, :name) returning name", id=ADA, name=name)


async def write(database: Database, *queries: Query[T], actor: Actor = OPERATOR) -> list[T]:
    async with database.write(actor) as transaction:
        return [row for query in queries for row in await transaction.run(query)]


class TestTransactions:
    async def test_read_runs_read_only_in_one_snapshot(self, db: Db) -> None:
        db.make_project(name="Catalog")
        for actor in BOTH_ACTORS:
            settings = await db.operator.database.read_together(
                actor, show("transaction_read_only"), show("transaction_isolation")
            )
            assert settings == (["on"], ["repeatable read"]), actor
            for statement in (
                "update projects set name = 'x' returning id",
                "insert into projects (user_id, name) select id, 'x' from auth.users returning id",
                "delete from projects returning id",
                "with gone as (delete from projects returning id) select id from gone",
            ):
                with pytest.raises(ReadOnly) as caught:
                    await db.operator.database.read(actor, value_of(statement))
                assert caught.value.sqlstate == "25006"
        assert db.sql("select name from projects") == [("Catalog",)]

    async def test_each_write_has_the_settings_that_it_needs_whatever_the_logins(self, database: Conninfo) -> None:
        options = (
            "-c default_transaction_isolation=serializable -c row_security=off -c array_nulls=off"
            " -c quote_all_identifiers=on"
        )
        async with opened({**database, "options": options}) as strict:
            for name, needed in (
                ("transaction_isolation", "read committed"),
                ("row_security", "on"),
                ("array_nulls", "on"),
                ("quote_all_identifiers", "off"),
            ):
                assert await write(strict, show(name)) == [needed]
                for _ in range(3):
                    assert await strict.write_pipelined(OPERATOR, "read", show(name)) == ([needed],)

    async def test_pipelined_write_is_committed_completely_or_not_at_all(self, operator: Store, sql: Sql) -> None:
        async def add(*names: str | None) -> object:
            return await operator.database.write_pipelined(OPERATOR, "add", *map(add_project, names))

        for _ in range(2):
            assert await add("one") == (["one"],)
            assert await add("two", "three") == (["two"], ["three"])
            with pytest.raises(InvalidValue):
                await add("four", None)
        added = sql("select name, count(*) from projects group by 1 order by 1")
        assert added == [("one", 2), ("three", 2), ("two", 2)]

    async def test_write_block_that_raises_or_has_no_record_is_rolled_back(self, operator: Store, sql: Sql) -> None:
        async def add(record: WriteRecord | None = None, error: type[Exception] | None = None) -> None:
            async with operator.database.write(OPERATOR) as transaction:
                assert len(await transaction.run(add_project())) == 1
                if error:
                    raise error
                if record:
                    transaction.record(record)

        with pytest.raises(ZeroDivisionError):
            await add(error=ZeroDivisionError)
        await add()
        assert sql("select count(*) from projects") == [(0,)]
        await add(WriteRecord(what="add a project"))
        assert sql("select count(*) from projects") == [(1,)]

    async def test_rehearsal_creates_rows_as_operator_and_leaves_none(self, operator: Store, sql: Sql) -> None:
        new = Query(text("insert into projects (user_id, name) values (:ada, 'New')"), tuple, {"ada": ADA})
        rename = Query(text("update projects set name = 'Renamed'"), tuple)
        renamed: list[int] = []
        for user in (ADA, BEN):
            async with operator.database.rehearsal(ActingUser(id=user), limits=TimeLimits()) as (
                transaction,
                become_actor,
            ):
                for _ in range(2):
                    assert await transaction.change(new) == 1
                await become_actor()
                assert await transaction.run(show("role")) == ["authenticated"]
                renamed.append(await transaction.change(rename))
                transaction.record(WriteRecord(what="rename"))
        assert renamed == [2, 0]
        assert sql("select count(*) from projects") == [(0,)]

    async def test_each_read_of_a_snapshot_runs_as_its_own_actor(self, operator: Store, database: Conninfo) -> None:
        role, claims = show("role"), value_of("select current_setting('request.jwt.claims', true)")
        async with operator.database.snapshot() as snapshot:
            for actor in (OPERATOR, ActingUser(id=ADA), OPERATOR, ActingUser(id=BEN), ActingUser(id=ADA), OPERATOR):
                ((seen_role,), (seen_claims,)) = await snapshot.read(actor, role, claims)
                if isinstance(actor, ActingUser):
                    assert (seen_role, str(actor.id) in seen_claims) == ("authenticated", True)
                else:
                    assert (seen_role, seen_claims or None) == ("none", None)
            shown = await snapshot.read(OPERATOR, show("transaction_read_only"), show("statement_timeout"))
            assert shown == (["on"], ["8s"])
        assert await operator.database.read(OPERATOR, role) == ["none"]

        async with opened({**database, "options": "-c role=service_role"}) as session, session.snapshot() as snapshot:
            assert await snapshot.read(ActingUser(id=ADA), show("role")) == (["authenticated"],)
            assert await snapshot.read(OPERATOR, show("role")) == (["service_role"],)

    async def test_failed_read_raises_its_error_and_leaves_no_role(self, operator: Store) -> None:
        ada, fails = ActingUser(id=ADA), value_of("select * from no_such_table")
        with pytest.raises(SchemaMissing, match="no_such_table"):
            await operator.database.read_together(ada, show("role"), fails, show("role"))
        with pytest.raises(SchemaMissing, match="no_such_table"):
            async with operator.database.snapshot() as snapshot:
                await snapshot.read(ada, fails)
        with pytest.raises(ReadOnly):
            async with operator.database.snapshot() as snapshot:
                await snapshot.read(OPERATOR, value_of("delete from projects returning id"))
        assert await operator.database.read(OPERATOR, show("role")) == ["none"]

    async def test_totals_are_consistent_while_other_sessions_write(self, db: Db) -> None:
        project_id = db.make_project()
        stop = asyncio.Event()

        async def create_and_delete_jobs() -> None:
            async with opened(db.conninfo) as other:
                store = Store(other)
                while not stop.is_set():
                    job = await store.create_generation_job(project_id=project_id, mode="lifestyle", cost_cents=7)
                    await store.transition_job_status(job.id, JobStatus.RUNNING)
                    await store.delete_generation_job(job.id)

        writing = asyncio.create_task(create_and_delete_jobs())
        listed = set()
        for _ in range(20):
            numbers = await db.operator.get_totals(TotalsQuery())
            assert numbers.statistics is not None
            assert numbers.projects is not None
            assert numbers.days is not None
            count = numbers.statistics.total_count
            assert numbers.statistics.total_cost_cents == 7 * count
            expected = ProjectTotals(job_count=count, total_cost_cents=7 * count)
            assert numbers.projects.get(project_id, NONE) == expected
            assert sum(day.job_count for day in numbers.days) == count
            listing = await db.operator.get_listing(ListingQuery())
            listed.add(tuple(job.status for job in listing.window.jobs))
        stop.set()
        await writing
        assert len(listed) > 1, "the list changed meanwhile"


class TestReadOnlySession:
    async def test_read_only_session_refuses_every_write(self, db: Db) -> None:
        job_id, gone = db.make_job(), db.make_job()
        deleted = await db.operator.delete_generation_jobs({gone: None})
        async with opened(db.conninfo, access=WriteAccess(WriteMode.CLOSED)) as session:
            assert await write(session, show("transaction_read_only")) == ["on"]
            store = Store(session)
            (job,) = await store.get_generation_jobs()
            cleanup = run_cleanup(
                store, ExpiredJobs(created_before=LATER, statuses=(*JobStatus,)), RetentionAction.DELETE
            )
            for change in (*writes(store, job), store.restore_generation_jobs(deleted), anext(cleanup)):
                with pytest.raises(ReadOnly):
                    await change
            assert (await store.get_generation_jobs()).items == (job,)
        assert job.id == job_id

    async def test_write_permit_allows_writes_until_it_is_closed(self, db: Db) -> None:
        db.make_project()
        async with opened(db.conninfo, access=WriteAccess(WriteMode.PERMIT_REQUIRED)) as session:
            assert await write(session, show("transaction_read_only")) == ["on"]
            session.access.open_permit("a customer asked for it", 60)
            assert await write(session, show("transaction_read_only")) == ["off"]
            session.access.close_permit()
            with pytest.raises(ReadOnly) as caught:
                await Store(session).create_project("x", owner_id=ADA)
        assert caught.value.hint is not None
        assert "--write REASON" in caught.value.hint
        assert caught.value.sqlstate == "25006"


class TestActingAs:
    async def test_statement_of_an_acting_user_has_role_and_claims(self, db: Db, database: Conninfo) -> None:
        who = Query(text("select current_user::text, auth.uid()"), tuple)
        assert await db.operator.database.read(ActingUser(id=ADA), who) == [("authenticated", ADA)]
        assert await write(db.operator.database, who, actor=ActingUser(id=BEN)) == [("authenticated", BEN)]
        assert await db.operator.database.read(OPERATOR, who) == [("gjobs", None)]

        # A legacy setting has priority over the JSON claims, so each transaction sets it.
        ada, who = ActingUser(id=ADA), value_of("select auth.uid()")
        async with opened({**database, "options": f"-c request.jwt.claim.sub={BEN}"}) as session:
            assert await session.read(ada, who) == [ADA]
            assert await write(session, who, actor=ada) == [ADA]

    async def test_acting_as_a_user_needs_a_schema_that_reads_the_claims(self, blank_database: Conninfo) -> None:
        async with opened(blank_database) as session:
            with pytest.raises(SchemaMissing, match='schema "auth" does not exist'):
                await session.read(ActingUser(id=ADA), show("role"))
            with connect(blank_database, autocommit=True) as owner:
                owner.execute("create schema auth")
                owner.execute("create function auth.uid() returns uuid language sql return null::uuid")
                owner.execute("grant usage on schema auth to authenticated")
            with pytest.raises(NoPrivilege, match="the database reports no user"):
                await session.read(ActingUser(id=ADA), show("role"))

    async def test_login_without_rights_gets_an_error_instead_of_no_rows(self, database: Conninfo) -> None:
        async with opened({**database, "user": "outsider"}) as session:
            with temporary_login(database, "outsider", bypasses=False):
                with pytest.raises(NoPrivilege, match='permission denied to set role "authenticated"'):
                    await session.read(ActingUser(id=ADA), show("role"))
                with pytest.raises(NoPrivilege, match="No grant: the role outsider may not read generation_jobs"):
                    await Store(session).get_generation_jobs()


class TestTimeLimits:
    async def test_statement_beyond_the_time_limit_of_session_or_call_is_stopped(self, db: Db) -> None:
        async with opened(db.conninfo, limits=TimeLimits(statement=0.2, answer=2.0)) as session:
            for actor in BOTH_ACTORS:
                with pytest.raises(TimedOut, match="took too long") as caught:
                    await session.read(actor, SLEEP)
                assert caught.value.sqlstate == "57014"
                limits = show("statement_timeout"), show("idle_in_transaction_session_timeout")
                assert await session.read_together(actor, *limits) == (["200ms"], ["2200ms"])
                assert await write(session, *limits, actor=actor) == ["200ms", "2200ms"]

        shorter = TimeLimits(statement=0.05)
        with pytest.raises(TimedOut):
            await db.operator.database.read(OPERATOR, SLEEP, limits=shorter)
        with pytest.raises(TimedOut):
            async with db.operator.database.rehearsal(OPERATOR, limits=shorter) as (transaction, _):
                await transaction.run(SLEEP)

    @pytest.mark.parametrize("kind", ["read", "write"])
    async def test_statement_on_a_silent_connection_times_out(self, database: Conninfo, kind: str) -> None:
        async with proxied(database) as (proxy, through_proxy), opened(through_proxy, limits=SHORT) as session:
            assert await session.read(OPERATOR, show("role"), limits=TimeLimits()) == ["none"]
            proxy.fall_silent()
            started = time.monotonic()
            with pytest.raises(TimedOut, match=r"did not answer within 0\.3 s") as caught:
                await (session.read(OPERATOR, show("role")) if kind == "read" else write(session, show("role")))
            assert 0.25 < time.monotonic() - started < TimeLimits().patience
            assert caught.value.hint == "Check the network, then try again."

    async def test_rollback_on_a_silent_connection_is_abandoned(self, database: Conninfo) -> None:
        async def fail_in_silence(session: Database, proxy: Proxy) -> None:
            async with session.write(OPERATOR) as transaction:
                await transaction.run(show("role"))
                proxy.fall_silent()
                raise ZeroDivisionError

        limits = TimeLimits(statement=0.4, answer=0.3)
        async with proxied(database) as (proxy, through_proxy), opened(through_proxy, limits=limits) as session:
            await session.read(OPERATOR, show("role"), limits=TimeLimits())
            started = time.monotonic()
            with pytest.raises(ZeroDivisionError):
                await fail_in_silence(session, proxy)
            assert time.monotonic() - started < TimeLimits().patience

    async def test_server_that_never_completes_the_sign_in_is_unreachable(self, database: Conninfo) -> None:
        async with proxied(database) as (proxy, through_proxy):
            proxy.fall_silent()
            async with opened({**through_proxy, "connect_timeout": 2}) as session:  # the minimum of libpq
                with pytest.raises(Unreachable, match="timeout expired"):
                    await session.read(OPERATOR, show("role"))


async def test_concurrent_process_checks_do_not_deadlock(operator: Store) -> None:
    async with asyncio.timeout(TimeLimits().patience):
        shared = await asyncio.gather(*(operator.database.shares_processes() for _ in range(2)))
    assert shared == [False, False]


SETTINGS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")

_CALLS = ", ".join(f"current_setting('{name}')" for name in SETTINGS)

STATE = Query(text(f"select {_CALLS}"), tuple)


@pytest.fixture
def login(database: Conninfo, sql: Sql) -> Iterator[Conninfo]:
    """A login with a statement time-out shorter than gjobs' own, and a longer lock time-out."""
    name = Identifier(str(database["dbname"]))
    with connect({**database, "user": ADMINISTRATOR}, autocommit=True) as administrator:
        change = SQL("alter role gjobs in database {} set {} = {}")
        administrator.execute(change.format(name, Identifier("statement_timeout"), SQL("'1s'")))
        administrator.execute(change.format(name, Identifier("lock_timeout"), SQL("'1min'")))
        yield database
        administrator.execute(SQL("alter role gjobs in database {} reset all").format(name))


@pytest.mark.parametrize("actor", [OPERATOR, ActingUser(id=ADA)])
async def test_shorter_of_the_time_outs_of_role_and_gjobs_applies(login: Conninfo, actor: Actor) -> None:
    async with opened(login) as session:
        assert await session.read(actor, STATE) == [("1s", "2s", "13s")]
        async with session.write(actor) as transaction:
            assert await transaction.run(STATE) == [("1s", "2s", "13s")]
        async with session.snapshot() as snapshot:
            assert await snapshot.read(actor, STATE) == ([("1s", "2s", "13s")],)
            assert await snapshot.read(actor, STATE, within=0.2) == ([("200ms", "2s", "13s")],)
            assert await snapshot.read(actor, STATE, within=60.0) == ([("1s", "2s", "13s")],)


async def test_shorter_of_two_time_outs_in_any_unit_applies(database: Conninfo) -> None:
    for given, expected in (
        ("0", "8s"),
        ("7999", "7999ms"),
        ("8001", "8s"),
        ("250ms", "250ms"),
        ("2min", "8s"),
        ("1h", "8s"),
        ("1d", "8s"),
        ("2147483647", "8s"),
        ("1500000us", "1500ms"),
    ):
        options = f"-c statement_timeout={given} -c intervalstyle=sql_standard"
        async with opened({**database, "options": options}) as session:
            assert await session.read(OPERATOR, show("statement_timeout")) == [expected]

    longer = TimeLimits(statement=600.0)
    async with opened({**database, "options": "-c statement_timeout=3s"}, limits=longer) as session:
        assert await session.read(OPERATOR, show("statement_timeout")) == ["3s"]


def test_only_an_open_session_or_a_permit_that_has_not_ended_allows_writes() -> None:
    assert WriteAccess(WriteMode.OPEN).may_write
    assert WriteAccess(WriteMode.OPEN).permit is None
    closed = WriteAccess(WriteMode.CLOSED)
    with pytest.raises(ReadOnly, match="read-only"):
        closed.open_permit("please", 60)
    assert not closed.may_write

    clock = ManualClock()
    access = WriteAccess(WriteMode.PERMIT_REQUIRED, clock=clock)
    assert not access.may_write
    assert access.open_permit("ticket 7", 300) == WritePermit(reason="ticket 7", ends_at=NOW + timedelta(seconds=300))
    clock.now += timedelta(seconds=299)
    assert access.may_write
    clock.now += timedelta(seconds=1)
    assert not access.may_write
    clock.now = NOW
    assert access.permit is None, "a clock that is set back does not open it again"

    access = WriteAccess(WriteMode.PERMIT_REQUIRED, clock=ManualClock())
    access.open_permit("one", 60)
    assert access.open_permit("two", 60) == access.permit
    access.close_permit()
    assert not access.may_write


def test_refusal_hint_names_the_option_or_the_key_that_allows_writes() -> None:
    access = WriteAccess(WriteMode.PERMIT_REQUIRED)
    assert "--write REASON" in str(access.refusal().hint)
    assert "--read-only" in str(WriteAccess(WriteMode.CLOSED).refusal().hint)
    access.opened_by = "Press W to write for some minutes."
    assert access.refusal().hint == "Press W to write for some minutes."


def test_suspension_or_a_refusing_database_closes_every_session_until_it_ends() -> None:
    for rule in WriteMode:
        access = WriteAccess(rule)
        if rule is WriteMode.PERMIT_REQUIRED:
            access.open_permit("ticket 4711", 60)
        might_write = access.may_write
        access.suspended_by = "An earlier moment is shown.", "Return first."
        refused = access.refusal()
        assert (access.may_write, access.is_closed) == (False, True)
        assert (refused.message, refused.hint) == ("An earlier moment is shown.", "Return first.")
        with pytest.raises(ReadOnly):
            access.open_permit("another reason", 60)
        access.suspended_by = None
        assert (access.may_write, access.is_closed) == (might_write, rule is WriteMode.CLOSED)

    access = WriteAccess()
    access.refused_by = "This server is a replica and accepts no writes.", None
    assert (access.may_write, access.is_closed) == (False, True)
    assert access.refusal().message == "This server is a replica and accepts no writes."
    access.refused_by = None
    assert (access.may_write, access.is_closed) == (True, False)
