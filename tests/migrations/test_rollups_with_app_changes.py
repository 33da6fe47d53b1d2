"""Revision 0004 after an app has changed its table, settings and roles: no write fails."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest

from gjobs.migrations.runner import check_rollups, downgrade, rebuild_rollups, upgrade
from gjobs.store.embedded.server_files import ADMINISTRATOR
from tests.conftest import Conninfo, connect, started_server
from tests.migrations.conftest import ADA, BEN, acting
from tests.migrations.test_0004_rollups import (
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

    @pytest.fixture
    def drifted(self, own: psycopg.Connection) -> psycopg.Connection:
        for column in self.COLUMNS:
            own.execute(f"alter table public.generation_jobs alter {column} drop not null".encode())
        return own

    def test_rollups_count_jobs_with_null_columns(self, drifted: psycopg.Connection, migrated_copy: Conninfo) -> None:
        for statement in self.EVERYTHING:
            drifted.execute(statement.encode())
            assert check_rollups(migrated_copy).differences == ()

    def test_rebuilding_rollups_counts_jobs_with_null_columns(
        self, drifted: psycopg.Connection, migrated_copy: Conninfo
    ) -> None:
        drifted.execute(self.SOME.format(3).encode())
        drifted.execute("insert into gjobs.job_totals values (null, null, null, 'made up', 7, 7)")
        drifted.execute("insert into gjobs.waste_days values (null, null, null, true, 7, 7)")
        drifted.execute("insert into gjobs.waste_keys values ('user', null, 7, 7, 7, 7, 7, 7)")
        found = check_rollups(migrated_copy)
        assert [(one.kind, one.status, one.kept_cents - one.counted_cents) for one in found.differences] == [
            ("totals", None, 7), ("waste days", "failed", 7), *(("waste keys", status, 7) for status in KINDS)
        ]  # fmt: skip
        rebuild_rollups(migrated_copy)
        assert check_rollups(migrated_copy).matches

    def test_upgrade_counts_jobs_with_null_columns(self, drifted: psycopg.Connection, migrated_copy: Conninfo) -> None:
        downgrade(migrated_copy, "0003")
        drifted.execute(self.SOME.format(3).encode())
        drifted.execute("update public.generation_jobs set status = 'failed' where mode is null")
        upgrade(migrated_copy)
        assert check_rollups(migrated_copy).matches


KINDS = ("failed", "retry", None)

READERS = {
    "the table": "grant select on public.generation_jobs to {}",
    "some columns": "grant select (user_id, project_id, status, mode, error, cost_cents, created_at, retry_count)"
    " on public.generation_jobs to {}",
}


@pytest.mark.parametrize("grant", READERS.values(), ids=READERS)
def test_role_granted_select_later_reads_the_totals(own: psycopg.Connection, grant: str) -> None:
    """The app's own function and view were readable by such a role, too."""
    with own.transaction(force_rollback=True):
        own.execute("create role gjobs_test_reader")
        own.execute("grant gjobs_test_reader to current_user")
        own.execute("grant usage on schema auth to gjobs_test_reader")
        own.execute(grant.format("gjobs_test_reader").encode())
        own.execute("grant select on public.generation_job_summary to gjobs_test_reader")
        own.execute("grant execute on function public.get_job_statistics(uuid) to gjobs_test_reader")
        with acting(own, ADA.id, "gjobs_test_reader"):
            assert_rollups_match(own)


def test_role_that_bypasses_rls_without_select_reads_no_rollups(own: psycopg.Connection) -> None:
    own.execute("revoke all on public.generation_jobs from service_role")
    for view in ("job_counts", "job_day_counts", "job_waste", "job_day_waste"):
        statement = f"select * from gjobs.{view}"  # noqa: S608
        with pytest.raises(psycopg.errors.InsufficientPrivilege), acting(own, None, "service_role"):
            own.execute(statement.encode())
    with acting(own, None, "service_role"):
        for view in ("job_waste_keys", "job_waste_key_deltas"):
            assert own.execute(f"select * from gjobs.{view}".encode()).fetchall() == []  # noqa: S608


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


def test_default_privileges_do_not_expose_rollup_tables(blank_database: Conninfo) -> None:
    with connect(blank_database, autocommit=True) as connection:
        connection.execute("alter default privileges grant all on tables to public")
        connection.execute("alter default privileges grant all on sequences to public")
        upgrade(blank_database)
        open_ = connection.execute(
            "select relname from pg_class where relnamespace = 'gjobs'::regnamespace and relkind in ('r', 'S')"
            " and relname in ('job_deltas', 'job_totals', 'job_days', 'job_folding', 'told_at', 'waste_deltas',"
            " 'waste_totals', 'waste_days', 'waste_keys')"
            " and exists (select from aclexplode(relacl) where grantee <> relowner)"
        ).fetchall()
    assert open_ == []


LEVELS = ("read committed", "repeatable read", "serializable")


@pytest.mark.parametrize("level", LEVELS)
def test_deltas_are_folded_at_every_isolation_level(own: psycopg.Connection, level: str) -> None:
    own.execute(f"set default_transaction_isolation = '{level}'".encode())
    own.execute("update public.generation_jobs set status = 'failed'")
    own.execute("select gjobs.fold_deltas(1), gjobs.fold_waste(1)")
    assert own.execute("select from gjobs.job_deltas union all select from gjobs.waste_deltas").fetchall() == []
    assert_rollups_match_for_all_roles(own)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_folding_with_an_old_snapshot_keeps_the_rollups_correct(
    own: psycopg.Connection, migrated_copy: Conninfo, level: str
) -> None:
    """Folding must skip rows that the snapshot does not see; otherwise jobs count twice or not at all."""
    with connect(migrated_copy) as old:
        old.execute(f"set transaction isolation level {level}".encode())
        old.execute("select from public.generation_jobs").fetchall()
        fold = b"select gjobs.fold_deltas(1), gjobs.fold_waste(1)"
        own.execute(fold)
        own.execute("update public.generation_jobs set status = 'failed' where id = %s", [BEN.job])
        own.execute(fold)
        old.execute("update public.generation_jobs set status = 'failed' where id = %s", [ADA.job])
        old.execute(fold)
        assert_rollups_match(old)
        old.commit()
    own.execute(fold)
    assert_rollups_match_for_all_roles(own)
    assert check_rollups(migrated_copy).matches


def test_rollup_triggers_do_not_consume_random_numbers(own: psycopg.Connection) -> None:
    """A seed gives the same numbers with and without writes in between."""

    def random_numbers(statement: str) -> object:
        own.execute("select setseed(0.5)")
        own.execute(statement.encode())
        return own.execute("select random()").fetchone()

    assert random_numbers("update public.generation_jobs set status = 'running'") == random_numbers("select 1")


def test_rebuilding_rollups_and_truncating_do_not_deadlock(own: psycopg.Connection, migrated_copy: Conninfo) -> None:
    """Truncating must not wait for rows that the rebuild counts."""
    with connect(migrated_copy) as third:
        third.execute("lock table gjobs.job_folding in exclusive mode")
        with running(lambda: rebuild_rollups(migrated_copy)):
            wait_for_lock(own, "select gjobs.recount_jobs()")
            with running(lambda: truncate(migrated_copy)):
                wait_for_lock(own, "truncate%")
                third.commit()
    assert_rollups_match_for_all_roles(own)
    assert own.execute("select count(*) from public.generation_jobs").fetchone() == (0,)


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
