"""Databases at a revision, two users with rows of their own, and a database's whole schema as one value."""

import json
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from migrations import runner
from tests.conftest import Conninfo, connect
from tests.hosted.hosted_fixtures import programs

Facts = list[object]

_CATALOGUE = Path(__file__).parent / "catalogue.sql"


def catalogue(conninfo: Conninfo) -> dict[str, list[Facts]]:
    """By kind, in order: relations, columns, constraints, indexes, triggers, policies, functions, views,
    sequences, comments, grants.

    The facts start with the schema's and the relation's or the function's name.
    """
    found: dict[str, list[Facts]] = defaultdict(list)
    with connect(conninfo) as connection:
        connection.execute("set search_path = ''")
        for kind, facts in connection.execute(_CATALOGUE.read_bytes()):
            found[kind].append(facts)
    return found


def run_with_psql(conninfo: Conninfo, script: str) -> subprocess.CompletedProcess[str]:
    """As an administrator runs it who was given it."""
    psql = [str(programs() / "psql"), "--no-psqlrc", "--quiet", make_conninfo("", **conninfo)]
    return subprocess.run(psql, input=script, capture_output=True, text=True, check=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user, and one row of theirs in each table."""

    id: UUID
    project: UUID
    asset: UUID
    job: UUID


ADA = Person(id=UUID(int=0xA0), project=UUID(int=0xA1), asset=UUID(int=0xA2), job=UUID(int=0xA3))

BEN = Person(id=UUID(int=0xB0), project=UUID(int=0xB1), asset=UUID(int=0xB2), job=UUID(int=0xB3))


def add(connection: psycopg.Connection, person: Person) -> None:
    connection.execute("insert into auth.users (id) values (%s)", [person.id])
    connection.execute(
        "insert into public.projects (id, user_id, name) values (%s, %s, 'Autumn')", [person.project, person.id]
    )
    connection.execute(
        "insert into public.assets (id, user_id, project_id, kind, mode, prompt_version, prompt_payload, storage_path)"
        " values (%s, %s, %s, 'input', 'lifestyle', '1', '{}', 'a.png')",
        [person.asset, person.id, person.project],
    )
    connection.execute(
        "insert into public.generation_jobs (id, user_id, project_id, mode, input_asset_id, cost_cents)"
        " values (%s, %s, %s, 'lifestyle', %s, 250)",
        [person.job, person.id, person.project, person.asset],
    )


@contextmanager
def acting(connection: psycopg.Connection, user: UUID | None, role: str = "authenticated") -> Iterator[None]:
    """A transaction as that role with that user's claims, undone at its end."""
    claims = json.dumps({"sub": str(user), "role": role}) if user else ""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)", [role, claims]
        )
        yield


@pytest.fixture
def operator(database: Conninfo) -> Iterator[psycopg.Connection]:
    """A connection as the operator to a database in which Ada and Ben have their rows. Each statement commits."""
    with connect(database, autocommit=True) as connection:
        add(connection, ADA)
        add(connection, BEN)
        yield connection


@pytest.fixture
def upgrade_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[Conninfo, str], None]:
    """Upgrades a database to a revision, which may be below the head."""

    def upgrade(conninfo: Conninfo, revision: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(runner, "HEAD", revision)
            runner.upgrade(conninfo)

    return upgrade
