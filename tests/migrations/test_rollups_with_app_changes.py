"""Rollups after an app has changed its table, settings and roles: no write fails."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest

from gjobs.migrations.runner import check_rollups, rebuild_rollups, upgrade
from gjobs.store.embedded.server_files import ADMINISTRATOR
from tests.conftest import Conninfo, connect, started_server
from tests.migrations.conftest import ADA, BEN, acting
from tests.migrations.test_interrupted_upgrade import interrupting
from tests.migrations.test_rollups import (
    assert_rollups_match,
    assert_rollups_match_for_all_roles,
    pass_time,
    received,
    reset_rows,
)


@pytest.fixture
def own(migrated_copy: Conninfo) -> Iterator[psycopg.Connection]:
    """A connection of the operator to a separate database with the rows of Ada and Ben."""
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        yield connection


class TestNullableColumns:
    """An app may have allowed NULL in columns where the specification does not."""

    COLUMNS = ("user_id", "project_id", "status", "mode", "cost_cents", "created_at")
    SOME = (
        "insert into public.generation_jobs"
        " select gen_random_uuid(), null, null, null, null, null, null, null, null, now() from generate_series(1, {})"
    )
    ONE = "where id = (select min(id::text)::uuid from public.generation_jobs where mode is null)"
    EVERYTHING = (
        SOME.format(1),
        SOME.format(3),
        "update public.generation_jobs set cost_cents = 5 where mode is null",
        "update public.generation_jobs set cost_cents = null, project_id = null, status = null",
        "select gjobs.fold_deltas(1)",
        "update public.generation_jobs set status = 'failed', retry_count = null where mode is null",
        "select gjobs.fold_waste(1)",
        f"update public.generation_jobs set mode = 'lifestyle', cost_cents = 7 {ONE}",  # noqa: S608
        "select gjobs.fold_deltas(1), gjobs.fold_waste(1)",
        f"delete from public.generation_jobs {ONE}",  # noqa: S608
        "delete from public.generation_jobs where mode is null",
    )

    def test_rollups_count_jobs_with_null_columns(self, own: psycopg.Connection, migrated_copy: Conninfo) -> None:
        self.allow_null(own)
        for statement in self.EVERYTHING:
            own.execute(statement.encode())
            assert check_rollups(migrated_copy).differences == ()

        own.execute(self.SOME.format(3).encode())
        own.execute("insert into gjobs.job_totals values (null, null, null, 'made up', 7, 7)")
        own.execute("insert into gjobs.waste_days values (null, null, null, true, 7, 7)")
        own.execute("insert into gjobs.waste_keys values ('user', null, 7, 7, 7, 7, 7, 7)")
        found = check_rollups(migrated_copy)
        assert [(one.kind, one.status, one.kept_cents - one.counted_cents) for one in found.differences] == [
            ("totals", None, 7), ("waste days", "failed", 7), *(("waste keys", status, 7) for status in KINDS)
        ]  # fmt: skip
        rebuild_rollups(migrated_copy)
        assert check_rollups(migrated_copy).matches

    def test_upgrade_counts_jobs_with_null_columns(
        self, attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An upgrade takes over tables without such columns, but the app may change them before a continued one."""
        with interrupting("indexes/gjobs_newest.sql", monkeypatch, before=True):
            upgrade(attached_database)
        with connect(attached_database, autocommit=True) as connection:
            reset_rows(connection)
            self.allow_null(connection)
            connection.execute(self.SOME.format(3).encode())
            connection.execute("update public.generation_jobs set status = 'failed' where mode is null")
        upgrade(attached_database)
        assert check_rollups(attached_database).matches

    def allow_null(self, connection: psycopg.Connection) -> None:
        for column in self.COLUMNS:
            connection.execute(f"alter table public.generation_jobs alter {column} drop not null".encode())


KINDS = ("failed", "retry", None)

READERS = {
    "the table": "grant select on public.generation_jobs to {}",
    "some columns": "grant select (user_id, project_id, status, mode, error, cost_cents, created_at, retry_count)"
    " on public.generation_jobs to {}",
}


