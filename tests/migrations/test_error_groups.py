"""Errors that differ only in the format of a time, an id or an amount form one group."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from gjobs.migrations import HEAD, progress, runner
from gjobs.migrations.runner import check_rollups, upgrade
from gjobs.migrations.status import read_status
from gjobs.store.database.database import Database
from gjobs.store.error_groups.error_group import error_group_id
from gjobs.store.errors import Locked, StoreError
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.statistics import waste_sql
from gjobs.store.statistics.statistics import WasteKey
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser
from tests.conftest import Conninfo, connect
from tests.migrations import error_group_file
from tests.migrations.conftest import ADA
from tests.migrations.test_interrupted_upgrade import interrupting
from tests.migrations.test_rollups import assert_rollups_match_for_all_roles, reset_rows
from tests.store.error_groups.error_examples import EXAMPLES

FAIL = (
    "insert into public.generation_jobs (user_id, project_id, status, mode, cost_cents, error)"
    " select %s, %s, 'failed', 'lifestyle', 5, unnest(%s::text[])"
)
TIMES = ["Ended at 5:04 PM", "Ended at 11:05 am", "Ended at Sun, 29 Nov 2026 17:04:05 GMT", "Ended at 3 May"]
DELETE = "delete from public.generation_jobs where error = any (%s)"
FOLD = "select gjobs.fold_waste(5000)"


def fail(connection: psycopg.Connection, *errors: str) -> None:
    connection.execute(FAIL.encode(), [ADA.id, ADA.project, [*errors]])


def groups(connection: psycopg.Connection) -> dict[str, int]:
    rows = connection.execute("select error_group, sum(job_count) from gjobs.job_waste group by 1 order by 1")
    return {group: int(number) for group, number in rows if number}


def test_error_group_of_the_database_equals_that_of_python(operator: psycopg.Connection) -> None:
    written = error_group_file.FILE.read_text(encoding="utf-8")
    assert written == error_group_file.function_sql(), "Write it with: python -m tests.migrations.error_group_file"
    errors = [error for examples in EXAMPLES.values() for error in examples]

    found = operator.execute(
        "select gjobs.error_group(e) from unnest(%s::text[]) with ordinality as u (e, n) order by n", [errors]
    ).fetchall()

    assert [group for (group,) in found] == [error_group_id(error) for error in errors]


async def test_upgrade_groups_stored_failures_and_the_filter_finds_the_jobs_of_a_group(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of a transaction whose snapshot is older than the triggers."""
    group = error_group_id(TIMES[0])
    # An index build would wait for the transaction.
    with interrupting("indexes/gjobs_queue.sql", monkeypatch):
        upgrade(attached_database)
    with connect(attached_database, autocommit=True) as connection, connect(attached_database) as other:
        reset_rows(connection)
        fail(connection, *TIMES)
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("select")

        upgrade(attached_database)
        assert groups(connection) == {group: len(TIMES)}
        fail(other, "Ended at 6:05 AM")
        other.commit()

        async with Store(Database(attached_database)) as store:
            read = await store.get_waste(WasteKey.GROUP)
            assert read.is_exact
            (row,) = read.rows
            assert (row.key, row.name, row.failed_count, row.failed_cents) == (group, "Ended at <time>", 5, 25)
            assert len(await store.find_jobs(parse(f"error-group:{group}"))) == 5
        assert_rollups_match_for_all_roles(connection)
    assert check_rollups(attached_database).matches


ERRORS = [f"Worker {number} lost" for number in range(6)] + [f"Step {letter} failed" for letter in "ABB"]
SLOW_WRITES = [
    # Whether the insertion, the first and the second deletion leave errors without a group, and whether a fold between
    # the deletions groups them.
    (True, False, False, False),
    (True, False, False, True),
    (True, True, False, False),
    (True, False, True, True),
    (False, True, False, False),
    (False, True, True, True),
]


