"""Databases at a revision, two users with rows, and the whole schema of a database as one value."""

import json
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.conftest import Conninfo, connect
from tests.hosted.hosted_fixtures import programs

Facts = list[object]

_CATALOGUE = Path(__file__).parent / "catalogue.sql"


def catalogue(conninfo: Conninfo) -> dict[str, list[Facts]]:
    """Return the objects of the schemas by kind, such as columns, constraints, policies, functions and grants.

    The facts of an object start with its schema and the name of its relation or function.
    """
    found: dict[str, list[Facts]] = defaultdict(list)
    with connect(conninfo) as connection:
        connection.execute("set search_path = ''")
        for kind, facts in connection.execute(_CATALOGUE.read_bytes()):
            found[kind].append(facts)
    return found


def app_schema(found: dict[str, list[Facts]]) -> dict[str, list[Facts]]:
    """Return the objects of the app. They include the triggers of gjobs on the app's tables."""
    return {kind: [fact for fact in facts if fact[0] != "gjobs"] for kind, facts in found.items()}


def execute(conninfo: Conninfo, *statements: str) -> None:
    with connect(conninfo, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def run_with_psql(conninfo: Conninfo, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in psql, as an administrator would."""
    psql = [str(programs() / "psql"), "--no-psqlrc", "--quiet", make_conninfo("", **conninfo)]
    return subprocess.run(psql, input=script, capture_output=True, text=True, check=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRows:
    """A user with one row in each table."""

    id: UUID
    project: UUID
    asset: UUID
    job: UUID


ADA = UserRows(id=UUID(int=0xA0), project=UUID(int=0xA1), asset=UUID(int=0xA2), job=UUID(int=0xA3))

BEN = UserRows(id=UUID(int=0xB0), project=UUID(int=0xB1), asset=UUID(int=0xB2), job=UUID(int=0xB3))


def add(connection: psycopg.Connection, user: UserRows) -> None:
    connection.execute("insert into auth.users (id) values (%s)", [user.id])
    connection.execute(
        "insert into public.projects (id, user_id, name) values (%s, %s, 'Autumn')", [user.project, user.id]
    )
    connection.execute(
        "insert into public.assets (id, user_id, project_id, kind, mode, prompt_version, prompt_payload, storage_path)"
        " values (%s, %s, %s, 'input', 'lifestyle', '1', '{}', 'a.png')",
        [user.asset, user.id, user.project],
    )
    connection.execute(
        "insert into public.generation_jobs (id, user_id, project_id, mode, input_asset_id, cost_cents)"
        " values (%s, %s, %s, 'lifestyle', %s, 250)",
        [user.job, user.id, user.project, user.asset],
    )


def add_jobs(connection: psycopg.Connection, user: UserRows, number: int = 1, **columns: object) -> list[UUID]:
    """Insert jobs of the user, by default queued ones of the mode "lifestyle". A time may be a text."""
    values = {"user_id": user.id, "project_id": user.project, "mode": "lifestyle", **columns}
    marks = ", ".join("%s::timestamptz" if name.endswith("_at") else "%s" for name in values)
    rows = connection.execute(
        f"insert into public.generation_jobs ({', '.join(values)})"  # noqa: S608
        f" select {marks} from generate_series(1, %s) returning id".encode(),
        [*values.values(), number],
    )
    return [job_id for (job_id,) in rows]


def events(connection: psycopg.Connection, job: UUID, columns: str = "kind") -> list[tuple[object, ...]]:
    """Return columns of the events of a job, the oldest first."""
    return connection.execute(
        f"select {columns} from gjobs.job_events where job_id = %s order by id".encode(),  # noqa: S608
        [job],
    ).fetchall()


def kinds(connection: psycopg.Connection, job: UUID) -> list[object]:
    return [kind for (kind,) in events(connection, job)]


def received(listener: psycopg.Connection) -> list[str]:
    """Return the payloads of the notifications so far."""
    listener.execute("select 1")
    return [notification.payload for notification in listener.notifies(timeout=0)]


@contextmanager
def running(*work: Callable[[], object]) -> Iterator[None]:
    """Run each function in a thread of its own during the block, and raise its error after the block."""
    with ThreadPoolExecutor(max_workers=len(work)) as pool:
        done = [pool.submit(one) for one in work]
        yield
        for one in done:
            one.result()


@contextmanager
def acting(
    connection: psycopg.Connection, user: UUID | None, role: str = "authenticated", *, commits: bool = False
) -> Iterator[None]:
    """Act as a role with the claims of a user, in a transaction that is rolled back unless it commits."""
    claims = json.dumps({"sub": str(user), "role": role}) if user else ""
    with connection.transaction(force_rollback=not commits):
        connection.execute(
            "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)", [role, claims]
        )
        yield


@pytest.fixture
def operator(operator_connection: psycopg.Connection) -> psycopg.Connection:
    """A connection of the operator, in autocommit mode, to a database with the rows of Ada and Ben."""
    for user in (ADA, BEN):
        add(operator_connection, user)
    return operator_connection
