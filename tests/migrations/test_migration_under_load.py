"""Upgrade and removal on a hosted project with 4,000 jobs while its app writes and its users sign in."""

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from uuid import UUID, uuid4

import psycopg
import pytest

from gjobs.migrations import HEAD
from gjobs.migrations.columns import lacking_columns
from gjobs.migrations.rollups import check_rollups
from gjobs.migrations.runner import add_columns, remove, upgrade
from gjobs.migrations.status import read_status
from tests.conftest import TESTS, Conninfo, connect, run_file
from tests.hosted.cluster import Server
from tests.hosted.parse_trees import unguarded_statements
from tests.migrations.conftest import app_schema, catalogue

ROUNDS = int(os.environ.get("GJOBS_MIGRATION_ROUNDS", "1"))
"""For a full run: 50 rounds. The app's statements are then not searched for missing conditions."""

LONGEST_WAIT = "8s" if ROUNDS == 1 else "300ms"
"""How long the app and sign-ins wait for a lock before they fail."""

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


def _watching(connection: psycopg.Connection) -> AbstractContextManager[list[str]]:
    """Find the statements without a condition, unless this is a full run."""
    return unguarded_statements(connection) if ROUNDS == 1 else nullcontext([])


class Writer:
    """The app of a hosted project writing for one user, through functions and directly to the tables."""

    def __init__(self, login: Conninfo, user: UUID) -> None:
        self.kept: dict[UUID, str] = {}
        """The jobs that must exist, with their status."""
        self.refused: list[BaseException] = []
        self.operations = 0
        self.transactions = 0
        self.slowest = 0.0
        """The seconds that the slowest transaction took."""
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
            with (
                connect(self._login, autocommit=True) as connection,
                _watching(connection) as unguarded,
            ):
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
        with self._timed(connection):
            connection.execute(
                "select set_config('role', 'authenticated', true), set_config(%s, %s, true),"
                " set_config('statement_timeout', '8s', true), set_config('lock_timeout', %s, true)",
                ["request.jwt.claim" if self._is_legacy else "request.jwt.claims", claims, LONGEST_WAIT],
            )
            if self._is_legacy:
                for name in ("sub", "role"):
                    connection.execute(
                        "select set_config(%s, %s, true)", [f"request.jwt.claim.{name}", json.loads(claims)[name]]
                    )
            yield

    @contextmanager
    def _timed(self, connection: psycopg.Connection) -> Iterator[None]:
        began = time.monotonic()
        with connection.transaction():
            yield
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.transactions += 1


class SignIns(Writer):
    """Users who sign up and sign in."""

    def _write_once(self, connection: psycopg.Connection) -> None:
        with self._timed(connection):
            connection.execute("select set_config('lock_timeout', %s, true)", [LONGEST_WAIT])
            connection.execute("update auth.users set updated_at = now() where id = %s", [self._user])
            connection.execute("insert into auth.sessions (user_id) values (%s)", [self._user])
            connection.execute(
                "with added as (insert into auth.users (id) values (gen_random_uuid()) returning id)"
                " insert into auth.identities (user_id) select id from added"
            )
        self.operations += 1


@pytest.fixture
def writers(hosted_server: Server, grown_database: Conninfo) -> Iterator[list[Writer]]:
    database = str(grown_database["dbname"])
    administrator = hosted_server.administrator(database)
    run_file(administrator, TESTS / "hosted" / "policy_grants.sql")
    with connect(administrator) as connection:
        connection.execute(FILL)
    writers = [Writer(hosted_server.login(database, "authenticator"), user) for user in USERS]
    writers.append(SignIns(administrator, USERS[0]))
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


def test_migrating_during_app_writes_and_sign_ins_loses_no_job_and_refuses_no_write(
    hosted_server: Server, grown_database: Conninfo, writers: list[Writer]
) -> None:
    original = catalogue(grown_database)
    messages: list[str] = []
    began, during_up = time.monotonic(), 0

    def run_round() -> int:
        written = while_writing(writers, lambda: upgrade(grown_database, report=messages.append))
        assert read_status(grown_database).current == HEAD
        assert check_rollups(grown_database).matches
        with connect(grown_database) as owner:
            for user in USERS:
                owner.execute(
                    "insert into gjobs.budgets (user_id, period, limit_cents) values (%s, 'month', 1000000)", [user]
                )
        while_writing(writers, lambda: remove(grown_database, report=messages.append))
        return written

    for _ in range(ROUNDS):
        during_up += run_round()
    assert app_schema(catalogue(grown_database)) == original
    while_writing(writers, lambda: upgrade(grown_database, report=messages.append))
    while_writing(writers, lambda: add_columns(grown_database, lacking_columns(grown_database), report=messages.append))
    assert check_rollups(grown_database).matches
    while_writing(writers, lambda: remove(grown_database, report=messages.append))
    for writer in writers:
        writer.stop()
    if ROUNDS > 1:
        seconds = time.monotonic() - began
        for writer in writers:
            print(  # noqa: T201
                f"{type(writer).__name__}: {writer.transactions / seconds:.0f} transactions a second,"
                f" the slowest took {writer.slowest * 1000:.0f} ms"
            )

    assert [writer.refused for writer in writers] == [[]] * len(writers)
    assert during_up > 0
    kept = {job: status for writer in writers for job, status in writer.kept.items()}
    with connect(hosted_server.administrator(str(grown_database["dbname"]))) as administrator:
        assert administrator.execute("select is_called from storage.changed_policies").fetchone() == (False,)
    with connect(grown_database) as owner:
        (total,) = owner.execute("select count(*) from public.generation_jobs").fetchone() or (0,)
        found = owner.execute("select id, status from public.generation_jobs where mode = 'packaging'").fetchall()
    assert dict(found) == kept
    assert total == JOBS + len(kept)
    locks = [one for one in messages if re.fullmatch(r"The app's tables were locked for \d+ ms\.", one)]
    assert len(locks) == 2 * ROUNDS + 3
