"""The statement log detects state that a statement leaves in a session."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.hosted.access_routes import Login
from tests.hosted.server_directory import until
from tests.hosted.statement_log import ServerMessage, Statement, Transcript, record_transcript

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"


TRACES: list[tuple[list[str], list[str]]] = [
    ([BEGIN, "SELECT 1", "COMMIT"], []),
    ([BEGIN, "SELECT set_config('role', 'anon', true)", "ROLLBACK"], []),
    (["SELECT 1"], ["outside of a transaction: SELECT 1"]),
    (["SET lock_timeout = 5"], ["outside of a transaction: SET lock_timeout = 5"]),
    (["BEGIN", "ROLLBACK"], ["outside of a transaction: BEGIN", "outside of a transaction: ROLLBACK"]),
    ([BEGIN, "LISTEN jobs", "COMMIT"], ["neither reads rows nor changes them: LISTEN jobs"]),
    ([BEGIN, "CREATE TEMP TABLE t ()", "COMMIT"], ["neither reads rows nor changes them: CREATE TEMP TABLE t ()"]),
    (
        [BEGIN, "SELECT set_config('a.b', 'c', true), set_config('role', 'anon', false)", "COMMIT"],
        ["outlives the transaction: SELECT set_config('a.b', 'c', true), set_config('role', 'anon', false)"],
    ),
    ([BEGIN, "SELECT 1"], ["a transaction was left open after: SELECT 1"]),
]


@pytest.mark.reads
def test_transcript_lists_statements_that_leave_traces(owner: Login) -> None:
    for statements, traces in TRACES:
        with (
            record_transcript(owner) as transcript,
            psycopg.connect(make_conninfo(owner.url, application_name="gjobs"), autocommit=True) as connection,
        ):
            for statement in statements:
                connection.execute(statement.encode())
            assert transcript().traces == traces, statements


def test_transcript_reports_prepared_statements_and_counts_writes(owner: Login) -> None:
    with (
        record_transcript(owner) as transcript,
        psycopg.connect(make_conninfo(owner.url, application_name="gjobs"), autocommit=True) as connection,
    ):
        connection.execute(BEGIN.encode())
        connection.execute("SELECT 1", prepare=True)
        connection.execute("DELETE FROM auth.users")
        connection.execute("INSERT INTO auth.users (id) VALUES (gen_random_uuid())")
        connection.execute("COMMIT")
        recorded = transcript()
    assert recorded.traces == ["prepared: SELECT 1"]
    assert recorded.writes == 1


STOPPED = ServerMessage(level="ERROR", message="canceling statement due to user request")

TIMED_OUT = ServerMessage(level="ERROR", message="canceling statement due to statement timeout")

FAILED = ServerMessage(level="ERROR", message="division by zero")

SLEEP = "SELECT pg_sleep(60)"

HELD = f"DECLARE rows_held CURSOR WITH HOLD FOR {SLEEP}"
"""A cursor whose rows are fetched at the commit, which then takes a minute."""

WRITE = "INSERT INTO auth.users (id) VALUES (gen_random_uuid())"


def cancel_statement(login: Login, connection: psycopg.Connection) -> None:
    """Cancel the statement as soon as it runs."""
    until(lambda: login.sessions() == [("active", True)])
    connection.cancel_safe()


def test_canceled_query_is_a_problem_only_after_a_write(owner: Login) -> None:
    for before, problems, canceled in (([BEGIN], [], 1), ([BEGIN, WRITE], [STOPPED], 0)):
        with (
            record_transcript(owner) as transcript,
            psycopg.connect(make_conninfo(owner.url, application_name="gjobs"), autocommit=True) as connection,
            ThreadPoolExecutor() as beside,
        ):
            for statement in before:
                connection.execute(statement.encode())
            canceling = beside.submit(cancel_statement, owner, connection)
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute(SLEEP.encode())
            canceling.result()
            recorded = transcript()
        assert (recorded.problems, recorded.canceled) == (problems, canceled)


def make_statement(sql: str, *, canceled: bool = False) -> Statement:
    return Statement(session="1", prepared_as="", sql=sql, transaction=0, canceled=canceled)


def test_canceled_begin_or_commit_leaves_no_trace() -> None:
    begin, commit = make_statement(BEGIN), make_statement("COMMIT")
    canceled_begin, canceled_commit = make_statement(BEGIN, canceled=True), make_statement("COMMIT", canceled=True)
    rollback = make_statement("ROLLBACK")
    for statements, traces in (
        ([begin, canceled_commit, rollback, begin, commit], []),
        ([begin, canceled_commit, begin, commit], []),
        ([canceled_begin, begin, commit], []),
        ([begin, commit, rollback], ["outside of a transaction: ROLLBACK"]),
        ([begin, make_statement("SELECT 1", canceled=True)], ["a transaction was left open after: SELECT 1"]),
    ):
        assert Transcript(statements=statements, problems=[], canceled=0).traces == traces


def test_transcript_marks_the_statement_that_was_canceled(owner: Login) -> None:
    with (
        record_transcript(owner) as transcript,
        psycopg.connect(make_conninfo(owner.url, application_name="gjobs"), autocommit=True) as connection,
        ThreadPoolExecutor() as beside,
    ):
        connection.execute(BEGIN.encode())
        connection.execute(HELD.encode())
        canceling = beside.submit(cancel_statement, owner, connection)
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("COMMIT")
        canceling.result()
        connection.execute("ROLLBACK")
        statements = transcript().statements
    assert [statement.sql for statement in statements] == [BEGIN, HELD, "COMMIT", "ROLLBACK"]
    assert [statement.canceled for statement in statements] == [False, False, True, False]


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        ([BEGIN, "SELECT set_config('statement_timeout', '1', true)", SLEEP], TIMED_OUT),
        ([BEGIN, "SELECT 1 / 0"], FAILED),
    ],
)
def test_timeouts_and_statement_errors_are_problems(
    owner: Login, statements: list[str], problem: ServerMessage
) -> None:
    *before, last = statements
    with (
        record_transcript(owner) as transcript,
        psycopg.connect(make_conninfo(owner.url, application_name="gjobs"), autocommit=True) as connection,
    ):
        for statement in before:
            connection.execute(statement.encode())
        with pytest.raises(psycopg.Error):
            connection.execute(last.encode())
        recorded = transcript()
    assert (recorded.problems, recorded.canceled) == ([problem], 0)


@pytest.mark.reads
def test_consecutive_sessions_are_not_counted_as_simultaneous(owner: Login) -> None:
    def ask(connection: psycopg.Connection) -> None:
        connection.execute(b"SELECT 1")

    address = make_conninfo(owner.url, application_name="gjobs")
    with record_transcript(owner) as transcript:
        with psycopg.connect(address, autocommit=True) as first:
            ask(first)
            with psycopg.connect(address, autocommit=True) as second:
                ask(second)
            ask(first)
        with psycopg.connect(address, autocommit=True) as third:
            ask(third)
        recorded = transcript()
    assert (len(recorded.by_session), recorded.sessions_at_once) == (3, 2)
