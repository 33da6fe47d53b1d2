"""Commands on other apps' tables: other types, NULLs, missing columns, and columns with hostile names."""

import os
import random
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Composed, Identifier, Literal

from gjobs.store.embedded.server_files import ServerHandle
from gjobs.store.values.formats import NO_ID
from tests.cli.command_line import Configure, Run, assert_refused, profile, uri
from tests.conftest import Conninfo, connect, temporary_database

ROWS = 60
JOB = UUID(int=7)
VARIANTS: dict[str, list[str | None]] = {
    "id": ["uuid primary key", "uuid", "uuid primary key", "text", "bigint primary key"],
    "user_id": ["uuid", "uuid not null", "text", None],
    "project_id": ["uuid", "uuid not null", "integer", None],
    "status": ["text", "text not null", "varchar(20)", "job_status", "job_status not null", "jsonb", None],
    "mode": ["text", "text not null", "varchar(40)", "integer", None],
    "input_asset_id": ["uuid", "text", None],
    "error": ["text", "jsonb", None],
    "cost_cents": ["integer", "integer not null", "bigint", "numeric(10,4)", "float8", "text", None],
    "created_at": ["timestamptz", "timestamptz not null", "timestamp", "date", "bigint"],
    "updated_at": ["timestamptz", "timestamp not null", "date", "bigint", None],
    "retry_count": ["integer", "text", None, None],
    "completed_at": ["timestamptz", "text", None, None],
    '"$jobs"': ["text", None],
    'a "b" %s :c \\ \u00fc\u202e': ["jsonb", "numeric", None],
}
"""The types of each column. None leaves the column out. The variable GJOBS_TABLES is the number of random tables."""
VALUES = {
    "uuid": "gen_random_uuid()",
    "status": "(array['queued', 'running', 'succeeded', 'failed', 'cancelled'])[1 + n % 5]",
    "text": "'word ' || n % 7",
    "number": "n",
    "timestamp": "timestamp '2025-01-01' + n * interval '7 min'",
    "jsonb": "to_jsonb('word ' || n % 7)",
}
COMMANDS = """jobs list|jobs list --status failed|stats|stats --by project|stats --by mode|projects|users|errors|doctor
metrics|snapshot|jobs list --filter mode:word|budgets|workers""".replace("\n", "|").split("|")


@pytest.fixture
def database(server: ServerHandle, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> Iterator[Conninfo]:
    """An empty database, and the profile that opens it."""
    with temporary_database(server) as conninfo:
        configure(profile("app", uri(conninfo)))
        monkeypatch.setenv("GJOBS_PROFILE", "app")
        yield conninfo


def create(connection: psycopg.Connection, kinds: dict[str, str], chance: random.Random) -> None:
    """Create the table with these columns in any order. About a sixth of the values that may be NULL are NULL."""
    connection.execute("create type job_status as enum ('queued', 'running', 'succeeded', 'failed', 'cancelled')")
    names = chance.sample(sorted(kinds), len(kinds))
    columns = SQL(", ").join(SQL("{} {}").format(Identifier(name), SQL(kinds[name])) for name in names)
    connection.execute(SQL("create table generation_jobs ({})").format(columns))
    values = [_value(name, kinds[name], chance.randrange(6)) for name in names]
    connection.execute(
        SQL("insert into generation_jobs ({}) select {} from generate_series(1, {}) n").format(
            SQL(", ").join(map(Identifier, names)), SQL(", ").join(values), Literal(ROWS)
        )
    )


def _value(name: str, kind: str, place: int) -> Composed:
    base = kind.split()[0].partition("(")[0]
    if name == "status" and base != "jsonb":
        value = VALUES["status"]
    elif base in ("timestamptz", "timestamp", "date"):
        value = VALUES["timestamp"]
    else:
        value = VALUES.get({"varchar": "text", "job_status": "status"}.get(base, base), VALUES["number"])
    of_kind = SQL(f"({value})::{kind.split()[0]}")
    if "not null" in kind or "primary" in kind or name == "id":
        return Composed([of_kind])
    return SQL("case when n % 6 <> {} then {} end").format(Literal(place), of_kind)


@pytest.mark.parametrize("seed", range(int(os.environ.get("GJOBS_TABLES", "16"))))
def test_any_table_is_read_or_refused_in_one_sentence(database: Conninfo, gjobs: Run, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - not a secret
    kinds = {name: kind for name, all_kinds in VARIANTS.items() if (kind := chance.choice(all_kinds))}
    with connect(database, autocommit=True) as connection:
        create(connection, kinds, chance)
        is_readable = kinds["id"].startswith("uuid") and "status" in kinds and kinds["created_at"] != "bigint"
        for command in COMMANDS:
            printed = gjobs(*command.split())
            assert printed.code not in (1, 70), (kinds, command, printed)
            if not is_readable and command != "doctor":
                assert_refused(printed, 5, "generation_jobs")
        if not is_readable:
            return
        assert gjobs("stats", "--json").document["total_count"] == ROWS
        listed = gjobs("jobs", "list", "--limit", "500", "--json").document
        found = connection.execute("select id, status::text from generation_jobs").fetchall()
        assert {UUID(job["id"]) for job in listed} == {row[0] for row in found}
        failed = gjobs("jobs", "list", "--limit", "500", "--status", "failed", "--json").document
        assert len(failed) == len([row for row in found if row[1] == "failed"])


def test_nulls_are_values(database: Conninfo, gjobs: Run) -> None:
    columns = "user_id uuid, project_id uuid, status text, mode text, cost_cents integer, updated_at timestamptz"
    with connect(database, autocommit=True) as connection:
        connection.execute(
            f"create table generation_jobs (id uuid primary key, {columns}, created_at timestamptz)".encode()
        )
        connection.execute("insert into generation_jobs (id, created_at) values (%s, '2025-03-01 12:00Z')", [JOB])
    (job,) = gjobs("jobs", "list", "--json").document
    assert (job["user_id"], job["project_id"], job["created_at"]) == (None, None, job["updated_at"])
    assert "–" in gjobs("jobs", "list").out
    (project,) = gjobs("projects", "--json").document
    assert (project["id"], project["name"], project["job_count"]) == (None, "no project", 1)
    assert str(NO_ID) not in gjobs("projects").out + gjobs("users").out
    refused = gjobs("jobs", "delete", str(JOB), "--yes", "--write", "ticket 7")
    why = "generation_jobs lacks the columns error, input_asset_id."
    assert_refused(refused, 6, f"gjobs does not write here, because {why}")