class App:
    """An app whose writes may leave errors without a group."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        ((self._counting,),) = connection.execute("select pg_get_functiondef('gjobs.count_waste'::regproc)").fetchall()

    def write(self, statement: str, *values: object, is_slow: bool) -> None:
        counting = self._counting.replace("'1 second'", "'0'") if is_slow else self._counting
        self.connection.execute(counting.encode())
        self.connection.execute(statement.encode(), values)

    def fail(self, *, is_slow: bool) -> None:
        self.write(FAIL, ADA.id, ADA.project, ERRORS, is_slow=is_slow)


@contextmanager
def nobody_folds(conninfo: Conninfo) -> Iterator[None]:
    with connect(conninfo) as connection:
        connection.execute("select pg_advisory_xact_lock(1735353442, 2)")
        yield


async def test_waste_by_group_is_right_before_all_errors_are_grouped(migrated_copy: Conninfo) -> None:
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        app = App(connection)
        async with Store(Database(migrated_copy)) as operator:
            ada = operator.acting_as(ActingUser(id=ADA.id))

            async def assert_right(left: list[str]) -> None:
                expected = dict(Counter(map(error_group_id, left)))
                for store, project in ((operator, None), (operator, ADA.project), (ada, None)):
                    found = await store.get_waste(WasteKey.GROUP, project)
                    assert {row.key: row.failed_count for row in found.rows} == expected
                    assert (found.is_exact, found.total.failed_count) == (True, len(left))
                assert (await operator.get_waste()).total.failed_count == len(left)

            for insert_is_slow, first_is_slow, second_is_slow, folds in SLOW_WRITES:
                with nobody_folds(migrated_copy):
                    app.fail(is_slow=insert_is_slow)
                    await assert_right(ERRORS)
                    app.write(DELETE, ERRORS[:4], is_slow=first_is_slow)
                    await assert_right(ERRORS[4:])
                if folds:
                    connection.execute(FOLD.encode())
                    await assert_right(ERRORS[4:])
                with nobody_folds(migrated_copy):
                    app.write(DELETE, ERRORS[4:], is_slow=second_is_slow)
                    await assert_right([])
                connection.execute(FOLD.encode())
                assert groups(connection) == {}


async def test_small_writes_group_the_errors_that_a_large_one_left(
    migrated_copy: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then, waste by group says that it covers only the newest jobs."""
    monkeypatch.setattr(waste_sql, "MOST_GROUPED_JOBS", 4)
    waste_sql._from_jobs.cache_clear()
    messages: list[str] = []
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        app = App(connection)
        async with Store(Database(migrated_copy)) as store:
            with nobody_folds(migrated_copy):
                app.fail(is_slow=True)
                app.write(DELETE, ERRORS[:2], is_slow=False)
                assert check_rollups(migrated_copy, report=messages.append).matches
                found = await store.get_waste(WasteKey.GROUP)
            assert messages == ["8 changes have no error group yet. 'gjobs migrate repair-rollups' groups them."]
            assert (found.is_exact, found.read_limit, found.total.failed_count) == (False, 4, 4)
            assert sum(row.failed_count for row in found.rows) == 4
            assert "'gjobs migrate repair-rollups'" in (found.limited_because or "")

            # One in eight writes groups errors.
            for _ in range(100):
                fail(connection, "Step C failed")
                connection.execute(DELETE.encode(), [["Step C failed"]])

            found = await store.get_waste(WasteKey.GROUP)
            assert (found.is_exact, found.total.failed_count) == (True, 7)
            assert check_rollups(migrated_copy, report=messages.append).matches
            assert len(messages) == 1
    waste_sql._from_jobs.cache_clear()


