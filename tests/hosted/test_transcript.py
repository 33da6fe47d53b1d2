"""What proves that nothing is left behind would say so if something were."""

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.hosted.transcript import transcribed
from tests.hosted.ways import Way

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"


@pytest.mark.parametrize(
    ("statements", "traces"),
    [
        ([BEGIN, "SELECT 1", "COMMIT"], []),
        ([BEGIN, "SELECT set_config('role', 'anon', true)", "ROLLBACK"], []),
        (["SELECT 1"], ["outside of a transaction: SELECT 1"]),
        (["SET lock_timeout = 5"], ["outside of a transaction: SET lock_timeout = 5"]),
        (["BEGIN", "ROLLBACK"], ["outside of a transaction: BEGIN", "outside of a transaction: ROLLBACK"]),
        ([BEGIN, "LISTEN jobs", "COMMIT"], ["neither reads rows nor changes them: LISTEN jobs"]),
        (
            [BEGIN, "CREATE TEMP TABLE t ()", "COMMIT"],
            ["neither reads rows nor changes them: CREATE TEMP TABLE t ()"],
        ),
        (
            [BEGIN, "SELECT set_config('a.b', 'c', true), set_config('role', 'anon', false)", "COMMIT"],
            ["outlives the transaction: SELECT set_config('a.b', 'c', true), set_config('role', 'anon', false)"],
        ),
        ([BEGIN, "SELECT 1"], ["a transaction was left open after: SELECT 1"]),
    ],
)
def test_traces(owner: Way, statements: list[str], traces: list[str]) -> None:
    with (
        transcribed(owner) as transcript,
        psycopg.connect(make_conninfo(owner.url, application_name="gjobs"), autocommit=True) as connection,
    ):
        for statement in statements:
            connection.execute(statement.encode())
        assert transcript().traces == traces


def test_prepared_statements_and_writes(owner: Way) -> None:
    with (
        transcribed(owner) as transcript,
        psycopg.connect(make_conninfo(owner.url, application_name="gjobs"), autocommit=True) as connection,
    ):
        connection.execute(BEGIN.encode())
        connection.execute("SELECT 1", prepare=True)
        connection.execute("DELETE FROM auth.users")
        connection.execute("INSERT INTO auth.users (id) VALUES (gen_random_uuid())")
        connection.execute("COMMIT")
        said = transcript()
    assert said.traces == ["prepared: SELECT 1"]
    assert said.writes == 1
