"""Rollups after an app has changed its table, settings and roles: no write fails."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from gjobs.migrations.rollups import check_rollups, rebuild_rollups
from gjobs.migrations.runner import upgrade
from gjobs.store.embedded.server_files import ADMINISTRATOR
from tests.conftest import Conninfo, connect, started_server
from tests.migrations.conftest import ADA, acting, received, running
from tests.migrations.test_interrupted_upgrade import interrupting
from tests.migrations.test_rollups import (
    COLUMNS,
    assert_rollups_match,
    assert_rollups_match_for_all_roles,
    count_again,
    fold,
    insert,
    operator,
    pass_time,
    reset_rows,
)

__all__ = ["operator"]


@pytest.fixture
def own(migrated_copy: Conninfo) -> Iterator[psycopg.Connection]:
    """A connection of the operator to a separate database with the rows of Ada and Ben."""
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        count_again(connection)
        yield connection


EMPTY_JOBS = """
insert into public.generation_jobs
select gen_random_uuid(), null, null, null, null, null, null, null, null, now() from generate_series(1, 3)"""
CHANGES = {
    "nullable columns": [
        *(f"alter table public.generation_jobs alter {column} drop not null" for column in COLUMNS[:-1]),
        EMPTY_JOBS,
    ],
    "limited texts": [
        "alter table public.generation_jobs alter mode type varchar(40), alter error type varchar(9000)",
    ],
    "errors as JSON": [
        "alter table public.generation_jobs alter error type jsonb using error::jsonb",
        """update public.generation_jobs set error = '{"message": "Boom"}'""",
    ],
}


LATER_WRITES = (
    """update public.generation_jobs set error = '{"message": "Late"}', mode = 'packaging'""",
    """
insert into public.generation_jobs (user_id, project_id, mode, status, cost_cents)
select user_id, id, 'packaging', 'failed', 7 from public.projects""",
    "update public.generation_jobs set status = 'running' where error is null",
    "delete from public.generation_jobs where status = 'running'",
)


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_upgrade_counts_the_jobs_of_a_changed_table_and_later_writes(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch, changes: list[str]
) -> None:
    """An upgrade takes over only tables as specified, but the app may change them before a continued one."""
    with interrupting("indexes/gjobs_queue", monkeypatch, before=True):
        upgrade(attached_database)
    with connect(attached_database, autocommit=True) as connection:
        reset_rows(connection)
        for change in changes:
            connection.execute(change.encode())
        connection.execute("update public.generation_jobs set status = 'failed', cost_cents = 5")
        upgrade(attached_database)
        for statement in LATER_WRITES:
            connection.execute(statement.encode())
            assert check_rollups(attached_database).matches
            assert fold(connection) > 0
            assert check_rollups(attached_database).matches
        sums = "select sum(job_count) from gjobs.job_waste where error_group = gjobs.error_group(%s)"
        error = connection.execute("select error::text from public.generation_jobs limit 1").fetchone()
        jobs = connection.execute("select count(*) from public.generation_jobs").fetchone()
        assert connection.execute(sums.encode(), error).fetchone() == jobs


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


def test_default_privileges_expose_no_tables(blank_database: Conninfo) -> None:
    with connect(blank_database, autocommit=True) as connection:
        connection.execute("alter default privileges grant all on tables to public")
        connection.execute("alter default privileges grant all on sequences to public")
        upgrade(blank_database)
        granted = connection.execute(
            "select relname, privilege_type from pg_class cross join lateral aclexplode(relacl)"
            " where relnamespace = 'gjobs'::regnamespace and grantee = 0"
            " and not (relkind = 'v' and privilege_type = 'SELECT')"
        ).fetchall()
    assert granted == [("alembic_version", "SELECT")]


def test_days_do_not_depend_on_the_date_style_of_the_session(operator: psycopg.Connection) -> None:
    days = "select count(*), count(distinct day) from gjobs.job_days"
    for style in ("German", "ISO"):
        operator.execute(f"set datestyle = '{style}'".encode())
        operator.execute("update public.generation_jobs set cost_cents = cost_cents + 1")
        assert fold(operator) == 2
        assert operator.execute(days.encode()).fetchone() == (2, 1)
        assert_rollups_match_for_all_roles(operator)


def test_rollup_triggers_do_not_consume_random_numbers(operator: psycopg.Connection) -> None:
    """A seed gives the same numbers with and without writes in between."""

    def random_numbers(statement: str) -> object:
        operator.execute("select setseed(0.5)")
        operator.execute(statement.encode())
        return operator.execute("select random()").fetchone()

    assert random_numbers("update public.generation_jobs set status = 'running'") == random_numbers("select 1")


def test_rebuilding_rollups_waits_for_a_truncate_without_a_deadlock(
    operator: psycopg.Connection, database: Conninfo
) -> None:
    with connect(database) as truncating:
        truncating.execute("truncate public.generation_jobs")
        with running(lambda: rebuild_rollups(database)):
            wait_for_lock(operator, "select gjobs.count_again()")
            insert(truncating)
            truncating.execute("truncate public.generation_jobs")
            insert(truncating)
            truncating.commit()
    assert_rollups_match_for_all_roles(operator)
    assert operator.execute("select count(*) from public.generation_jobs").fetchone() == (1,)


def test_forgetting_a_user_leaves_the_events_that_are_committed_meanwhile(
    operator: psycopg.Connection, database: Conninfo
) -> None:
    """An event that is not folded yet must enter the sum of its user, because the job will leave that sum."""
    operator.execute("select gjobs.archive_jobs(array(select id from public.generation_jobs))")
    operator.execute("select gjobs.fold_events()")

    def forget() -> None:
        with connect(database) as forgetting:
            forgetting.execute("select gjobs.forget_user(%s)", [ADA.id])

    with connect(database) as archive:
        archive.execute("select from gjobs.archived_jobs for update")
        with running(forget):
            wait_for_lock(operator, "select gjobs.forget_user(%")
            insert(operator)
            archive.rollback()
    assert_rollups_match_for_all_roles(operator)
    assert fold(operator) == 1
    assert_rollups_match_for_all_roles(operator)


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


def test_prepared_transactions_send_no_notifications_and_are_folded_after_their_commit() -> None:
    """A transaction that has notified cannot be prepared."""
    with started_server(max_prepared_transactions="1") as server:
        upgrade(server.conninfo)
        with connect(server.conninfo, autocommit=True) as connection:
            reset_rows(connection)
            count_again(connection)
            statement = f"begin; {QUEUE}; prepare transaction 'prepared_by_test'"
            assert notifications_of(connection, server.conninfo, statement) == []
            insert(connection)
            assert fold(connection) == 1
            connection.execute("commit prepared 'prepared_by_test'")
            assert_rollups_match_for_all_roles(connection)
            assert fold(connection) == 1
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
