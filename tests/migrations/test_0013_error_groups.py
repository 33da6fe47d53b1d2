"""Revision 0013: errors that differ only in the format of a time, an id or an amount form one group."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from gjobs.migrations import runner
from gjobs.migrations.runner import check_rollups, downgrade, rebuild_rollups, upgrade
from gjobs.migrations.scripts import MIGRATIONS
from gjobs.migrations.status import read_status
from gjobs.store.database.database import Database
from gjobs.store.error_groups.error_group import error_group_id
from gjobs.store.errors import Locked, StoreError
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.statistics import waste_sql
from gjobs.store.statistics.statistics import WasteKey
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser
from tests.conftest import Conninfo, connect, run_file
from tests.migrations import error_group_file
from tests.migrations.conftest import ADA
from tests.migrations.test_0004_rollups import assert_rollups_match_for_all_roles, reset_rows
from tests.migrations.test_interrupted_upgrade import interrupting
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


async def test_upgrade_and_downgrade_group_stored_failures_again(
    migrated_copy: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that began before the upgrade writes after it, and the filter finds the jobs of every group."""
    monkeypatch.setattr(waste_sql, "MOST_GROUPED_JOBS", 5)
    waste_sql._from_jobs.cache_clear()
    group = error_group_id(TIMES[0])
    downgrade(migrated_copy, "0012")
    with connect(migrated_copy, autocommit=True) as connection, connect(migrated_copy) as other:
        reset_rows(connection)
        fail(connection, *TIMES)
        former = groups(connection)
        assert len(former) == len(TIMES)
        assert group not in former
        connection.execute(FOLD.encode())
        fail(connection, "Ended at 6:05 AM")
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("select from public.projects")
        async with Store(Database(migrated_copy)) as store:
            read = await store.get_waste(WasteKey.GROUP)
            assert "(revision 0013)" in (read.limited_because or "")
            (before,) = read.rows
            assert (before.key, before.name, before.failed_count) == (group, "Ended at <time>", 5)

            upgrade(migrated_copy)
            assert groups(connection) == {group: 5}
            fail(other, "Ended at 7:05 AM")
            other.commit()

            read = await store.get_waste(WasteKey.GROUP)
            assert read.is_exact
            (after,) = read.rows
            assert (after.key, after.name, after.failed_count, after.failed_cents) == (group, "Ended at <time>", 6, 30)
            assert len(await store.find_jobs(parse(f"error-group:{group}"))) == 6
        assert_rollups_match_for_all_roles(connection)
        assert check_rollups(migrated_copy).matches

        connection.execute(FOLD.encode())
        connection.execute("delete from public.generation_jobs where error ~ '[67]:05'")
        downgrade(migrated_copy, "0012")
        assert groups(connection) == former
        assert check_rollups(migrated_copy).matches
    waste_sql._from_jobs.cache_clear()


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


def test_upgrade_waits_for_open_writes(migrated_copy: Conninfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "ATTEMPTS", 1)
    downgrade(migrated_copy, "0012")
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        with connect(migrated_copy) as writer:
            fail(writer, *TIMES)
            with pytest.raises(Locked, match="nothing was changed"):
                upgrade(migrated_copy)
        messages: list[str] = []
        upgrade(migrated_copy, report=messages.append)

        assert groups(connection) == {error_group_id(TIMES[0]): len(TIMES)}
    assert any(message.startswith("The app's tables were locked for") for message in messages)