@pytest.mark.parametrize("grant", READERS.values(), ids=READERS)
def test_role_granted_select_later_reads_the_totals(operator: psycopg.Connection, grant: str) -> None:
    """The app's own function and view were readable by such a role, too."""
    with operator.transaction(force_rollback=True):
        operator.execute("create role gjobs_test_reader")
        operator.execute("grant gjobs_test_reader to current_user")
        operator.execute("grant usage on schema auth to gjobs_test_reader")
        operator.execute(grant.format("gjobs_test_reader").encode())
        with acting(operator, ADA.id, "gjobs_test_reader"):
            assert_rollups_match(operator)


def test_role_that_bypasses_rls_without_select_reads_no_rollups(operator: psycopg.Connection) -> None:
    with operator.transaction(force_rollback=True):
        operator.execute("revoke all on public.generation_jobs from service_role")
        for view in ("job_counts", "job_day_counts", "job_waste", "job_day_waste"):
            statement = f"select * from gjobs.{view}"  # noqa: S608
            with pytest.raises(psycopg.errors.InsufficientPrivilege), acting(operator, None, "service_role"):
                operator.execute(statement.encode())
        with acting(operator, None, "service_role"):
            for view in ("job_waste_keys", "job_waste_key_deltas"):
                assert operator.execute(f"select * from gjobs.{view}".encode()).fetchall() == []  # noqa: S608


def test_leaky_function_sees_no_rollups_of_other_users(own: psycopg.Connection) -> None:
    """A cheap condition that prints its rows runs after the conditions of row level security."""
    own.execute("select gjobs.fold_deltas(1), gjobs.fold_waste(1)")
    own.execute(
        "create function public.print_row(text) returns boolean language plpgsql cost 0.0001"
        " as $$ begin raise notice '%', $1; return true; end $$"
    )
    messages: list[str] = []
    own.add_notice_handler(lambda diagnostics: messages.append(diagnostics.message_primary or ""))
    with acting(own, ADA.id):
        own.execute("select * from gjobs.job_counts where public.print_row(user_id::text)")
        for view in ("job_waste_keys", "job_waste_key_deltas"):
            for query in (f"{view} where public.print_row(key)", f"(values (1)) v left join {view} on print_row(key)"):
                own.execute(f"select * from {query.replace(view, 'gjobs.' + view)}".encode())  # noqa: S608
    assert set(messages) == {str(ADA.id)}
    messages.clear()
    own.execute("select * from gjobs.job_waste_keys where public.print_row(key) and dimension = 'user'")
    assert set(messages) == {str(ADA.id), str(BEN.id)}


def test_default_privileges_expose_no_tables_of_rollups_and_budgets(blank_database: Conninfo) -> None:
    with connect(blank_database, autocommit=True) as connection:
        connection.execute("alter default privileges grant all on tables to public")
        connection.execute("alter default privileges grant all on sequences to public")
        upgrade(blank_database)
        granted = connection.execute(
            "select relname, privilege_type from pg_class cross join lateral aclexplode(relacl)"
            " where relnamespace = 'gjobs'::regnamespace and grantee <> relowner"
            " and (relname like 'budget%' or relname in ('job_deltas', 'job_totals', 'job_days', 'job_folding',"
            " 'told_at', 'waste_deltas', 'waste_totals', 'waste_days', 'waste_keys'))"
            " group by 1, 2 order by 1"
        ).fetchall()
    assert granted == [(relation, "SELECT") for relation in ("budget_spending", "budget_states", "budgets")]


LEVELS = ("read committed", "repeatable read", "serializable")


def test_deltas_are_folded_at_every_isolation_level(operator: psycopg.Connection) -> None:
    for level in LEVELS:
        operator.execute(f"set default_transaction_isolation = '{level}'".encode())
        operator.execute("update public.generation_jobs set status = 'failed', error = %s", [level])
        operator.execute("select gjobs.fold_deltas(1), gjobs.fold_waste(1)")
        deltas = operator.execute("select from gjobs.job_deltas union all select from gjobs.waste_deltas").fetchall()
        assert deltas == [], level
        assert_rollups_match_for_all_roles(operator)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_folding_with_an_old_snapshot_keeps_the_rollups_correct(
    operator: psycopg.Connection, database: Conninfo, level: str
) -> None:
    """Folding must skip rows that the snapshot does not see; otherwise jobs count twice or not at all."""
    with connect(database) as old:
        old.execute(f"set transaction isolation level {level}".encode())
        old.execute("select from public.generation_jobs").fetchall()
        fold = b"select gjobs.fold_deltas(1), gjobs.fold_waste(1)"
        operator.execute(fold)
        operator.execute("update public.generation_jobs set status = 'failed' where id = %s", [BEN.job])
        operator.execute(fold)
        old.execute("update public.generation_jobs set status = 'failed' where id = %s", [ADA.job])
        old.execute(fold)
        assert_rollups_match(old)
        old.commit()
    operator.execute(fold)
    assert_rollups_match_for_all_roles(operator)
    assert check_rollups(database).matches


