"""Errors that differ only in the format of a time, an id or an amount form one group."""

import os
import signal
from collections import Counter
from uuid import UUID

import psycopg
import pytest

from gjobs.migrations import HEAD, progress, runner
from gjobs.migrations.rollups import check_rollups
from gjobs.migrations.runner import upgrade
from gjobs.migrations.status import read_status
from gjobs.store.database.database import Database
from gjobs.store.error_groups.error_group import error_group_id
from gjobs.store.errors import Locked, StoreError
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.jobs.job import TRACEBACK
from gjobs.store.statistics.statistics import WasteKey
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser
from tests.conftest import Conninfo, connect
from tests.migrations import error_group_file
from tests.migrations.conftest import ADA, BEN, UserRows, acting
from tests.migrations.test_interrupted_upgrade import interrupting
from tests.migrations.test_rollups import assert_rollups_match_for_all_roles, fold, operator, reset_rows
from tests.store.error_groups.error_examples import EXAMPLES

__all__ = ["operator"]

FAIL = (
    "insert into public.generation_jobs (user_id, project_id, status, mode, cost_cents, error)"
    " select %s, %s, 'failed', 'lifestyle', 5, unnest(%s::text[])"
)
TIMES = ["Ended at 5:04 PM", "Ended at 11:05 am", "Ended at Sun, 29 Nov 2026 17:04:05 GMT", "Ended at 3 May"]
STORED = """
select array(select (error_hash, user_id, job_count) from gjobs.error_groups order by 1)
     = array(select (gjobs.error_hash(error), counted.id, count(*))
               from public.generation_jobs, unnest(array[user_id, '00000000-0000-0000-0000-000000000000']) counted (id)
              where status = 'failed' group by gjobs.error_hash(error), counted.id order by 1)
"""
"""Whether the stored hashes and job counts of each user, and of all users, are those of the failed jobs."""
DELETE = "delete from public.generation_jobs where error = any (%s)"


def fail(connection: psycopg.Connection, *errors: str | None) -> None:
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
    with interrupting("indexes/gjobs_queue", monkeypatch):
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


async def test_waste_is_the_same_before_and_after_an_upgrade(attached_database: Conninfo) -> None:
    with connect(attached_database, autocommit=True) as connection:
        reset_rows(connection)
        connection.execute("update public.generation_jobs set status = 'failed', error = 'Boom'")
        connection.execute("update public.generation_jobs set cost_cents = 7 where id = %s", [ADA.job])
    async with Store(Database(attached_database)) as store:
        before = [await store.get_waste(by) for by in WasteKey]

    upgrade(attached_database)

    async with Store(Database(attached_database)) as store:
        assert [await store.get_waste(by) for by in WasteKey] == before


def test_folded_and_unfolded_failures_have_the_groups_of_their_errors(operator: psycopg.Connection) -> None:
    """Jobs leave the group of their error when they fail otherwise, and when they are no longer failed."""
    errors = [error for examples in EXAMPLES.values() for error in examples] + ["", "x" * 9_000]
    texts = [error for error in errors if error]
    expected = Counter(map(error_group_id, errors))
    fail(operator, *errors)
    for _ in range(2):
        assert groups(operator) == expected
        fold(operator)
    assert operator.execute(STORED).fetchone() == (True,)
    none = {error_group_id(""): len(errors) - len(texts)}
    for change, left in (
        ("error = 'Other'", none | {error_group_id("Other"): len(texts)}),
        ("status = 'running'", none),
    ):
        operator.execute(f"update public.generation_jobs set {change} where error <> ''".encode())  # noqa: S608
        for _ in range(2):
            assert groups(operator) == left
            fold(operator)
    assert operator.execute(STORED).fetchone() == (True,)