async def test_interrupted_count_leaves_exact_groups_and_the_next_run_continues(
    migrated_copy: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = error_group_id(TIMES[0])
    downgrade(migrated_copy, "0012")
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        fail(connection, *TIMES)
        connection.execute(FOLD.encode())
        former = groups(connection)
        async with Store(Database(migrated_copy)) as store:

            async def delete_and_count(error: str) -> list[tuple[object, int]]:
                connection.execute("delete from public.generation_jobs where error = %s", [error])
                return [(row.key, row.failed_count) for row in (await store.get_waste(WasteKey.GROUP)).rows]

            with interrupting("0011/count.sql", monkeypatch, before=True):
                upgrade(migrated_copy)
            assert groups(connection) == former
            assert await delete_and_count(TIMES[0]) == [(group, 3)]
            upgrade(migrated_copy)
            assert groups(connection) == {group: 3}
            connection.execute(FOLD.encode())

            with interrupting("0011/count.sql", monkeypatch, before=True):
                downgrade(migrated_copy, "0012")
            assert read_status(migrated_copy).pending == ("0013",)
            assert await delete_and_count(TIMES[1]) == [(group, 2)]
            upgrade(migrated_copy)
            assert groups(connection) == {group: 2}

            for file_runs in (True, False):
                with interrupting("0011/count.sql", monkeypatch, before=not file_runs):
                    downgrade(migrated_copy, "0012")
                downgrade(migrated_copy, "0011")
                assert len(groups(connection)) == 2
                assert groups(connection).keys() < former.keys()
                assert check_rollups(migrated_copy).matches
                upgrade(migrated_copy)
        assert groups(connection) == {group: 2}
    assert check_rollups(migrated_copy).matches


def test_counting_reports_the_transaction_that_it_waits_for_and_can_be_interrupted(migrated_copy: Conninfo) -> None:
    messages: list[str] = []

    def report(message: str) -> None:
        messages.append(message)
        if message.startswith("Waiting for the transaction of process"):
            os.kill(os.getpid(), signal.SIGINT)

    with connect(migrated_copy) as folder:
        reset_rows(folder)
        fail(folder, *TIMES)
        folder.commit()
        folder.execute("set local idle_in_transaction_session_timeout = '20s'")
        folder.execute("select pg_advisory_xact_lock(1735353442, 2)")
        with pytest.raises(KeyboardInterrupt):
            downgrade(migrated_copy, "0012", report=report)
        assert messages[-1] == "Revision 0013 is undone. Run 'gjobs migrate repair-rollups' to count again."
        with pytest.raises(KeyboardInterrupt):
            upgrade(migrated_copy, report=report)
        assert messages[-1].startswith("Run the same command to continue.")

    upgrade(migrated_copy)
    assert read_status(migrated_copy).pending == ()


def test_downgrade_that_fails_says_how_to_count_again(migrated_copy: Conninfo) -> None:
    messages: list[str] = []
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        fail(connection, *TIMES)
        connection.execute("alter table gjobs.waste_totals add constraint full_disk check (false) not valid")

        with pytest.raises(StoreError, match="full_disk"):
            downgrade(migrated_copy, "0012", report=messages.append)

        assert messages[-1] == "Revision 0013 is undone. Run 'gjobs migrate repair-rollups' to count again."
        assert not [message for message in messages if message.startswith("Stopped")]
        assert read_status(migrated_copy).pending == ("0013",)
        assert not check_rollups(migrated_copy).matches
        connection.execute("alter table gjobs.waste_totals drop constraint full_disk")
        rebuild_rollups(migrated_copy)
    assert check_rollups(migrated_copy).matches


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


async def test_repair_writes_the_comment_that_a_restore_left_out(
    migrated_copy: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repair does not write the comment if `error_group` is the function of an older revision."""
    monkeypatch.setattr(waste_sql, "MOST_GROUPED_JOBS", 2)
    waste_sql._from_jobs.cache_clear()
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        fail(connection, *TIMES)
        connection.execute("comment on function gjobs.error_group(text) is null")
        async with Store(Database(migrated_copy)) as store:
            found = await store.get_waste(WasteKey.GROUP)
            assert "'gjobs migrate repair-rollups'" in (found.limited_because or "")

            rebuild_rollups(migrated_copy)
            assert (await store.get_waste(WasteKey.GROUP)).is_exact

            connection.execute("comment on function gjobs.error_group(text) is null")
            run_file(migrated_copy, MIGRATIONS / "functions" / "0011_waste" / "error_group.sql")
            rebuild_rollups(migrated_copy)
            assert not (await store.get_waste(WasteKey.GROUP)).is_exact
    waste_sql._from_jobs.cache_clear()