def test_upgrade_does_not_wait_long_for_an_open_write(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only an index build waits as long as it must."""
    monkeypatch.setattr(runner, "ATTEMPTS", 1)
    with interrupting("indexes/gjobs_queue.sql", monkeypatch):
        upgrade(attached_database)
    with connect(attached_database, autocommit=True) as connection:
        reset_rows(connection)
        with connect(attached_database) as writer:
            fail(writer, *TIMES)
            with pytest.raises(Locked, match="nothing was changed"):
                upgrade(attached_database)
        messages: list[str] = []
        upgrade(attached_database, report=messages.append)

        assert groups(connection) == {error_group_id(TIMES[0]): len(TIMES)}
    assert any(message.startswith("The app's tables were locked for") for message in messages)


async def test_groups_are_exact_before_an_interrupted_count_and_after_the_next_run(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = error_group_id(TIMES[0])
    with connect(attached_database, autocommit=True) as connection:
        reset_rows(connection)
        fail(connection, *TIMES)
        with interrupting("waste/count.sql", monkeypatch, before=True):
            upgrade(attached_database)
        connection.execute(DELETE.encode(), [TIMES[:1]])

        async with Store(Database(attached_database)) as store:
            found = await store.get_waste(WasteKey.GROUP)
        assert [(row.key, row.failed_count) for row in found.rows] == [(group, 3)]

        upgrade(attached_database)
        assert groups(connection) == {group: 3}
    assert check_rollups(attached_database).matches


def test_counting_reports_the_transaction_that_it_waits_for_and_can_be_interrupted(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "INTERVAL_SECONDS", 0.02)
    messages: list[str] = []

    with connect(attached_database) as folder:
        reset_rows(folder)
        fail(folder, *TIMES)
        folder.commit()
        folder.execute("set local idle_in_transaction_session_timeout = '20s'")
        folder.execute("select pg_advisory_xact_lock(1735353442, 2)")
        waiting = f"Waiting for the transaction of process {folder.info.backend_pid} "

        def report(message: str) -> None:
            messages.append(message)
            # An index build may wait for the session that watches it.
            if message.startswith(waiting):
                os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            upgrade(attached_database, report=report)
        assert messages[-3].startswith(waiting)
    assert messages[-1].startswith("Run the same command to continue.")
    assert read_status(attached_database).pending == (HEAD,)

    upgrade(attached_database)
    assert check_rollups(attached_database).matches


def test_upgrade_whose_count_fails_can_be_continued(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with interrupting("waste/count.sql", monkeypatch, before=True):
        upgrade(attached_database)
    messages: list[str] = []
    with connect(attached_database, autocommit=True) as connection:
        reset_rows(connection)
        fail(connection, *TIMES)
        connection.execute("alter table gjobs.waste_totals add constraint full_disk check (false) not valid")

        with pytest.raises(StoreError, match="full_disk"):
            upgrade(attached_database, report=messages.append)

        assert messages[-1].startswith("Run the same command to continue.")
        assert not [message for message in messages if message.startswith("Stopped")]
        assert read_status(attached_database).pending == (HEAD,)
        connection.execute("alter table gjobs.waste_totals drop constraint full_disk")
    upgrade(attached_database)
    assert check_rollups(attached_database).matches


def test_writes_check_in_an_index_whether_all_errors_have_a_group(migrated_copy: Conninfo) -> None:
    """Vacuum may have to keep many deltas, so a write must not read all of them."""
    with nobody_folds(migrated_copy), connect(migrated_copy) as connection:
        reset_rows(connection)
        connection.execute(
            "insert into gjobs.waste_deltas"
            " select user_id, id, 'lifestyle', current_date, 'group', 1, 1"
            " from public.projects, generate_series(1, 3000)"
        )
        connection.execute("analyze gjobs.waste_deltas")
        # One in eight writes checks whether all errors have a group.
        for _ in range(100):
            fail(connection, *TIMES)

        scans = "select seq_scan, idx_scan > 0 from pg_stat_xact_user_tables where relname = 'waste_deltas'"
        assert connection.execute(scans).fetchone() == (0, True)
