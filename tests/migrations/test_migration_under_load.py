"""Upgrade and removal on a hosted project with 4,000 jobs while its app writes."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import psycopg
import pytest

from gjobs.migrations import HEAD
from gjobs.migrations.runner import check_rollups, remove, upgrade
from gjobs.migrations.status import read_status
from tests.conftest import Conninfo, connect
from tests.hosted.cluster import Server
from tests.hosted.parse_trees import unguarded_statements
from tests.migrations.conftest import app_schema, catalogue

JOBS = 4_000

USERS = [UUID(int=number) for number in range(1, 3)]
"""The user of each writer."""

PROJECTS = {user: UUID(int=user.int + 0x100) for user in USERS}

OPERATIONS = 2
"""The number of writes of each writer before and after each migration."""

CLAIMS = {"role": "authenticated", "aal": "aal1", "is_anonymous": False, "app_metadata": {"org": "acme"}}

FILL = """
set session_replication_role = replica;  -- the rows refer to each other as they should
insert into auth.users (id)
select ('00000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid from generate_series(1, 2) n;
insert into public.projects (id, user_id, name)
select ('00000000-0000-0000-0000-' || lpad(to_hex(n + 256), 12, '0'))::uuid,
       ('00000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Autumn' from generate_series(1, 2) n;
insert into public.generation_jobs (user_id, project_id, status, mode, created_at, org, metadata)
select p.user_id, p.id, (array['queued', 'running', 'succeeded', 'failed', 'cancelled', 'paused'])[1 + n % 6],
       'lifestyle', now() - n * interval '1 minute', case when n % 9 = 0 then 'acme' end, jsonb_build_object('n', n)
  from public.projects p cross join generate_series(1, 2000) n;
"""


class Writer:
    """The app of a hosted project writing for one user, through functions and directly to the tables."""

    def __init__(self, login: Conninfo, user: UUID) -> None:
        self.kept: dict[UUID, str] = {}
        """The jobs that must exist, with their status."""
        self.refused: list[BaseException] = []
        self.operations = 0
        self._user = user
        self._login = login
        self._is_legacy = user.int % 2 == 1
        """Whether each claim is a separate setting, as in earlier versions of the API server."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            with connect(self._login, autocommit=True) as connection, unguarded_statements(connection) as unguarded:
                while not self._stop.is_set():
                    self._write_once(connection)
                    assert unguarded == []
        except (psycopg.Error, AssertionError) as error:
            self.refused.append(error)

    def _write_once(self, connection: psycopg.Connection) -> None:
        """Create, run and finish a job, which fails at times, and create and delete a project."""
        job, gone, project = uuid4(), uuid4(), uuid4()
        with self._request(connection):
            self._insert(connection, job, PROJECTS[self._user])
        self.kept[job] = "queued"
        for target in ("running", "failed" if self.operations % 3 else "succeeded"):
            with self._request(connection):
                moved = connection.execute(
                    "select public.transition_job_status(%s, %s, %s)", [job, target, f"Job {job} failed"]
                ).fetchone()
                assert moved == (True,)
            self.kept[job] = target
        with self._request(connection):
            connection.execute(
                "insert into public.projects (id, user_id, name) values (%s, %s, 'S')", [project, self._user]
            )
            self._insert(connection, gone, project)
            summary = "select job_count from public.generation_job_summary where project_id = %s"
            assert connection.execute(summary, [project]).fetchall() == [(1,)]
        with self._request(connection):
            changed = connection.execute("update public.generation_jobs set cost_cents = 7 where id = %s", [gone])
            assert changed.rowcount == 1
        with self._request(connection):
            assert connection.execute("select public.cancel_job(%s)", [gone]).fetchone() == (True,)
        with self._request(connection):
            paused = connection.execute("select public.transition_job_status(%s, 'paused')", [gone]).fetchone()
            assert paused == (True,)
        with self._request(connection):
            assert connection.execute("delete from public.projects where id = %s", [project]).rowcount == 1
        if self.operations % 2:
            with self._request(connection):
                assert connection.execute("delete from public.generation_jobs where id = %s", [job]).rowcount == 1
            del self.kept[job]
        self.operations += 1

    def _insert(self, connection: psycopg.Connection, job: UUID, project: UUID) -> None:
        connection.execute(
            "insert into public.generation_jobs (id, user_id, project_id, mode, tags)"
            " values (%s, %s, %s, 'packaging', '{new}')",
            [job, self._user, project],
        )

    @contextmanager
    def _request(self, connection: psycopg.Connection) -> Iterator[None]:
        claims = json.dumps({**CLAIMS, "sub": str(self._user)})
        with connection.transaction():
            connection.execute(
                "select set_config('role', 'authenticated', true), set_config(%s, %s, true),"
                " set_config('statement_timeout', '8s', true), set_config('lock_timeout', '8s', true)",
                ["request.jwt.claim" if self._is_legacy else "request.jwt.claims", claims],
            )
            if self._is_legacy:
                for name in ("sub", "role"):
                    connection.execute(
                        "select set_config(%s, %s, true)", [f"request.jwt.claim.{name}", json.loads(claims)[name]]
                    )
            yield


@pytest.fixture
def writers(hosted_server: Server, grown_database: Conninfo) -> Iterator[list[Writer]]:
    database = str(grown_database["dbname"])
    with connect(hosted_server.administrator(database)) as administrator:
        administrator.execute(FILL)
    writers = [Writer(hosted_server.login(database, "authenticator"), user) for user in USERS]
    for writer in writers:
        writer.start()
    yield writers
    for writer in writers:
        writer.stop()


def keep_writing(writers: list[Writer]) -> None:
    """Wait until each writer has written some more. A refused writer has stopped."""
    goals = [writer.operations + OPERATIONS for writer in writers]
    while any(writer.operations < goal for writer, goal in zip(writers, goals, strict=True)):
        assert [writer.refused for writer in writers] == [[]] * len(writers)
        time.sleep(0.01)


def while_writing(writers: list[Writer], migrate: Callable[[], None]) -> int:
    """Write during the block, and yield the number of writes."""
    keep_writing(writers)
    before = sum(writer.operations for writer in writers)
    migrate()
    meanwhile = sum(writer.operations for writer in writers) - before
    keep_writing(writers)
    return meanwhile


def test_migrating_during_app_writes_loses_no_job_and_refuses_no_write(
    grown_database: Conninfo, writers: list[Writer]
) -> None:
    original = catalogue(grown_database)
    messages: list[str] = []

    during_up = while_writing(writers, lambda: upgrade(grown_database, report=messages.append))
    assert read_status(grown_database).current == HEAD
    assert check_rollups(grown_database).matches
    with connect(grown_database) as owner:
        for user in USERS:
            owner.execute(
                "insert into gjobs.budgets (user_id, period, limit_cents) values (%s, 'month', 1000000)", [user]
            )
    while_writing(writers, lambda: remove(grown_database, report=messages.append))
    while_writing(writers, lambda: upgrade(grown_database, report=messages.append))
    assert check_rollups(grown_database).matches
    while_writing(writers, lambda: remove(grown_database, report=messages.append))
    for writer in writers:
        writer.stop()

    assert [writer.refused for writer in writers] == [[]] * len(writers)
    assert during_up > 0
    kept = {job: status for writer in writers for job, status in writer.kept.items()}
    with connect(grown_database) as owner:
        (total,) = owner.execute("select count(*) from public.generation_jobs").fetchone() or (0,)
        found = owner.execute("select id, status from public.generation_jobs where mode = 'packaging'").fetchall()
    assert dict(found) == kept
    assert total == JOBS + len(kept)
    locks = [one for one in messages if re.fullmatch(r"The app's tables were locked for \d+ ms\.", one)]
    assert len(locks) == 4
    assert app_schema(catalogue(grown_database)) == original