def test_rollup_triggers_do_not_consume_random_numbers(operator: psycopg.Connection) -> None:
    """A seed gives the same numbers with and without writes in between."""

    def random_numbers(statement: str) -> object:
        operator.execute("select setseed(0.5)")
        operator.execute(statement.encode())
        return operator.execute("select random()").fetchone()

    assert random_numbers("update public.generation_jobs set status = 'running'") == random_numbers("select 1")


def test_rebuilding_rollups_and_truncating_do_not_deadlock(operator: psycopg.Connection, database: Conninfo) -> None:
    """Truncating must not wait for rows that the rebuild counts."""
    with connect(database) as third:
        third.execute("lock table gjobs.job_folding in exclusive mode")
        with running(lambda: rebuild_rollups(database)):
            wait_for_lock(operator, "select gjobs.recount_jobs()")
            with running(lambda: truncate(database)):
                wait_for_lock(operator, "truncate%")
                third.commit()
    assert_rollups_match_for_all_roles(operator)
    assert operator.execute("select count(*) from public.generation_jobs").fetchone() == (0,)


def truncate(conninfo: Conninfo) -> None:
    with connect(conninfo, autocommit=True) as connection:
        connection.execute("truncate public.generation_jobs")


@contextmanager
def running(work: Callable[[], object]) -> Iterator[None]:
    """Run the function in another thread during the block, and raise its error after the block."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        done = pool.submit(work)
        yield
        done.result()


def wait_for_lock(connection: psycopg.Connection, statement: str) -> None:
    waiting = "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    while not connection.execute(f"{waiting} and query ilike %s".encode(), [statement]).fetchall():
        pass


def notifications_of(connection: psycopg.Connection, conninfo: Conninfo, statement: str) -> list[str]:
    """Return the notifications that a dashboard and a worker receive."""
    with connect(conninfo, autocommit=True) as listener:
        for channel, lock in (("gjobs_jobs", 1), ("gjobs_queue", 4)):
            listener.execute(f"listen {channel}".encode())
            listener.execute("select pg_advisory_lock_shared(1735353442, %s)", [lock])
        pass_time(connection)
        connection.execute(statement.encode())
        return received(listener)


QUEUED = UUID(int=0xC3)

QUEUE = (
    f"insert into public.generation_jobs (id, user_id, project_id, mode) select '{QUEUED}', user_id, id, 'lifestyle'"  # noqa: S608
    f" from public.projects where id = '{ADA.project}'"
)


def test_servers_with_prepared_transactions_send_no_notifications() -> None:
    """A transaction that has notified cannot be prepared."""
    with started_server(max_prepared_transactions="1") as server:
        upgrade(server.conninfo)
        with connect(server.conninfo, autocommit=True) as connection:
            reset_rows(connection)
            statement = f"begin; {QUEUE}; prepare transaction 'prepared_by_test'"
            assert notifications_of(connection, server.conninfo, statement) == []
            connection.execute("commit prepared 'prepared_by_test'")
            assert_rollups_match_for_all_roles(connection)


def test_full_notification_queue_sends_no_notifications(own: psycopg.Connection, migrated_copy: Conninfo) -> None:
    """A writer that notifies would fail at the commit."""
    assert sorted(notifications_of(own, migrated_copy, QUEUE)) == ["", str(QUEUED)]
    with connect({**migrated_copy, "user": ADMINISTRATOR}, autocommit=True) as administrator:
        administrator.execute(
            "create or replace function pg_catalog.pg_notification_queue_usage() returns double precision"
            " language sql as 'select 0.9::double precision'"
        )
    own.execute("delete from public.generation_jobs where id = %s", [QUEUED])
    # A session keeps the built-in functions that it found first, so this test opens a new session.
    with connect(migrated_copy, autocommit=True) as other:
        assert notifications_of(other, migrated_copy, QUEUE) == []
