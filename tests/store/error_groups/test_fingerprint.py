"""Fingerprints of real errors, the same in Python and in Postgres."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from gjobs.store.error_groups.error_group import (
    EXCEPTION,
    FIRST_LINE,
    JSON_MESSAGES,
    JSON_ORIGIN,
    LOOKS_LIKE_JSON,
    MOST_CHARACTERS,
    STEPS,
    TAG,
    error_group_id,
    fingerprint,
    group_id,
)
from gjobs.store.error_groups.error_group_sql import fingerprint_sql, group_id_sql
from gjobs.store.values.formats import ERROR_GROUP_DIGITS
from tests.conftest import Conninfo, connect
from tests.store.error_groups.error_examples import EXAMPLES

_STATEMENT = f"""
SELECT f, {group_id_sql("f")}
  FROM (SELECT {fingerprint_sql("e.error")} AS f
          FROM unnest(CAST(%s AS text[])) WITH ORDINALITY AS e(error, place) ORDER BY e.place OFFSET 0) AS found
"""  # noqa: S608 - of constants


def in_postgres(connection: Connection, errors: list[str | None]) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in connection.execute(_STATEMENT.encode(), [errors])]


@pytest.mark.parametrize("expected", list(EXAMPLES), ids=lambda text: text[:40] or "none")
def test_errors_of_one_kind_have_the_same_fingerprint(expected: str) -> None:
    assert [fingerprint(error) for error in EXAMPLES[expected]] == [expected] * len(EXAMPLES[expected])


CODES = (
    "HTTP 429",
    "status code 503",
    "exit code 137",
    "returned 403",
    "failed with 404",
    "P2002",
    "failed with code 7",
)


def test_codes_that_the_manual_names_stay() -> None:
    manual = (Path(__file__).parents[3] / "tui" / "manual" / "errors.md").read_text(encoding="utf-8")

    assert [code for code in CODES if f"`{code}`" in manual and fingerprint(code) == code] == [*CODES]


def test_group_id_is_the_start_of_the_hash_of_the_fingerprint() -> None:
    assert error_group_id("Asset 17 not found") == error_group_id("Asset 18 not found") == group_id("Asset # not found")
    assert group_id("") == "e3b0c44298"
    assert len({group_id(one) for one in EXAMPLES}) == len(EXAMPLES)


@pytest.mark.parametrize("strings", ["on", "off"])
def test_postgres_finds_the_same_fingerprints(database: Conninfo, strings: str) -> None:
    errors = [error for group in EXAMPLES.values() for error in group]
    with connect(database) as connection:
        connection.execute(f"set standard_conforming_strings = {strings}".encode())
        found = in_postgres(connection, errors)
    assert found == [(fingerprint(error), error_group_id(error)) for error in errors]


def test_a_session_of_postgres_keeps_all_patterns_compiled() -> None:
    """It keeps 32 in total, including the patterns of other statements."""
    in_steps = {
        pattern
        for step in STEPS
        for pattern in (step.guard, *(one.pattern for one in (*step.replacements, *step.otherwise)))
    }
    assert len({*in_steps, LOOKS_LIKE_JSON, *JSON_MESSAGES, JSON_ORIGIN, TAG, EXCEPTION, FIRST_LINE} - {None}) <= 30


_pieces = st.sampled_from(
    [
        *"\"\\/:.,;#?@ -+[]{}<>()_%'`\n\r\t\f\v\x01\x1f\x7f\u2028\u00a0",
        *"09afAFxXzZTé秋😀²٣",
        "message",
        '{"message": "',
        '","error":"',
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\ud83d",
        "\\u0000",
        "\\n",
        "\\\\",
        "Traceback (most recent call last):",
        "\n  File",
        "https://a.b/c?d",
        "ada@example.com",
        "o'n@example.com",
        "/a/b?c=d",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.a-_b",
        "AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe",
        "sk-",
        "xoxb-17-",
        "2026-01-15T12:00:00Z",
        "12:00:00",
        "3f2a9c1e-8d47-4b1a-9a57-2c1f6b8e7d90",
        "0x1f",
        "deadbeef1",
        "ab12ab12ab12ab12g",
        "2a05:d018::1:2",
        "::1",
        ":::0",
        "1,234.5",
        "-1.5e-05",
        "Sun, 29 Nov 2026",
        "Nov 9",
        "11/29/2026",
        " 5:04 PM",
        " GMT",
        " +0100",
        " 2026",
        "<time>",
        "#:#",
        "1m30.5s",
        " GiB",
        "x768",
        "st",
        "req_abc123",
        "HTTP 429",
        " returned 503",
        " with 404",
        "failed (",
        " P2002",
        "/5f3a/",
        "#ff00aa",
        "<!DOCTYPE html>",
        "<script>",
        "</script>",
        "```",
        "Error",
        "\nstatus: 402",
        "\n at x",
        "1 validation error for X",
        '"status":429,',
        '"loc":["a",0]',
        "status code ",
        "exited with code ",
        "V1StGXR8_Z5jdHi6B-myT",
        "-7d4b9c8f6d-x2x9k",
        "tmpx3k_j9ab",
        "****",
        "==",
        "base64,",
        "iad1::",
        "a" * 60,
        " " * 60,
    ]
)
_errors = st.lists(_pieces, max_size=25).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60
)


def test_postgres_agrees_about_any_text(database: Conninfo) -> None:
    with connect(database) as connection:

        @given(st.lists(_errors, min_size=20, max_size=40))
        def agrees(errors: list[str]) -> None:
            expected = [(fingerprint(error), error_group_id(error)) for error in errors]
            assert in_postgres(connection, [*errors]) == expected
            assert all(
                len(one) <= MOST_CHARACTERS and len(identifier) == ERROR_GROUP_DIGITS for one, identifier in expected
            )

        agrees()
