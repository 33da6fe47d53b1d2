"""A database that reports the actor of each statement on its tables.

Its policies call a function that raises a notice with role and claims, which works in read-only transactions, too. The
login owns nothing and bypasses nothing, so that the policies apply to the operator. A statement is reported if it reads
at least one row, even a hidden one.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.errors import Diagnostic

from gjobs.store.embedded.server_files import ADMINISTRATOR, ServerHandle
from tests.conftest import Conninfo, connect, temporary_database

ONLOOKER = "onlooker"
TABLES = ("projects", "assets", "generation_jobs")

_POLICIES = """
drop policy if exists "Users can view own {label}" on public.{table};
drop policy if exists "Users can insert own {label}" on public.{table};
drop policy if exists "Users can update own {label}" on public.{table};
drop policy if exists "Users can delete own {label}" on public.{table};
create policy watched on public.{table} for all to public
    using (case when public.watched('{table}') then current_user = 'onlooker' or auth.uid() = user_id end);
grant all on public.{table} to onlooker;
"""

_WATCHED = """
create function public.watched(seen text) returns boolean language plpgsql stable as $$
begin
    raise notice 'watched %', json_build_array(seen, current_user, current_setting('request.jwt.claims', true));
    return true;
end $$;
"""

_USERS = """
grant usage on schema auth to onlooker;
grant select on auth.users to onlooker;
create policy readable on auth.users for select to onlooker using (true);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedActor:
    """The actor that ran a statement."""

    role: str
    user_id: UUID | None
    """The user id of the claims; None without claims."""


AS_OPERATOR = RecordedActor(role=ONLOOKER, user_id=None)


def as_user(user_id: UUID) -> RecordedActor:
    return RecordedActor(role="authenticated", user_id=user_id)


class StatementRecording:
    """The tables that were read or written, and by which actor."""

    def __init__(self) -> None:
        self._seen: list[tuple[str, RecordedActor]] = []

    def hear(self, notice: Diagnostic) -> None:
        message = notice.message_primary or ""
        if message.startswith("watched "):
            table, role, claims = json.loads(message.removeprefix("watched "))
            subject = json.loads(claims).get("sub") if claims else None
            self._seen.append((table, RecordedActor(role=role, user_id=UUID(subject) if subject else None)))

    def forget(self) -> None:
        self._seen.clear()

    @property
    def actors(self) -> set[RecordedActor]:
        return {actor for _, actor in self._seen}

    def tables(self, actor: RecordedActor) -> set[str]:
        return {table for table, recorded in self._seen if recorded == actor}


@pytest.fixture(scope="session")
def recording_login(server: ServerHandle, migrated: str) -> str:
    """A login that owns nothing and bypasses nothing, but may act as users. The migrations have created the role
    `authenticated`, which is granted here.
    """
    with connect({**server.conninfo, "user": ADMINISTRATOR, "dbname": "postgres"}, autocommit=True) as administrator:
        administrator.execute("create role onlooker login noinherit nobypassrls")
        administrator.execute("grant authenticated to onlooker")
    return ONLOOKER


@pytest.fixture(scope="session")
def reused_watched_database(server: ServerHandle, attached_template: str, recording_login: str) -> Iterator[Conninfo]:
    """The database behind `watched_database`, one for each process of the run. Its role is the owner."""
    with temporary_database(server, template=attached_template) as conninfo:
        with connect({**conninfo, "user": ADMINISTRATOR}) as connection:
            connection.execute(_USERS)
        with connect(conninfo) as connection:
            connection.execute(_WATCHED)
            for table in TABLES:
                connection.execute(_POLICIES.format(table=table, label=table.replace("_", " ")).encode())
        yield conninfo


@pytest.fixture
def watched_database(reused_watched_database: Conninfo, recording_login: str) -> Iterator[Conninfo]:
    """An empty database with the app's schema and recording policies instead of the app's. Its role is the onlooker."""
    yield {**reused_watched_database, "user": recording_login}
    with connect(reused_watched_database) as connection:
        connection.execute("set lock_timeout = '5s'")
        connection.execute("delete from auth.users")


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> StatementRecording:
    """A recording of every connection that this process opens."""
    recording = StatementRecording()
    original_connect = AsyncConnection.connect

    async def connect_and_listen(*arguments: object, **parameters: object) -> AsyncConnection:
        connection: AsyncConnection = await original_connect(*arguments, **parameters)  # type: ignore[arg-type]
        connection.add_notice_handler(recording.hear)
        return connection

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", connect_and_listen)
    return recording
