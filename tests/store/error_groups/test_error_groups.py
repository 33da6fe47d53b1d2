"""Fingerprints of real errors, the same in Python and in Postgres, and groups as each actor sees them."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from gjobs.store.database.query import explain_plan
from gjobs.store.error_groups.error_group import (
    BUCKETS,
    EVERY_FAILURE,
    EXCEPTION,
    FIRST_LINE,
    JSON_MESSAGES,
    JSON_ORIGIN,
    LOOKS_LIKE_JSON,
    MOST_CHARACTERS,
    MOST_FAILURES,
    STEPS,
    TAG,
    ErrorScope,
    error_group_id,
    fingerprint,
    group_id,
)
from gjobs.store.error_groups.error_group_sql import fingerprint_sql, group_id_sql
from gjobs.store.error_groups.read_error_groups import error_groups_query
from gjobs.store.errors import InvalidValue
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import ListingQuery
from gjobs.store.store import Store
from gjobs.store.values.formats import ERROR_GROUP_DIGITS
from tests.conftest import Conninfo, connect
from tests.store.error_groups.error_examples import CHAINED_TRACEBACK, EXAMPLES
from tests.store.store_fixtures import ADA, BEN, NOW, Db, Sql, add_ada, altered

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


HOUR = timedelta(hours=1)
TIMEOUT = group_id("API timeout after #")


def fail(db: Db, project: UUID, error: str | None, *, hours: float, mode: str = "lifestyle", cents: int = 100) -> UUID:
    """Insert a job that failed so many hours before NOW."""
    ended = NOW - hours * HOUR
    return db.make_job(
        project, "failed", error=error, mode=mode, cost_cents=cents, created_at=ended - HOUR, updated_at=ended
    )


async def test_failures_are_grouped_with_their_times_modes_users_and_cost(db: Db) -> None:
    ada, ben = db.make_project(), db.make_project(BEN, "Trail")
    fail(db, ada, "API timeout after 20 s", hours=167, cents=5)
    newest = fail(db, ben, '{"message": "API timeout after 7.5 s", "id": 1}', hours=1, mode="packaging", cents=7)
    fail(db, ada, None, hours=3)
    fail(db, ada, "API timeout after 20 s", hours=169)
    db.make_job(ada, "succeeded", error="API timeout after 20 s")
    db.make_job(ada, "failed", error="later", updated_at=NOW + HOUR)
    db.make_job(ada, "failed", error="far", updated_at="infinity")
    found = await db.operator.get_error_groups(at=NOW)
    assert (found.failures, found.group_count, found.complete) == (3, 2, True)
    assert (found.limit, found.window, found.taken_at) == (MOST_FAILURES, timedelta(days=7), NOW)
    assert found.read_since == NOW - timedelta(days=7)
    timeout, without = found
    assert (timeout.id, timeout.fingerprint, timeout.count) == (TIMEOUT, "API timeout after #", 2)
    assert (timeout.first_seen, timeout.last_seen) == (NOW - 167 * HOUR, NOW - HOUR)
    assert (timeout.modes, timeout.mode_count) == (("lifestyle", "packaging"), 2)
    assert (timeout.users, timeout.user_count, timeout.cost_cents) == ((ADA, BEN), 2, 12)
    assert (timeout.example_job_id, timeout.example) == (newest, '{"message": "API timeout after 7.5 s", "id": 1}')
    assert timeout.trend == (1, *[0] * (BUCKETS - 2), 1)
    assert (without.id, without.fingerprint, without.example, without.name) == (
        error_group_id(None),
        "",
        "",
        "(no error text)",
    )


async def test_users_see_only_groups_of_their_own_failures(db: Db) -> None:
    ada, ben = db.make_project(), db.make_project(BEN, "Trail")
    ids = [fail(db, project, "API timeout after 1 s", hours=2) for project in (ada, ben)]
    fail(db, ben, "Ben's secret", hours=2)
    (group,) = found = await db.ada.get_error_groups(at=NOW)
    assert (group.count, group.users, group.example_job_id) == (1, (ADA,), ids[0])
    assert not await db.stranger.get_error_groups(at=NOW)
    for store, expected in ((db.operator, set(ids)), (db.ada, {ids[0]}), (db.stranger, set())):
        jobs = await store.get_error_group_jobs(EVERY_FAILURE, group, at=found.taken_at)
        assert {job.id for job in jobs} == expected


async def test_jobs_of_a_group_have_the_errors_of_a_list(db: Db) -> None:
    error = f"{CHAINED_TRACEBACK}\n{'  File deep.py' * 100}\nValueError: the end"
    fail(db, db.make_project(), error, hours=2)
    (group,) = found = await db.operator.get_error_groups(at=NOW)
    (listed,) = (await db.operator.get_listing(ListingQuery())).window.jobs
    jobs = await db.operator.get_error_group_jobs(EVERY_FAILURE, group, at=found.taken_at)
    assert [(job.error, job.is_error_cut) for job in jobs] == [(listed.error, True)]


async def test_project_filter_window_and_limit_narrow_the_failures(db: Db) -> None:
    ada, other = db.make_project(), db.make_project(ADA, "Other")
    for number in range(4):
        fail(db, ada, f"no {number}", hours=number + 1, mode="packaging" if number % 2 else "lifestyle")
    fail(db, other, "no 9", hours=1)

    async def counts(**scope: object) -> list[int]:
        return [group.count for group in await db.operator.get_error_groups(ErrorScope(**scope), at=NOW)]  # type: ignore[arg-type]

    assert await counts() == [5]
    assert await counts(project_id=ada) == [4]
    assert await counts(job_filter=parse("mode:packaging"), project_id=ada) == [2]
    assert await counts(job_filter=parse(f"error-group:{group_id('no #')}")) == [5]
    assert await counts(window=2 * HOUR) == [3]
    assert await counts(limit=5) == [5]
    found = await db.operator.get_error_groups(ErrorScope(limit=3), at=NOW)
    assert (found.failures, found.complete, found.read_since) == (3, False, NOW - 2 * HOUR)
    scope = ErrorScope(limit=3, project_id=ada)
    assert len(await db.operator.get_error_group_jobs(scope, found.groups[0], at=NOW)) == 3
    with pytest.raises(InvalidValue, match=r"from 1 to 20,000; this is 20,001\."):
        await db.operator.get_error_groups(ErrorScope(limit=MOST_FAILURES + 1))


async def test_only_the_largest_groups_and_some_modes_and_users_are_returned(db: Db) -> None:
    db.make_project()
    db.sql(
        "insert into generation_jobs (user_id, project_id, status, mode, error, created_at, updated_at)"
        " select user_id, id, 'failed', 'mode ' || mod(n, 30), 'kind ' || chr(65 + mod(n, 26)) || chr(65 + n / 26),"
        " %s, %s from projects, generate_series(0, 249) n",
        [NOW - HOUR, NOW - HOUR],
    )
    found = await db.operator.get_error_groups(at=NOW)
    assert (len(found), found.group_count, found.failures, found.complete) == (200, 250, 250, True)
    db.sql("update generation_jobs set error = 'same'")
    (group,) = await db.operator.get_error_groups()
    assert (len(group.modes), group.mode_count) == (20, 30)


async def test_newest_of_many_failures_are_read_from_an_index(db: Db) -> None:
    db.make_project()
    db.sql(
        "insert into generation_jobs (user_id, project_id, status, mode, error, created_at, updated_at)"
        " select user_id, id, 'failed', 'lifestyle', repeat('x', 300), at, at"
        " from projects, generate_series(1, 2000) n, lateral (select %s - n * interval '1 minute') as t (at)",
        [NOW],
    )
    db.sql("update generation_jobs set completed_at = updated_at where mod(cost_cents, 2) = 0")
    db.sql("analyze generation_jobs")
    query = await error_groups_query(db.operator.actor_database, ErrorScope(limit=100), at=NOW)
    index = "create index updated on generation_jobs (updated_at desc, id desc)"
    with altered(db.sql, index, "drop index updated"):
        (plan,) = await db.operator.actor_database.read(explain_plan(query))
    assert "'updated'" in str(plan)


async def test_end_of_a_failure_is_its_completion(db: Db) -> None:
    job_id = fail(db, db.make_project(), "x", hours=30)
    db.sql(
        "update generation_jobs set completed_at = %s, updated_at = %s where id = %s", [NOW - 30 * HOUR, NOW, job_id]
    )
    (group,) = await db.operator.get_error_groups(at=NOW)
    assert group.last_seen == NOW - 30 * HOUR
    assert not await db.operator.get_error_groups(ErrorScope(window=24 * HOUR), at=NOW)


async def test_app_schema_with_own_columns_and_statuses_is_grouped(app_store: Store, app_sql: Sql) -> None:
    job_id = UUID(int=7)
    add_ada(app_sql, job_id, UUID(int=8))
    app_sql("alter table generation_jobs add column priority int, drop constraint generation_jobs_status_check")
    app_sql("update generation_jobs set status = 'failed', error = repeat('a', 2000000)")
    app_sql("update generation_jobs set status = 'paused' where id = %s", [UUID(int=8)])
    (group,) = found = await app_store.get_error_groups()
    assert (group.count, group.fingerprint, len(group.example)) == (1, "a" * 200, 4_000)
    (job,) = await app_store.get_error_group_jobs(EVERY_FAILURE, group, at=found.taken_at)
    assert (job.id, job.is_error_cut) == (job_id, True)
    (listed,) = await app_store.find_jobs(parse(f"error-group:{group.id}"))
    assert listed.id == job_id