@pytest.mark.parametrize("user", [None, ADA])
async def test_filter_uses_stored_groups_and_groups_what_is_not_stored(
    operator: psycopg.Connection, database: Conninfo, user: UserRows | None
) -> None:
    """Also errors that are not folded yet, and errors whose stored group belongs to another user."""
    long = ["x" * 9_000 + "1", "x" * 9_000 + "2", f"{TRACEBACK}\n" + "  File\n" * 2_000 + "OSError: 3 files"]
    fail(operator, *TIMES, *long, None)
    fold(operator)
    actor = ActingUser(id=ADA.id) if user else OPERATOR
    async with Store(Database(database), actor) as store:

        async def found(group: str) -> int:
            return len(await store.find_jobs(parse(f"error-group:{group}")))

        groups_of = {error: error_group_id(error) for error in (TIMES[0], "", *long)}
        counts = {group: await found(group) for group in groups_of.values()}
        assert counts == Counter(map(error_group_id, (*TIMES, *long, None)))

        # No error has this group, so only a filter that reads the stored groups finds it.
        operator.execute("update gjobs.error_groups set error_group = 'abcdef0123'")
        assert await found("abcdef0123") == len(TIMES) + len(long) + 1
        assert await found(groups_of[TIMES[0]]) == 0
        operator.execute("update gjobs.error_groups set user_id = %s where user_id = %s", [BEN.id, ADA.id])
        assert await found(groups_of[TIMES[0]]) == (len(TIMES) if user else 0)
        operator.execute("update public.generation_jobs set error = 'Not folded' where status = 'failed'")
        assert await found(error_group_id("Not folded")) == len(TIMES) + len(long) + 1


@pytest.mark.parametrize("function", ["fold_events", "count_again"])
def test_user_with_the_id_0_does_not_read_the_groups_of_all_users(operator: psycopg.Connection, function: str) -> None:
    nobody = UUID(int=0)
    operator.execute("insert into auth.users (id) values (%s)", [nobody])
    fail(operator, *TIMES)
    operator.execute("update public.generation_jobs set user_id = %s where error = %s", [nobody, TIMES[0]])
    operator.execute(f"select gjobs.{function}()".encode())

    read = "select error_group from gjobs.visible_error_groups"
    assert operator.execute(read).fetchall() == [(error_group_id(TIMES[0]),)] * len(TIMES)
    for user, number in ((nobody, 0), (ADA.id, len(TIMES) - 1)):
        with acting(operator, user):
            assert len(operator.execute(read).fetchall()) == number


def test_errors_with_the_same_hash_have_the_same_group(operator: psycopg.Connection) -> None:
    """The hash covers what the group depends on, at the limits of length and for characters of several bytes."""
    parts = ("x", "é", f"{TRACEBACK}\n", "\nOSError: 1", "\nOSError: file")
    lengths = (1, 1_990, 3_990, 3_999, 4_000, 4_001, 8_000)
    texts = [head + fill * length + end for head in parts for fill in parts[:2] for length in lengths for end in parts]
    rows = operator.execute(
        "select count(distinct gjobs.error_group(e)), count(*) from unnest(%s::text[]) e group by gjobs.error_hash(e)",
        [texts],
    ).fetchall()
    assert {groups for groups, _ in rows} == {1}
    assert max(number for _, number in rows) > 1


def test_upgrade_does_not_wait_long_for_an_open_write(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only an index build waits as long as it must."""
    monkeypatch.setattr(runner, "ATTEMPTS", 1)
    with interrupting("indexes/gjobs_queue", monkeypatch):
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
        with interrupting("count", monkeypatch, before=True):
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
    with interrupting("count", monkeypatch, before=True):
        upgrade(attached_database)
    messages: list[str] = []

    with connect(attached_database) as app:
        app.execute("lock table gjobs.job_totals in exclusive mode")
        app.execute("set local idle_in_transaction_session_timeout = '20s'")
        waiting = f"Waiting for the transaction of process {app.info.backend_pid} "

        def report(message: str) -> None:
            messages.append(message)
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
    with interrupting("count", monkeypatch, before=True):
        upgrade(attached_database)
    messages: list[str] = []
    with connect(attached_database, autocommit=True) as connection:
        reset_rows(connection)
        fail(connection, *TIMES)
        connection.execute("alter table gjobs.job_totals add constraint full_disk check (false) not valid")

        with pytest.raises(StoreError, match="full_disk"):
            upgrade(attached_database, report=messages.append)

        assert messages[-1].startswith("Run the same command to continue.")
        assert not [message for message in messages if message.startswith("Stopped")]
        assert read_status(attached_database).pending == (HEAD,)
        connection.execute("alter table gjobs.job_totals drop constraint full_disk")
    upgrade(attached_database)
    assert check_rollups(attached_database).matches
