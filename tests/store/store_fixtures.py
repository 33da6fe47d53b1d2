"""Ids and helpers that the store's tests share."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest

from gjobs.store.capabilities.capability import PolicyCommand, RlsPolicy
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, compiled
from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser
from tests.conftest import Conninfo, connect

Error = TypeVar("Error", bound=StoreError)
ADA = UUID("00000000-0000-4000-8000-00000000000a")
BEN = UUID("00000000-0000-4000-8000-00000000000b")

CLEO = UUID("00000000-0000-4000-8000-00000000000c")
"""A user without an e-mail."""

STRANGER = UUID("00000000-0000-4000-8000-0000000000ff")
"""The id of no user."""

NOTHING = UUID("00000000-0000-4000-8000-000000000000")
"""The id of no row, unless a test inserts one."""

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


class Sql(Protocol):
    """Run a statement as the owner, commit it, and return its rows."""

    def __call__(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]: ...


ADA_HERSELF = ActingUser(id=ADA, email="ada@example.com")
BEN_HIMSELF = ActingUser(id=BEN, email="ben@example.com")


class Db:
    """A migrated database with three users: stores on it, statements and rows."""

    def __init__(self, conninfo: Conninfo, sql: Sql, operator: Store) -> None:
        self.conninfo, self.sql, self.operator = conninfo, sql, operator
        self.ada = operator.acting_as(ADA_HERSELF)
        self.ben = operator.acting_as(BEN_HIMSELF)
        self.stranger = operator.acting_as(ActingUser(id=STRANGER))

    def make_project(self, owner: UUID = ADA, name: str = "Catalog") -> UUID:
        ((made,),) = self.sql(
            "insert into projects (user_id, name, created_at) values (%s, %s, %s) returning id", (owner, name, NOW)
        )
        return UUID(str(made))

    def make_asset(self, project_id: UUID, **columns: Any) -> UUID:
        return add_asset(self.sql, project_id, **columns)

    def make_job(
        self,
        project_id: UUID | None = None,
        status: JobStatus | str = JobStatus.QUEUED,
        *,
        job_id: UUID | None = None,
        **columns: object,
    ) -> UUID:
        """Insert a job of the project's owner, by default in a new project of Ada's. Postgres parses the times."""
        made = job_id or uuid4()
        self.make_jobs([{"id": made, "project_id": project_id or self.make_project(), "status": status, **columns}])
        return made

    def make_jobs(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Insert jobs of the projects' owners with one statement. Each row must have a project and an id. Without other
        columns, a job is queued, costs 250 cents and has the mode "lifestyle".
        """
        usual = {"status": "queued", "mode": "lifestyle", "cost_cents": 250, "created_at": NOW, "updated_at": NOW}
        self.sql(
            "insert into generation_jobs (id, user_id, project_id, status, mode, input_asset_id, error, cost_cents,"
            " created_at, updated_at) select j.id, p.user_id, p.id, j.status, j.mode, j.input_asset_id, j.error,"
            " j.cost_cents, j.created_at, j.updated_at"
            " from jsonb_populate_recordset(null::generation_jobs, %s::jsonb) j join projects p on p.id = j.project_id",
            [json.dumps([usual | dict(row) for row in rows], default=str)],
        )


@asynccontextmanager
async def opened(conninfo: Conninfo, **settings: Any) -> AsyncIterator[Database]:
    """A session with these settings, closed at the end of the block."""
    database = Database(conninfo, **settings)
    try:
        yield database
    finally:
        await database.close()


async def error_of(kind: type[Error], call: Awaitable[object]) -> Error:
    """Await the call, which must raise an error of this kind, and return the error."""
    with pytest.raises(kind) as caught:
        await call
    return caught.value


def a_job(**changes: Any) -> GenerationJob:
    """Return a queued job of Ada's with these changes."""
    job = GenerationJob(
        id=UUID(int=1),
        user_id=ADA,
        project_id=UUID(int=2),
        status=JobStatus.QUEUED,
        mode="lifestyle",
        input_asset_id=None,
        error=None,
        cost_cents=250,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(job, **changes)


async def the_job(store: Store, job_id: UUID) -> GenerationJob:
    job = await store.get_generation_job(job_id)
    assert job is not None
    return job


def writes(store: Store, job: GenerationJob) -> list[Coroutine[Any, Any, object]]:
    """Return one write of each kind on a queued job and its project. The test must await them all."""
    return [
        store.create_project("x", owner_id=job.user_id),
        store.create_generation_job(project_id=job.project_id, mode="x"),
        store.update_generation_job(job.id, mode="x"),
        store.transition_job_status(job.id, "running"),
        store.delete_generation_job(job.id),
    ]


def sql_of(connection: psycopg.Connection) -> Sql:
    def run(statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []

    return run


def plan_of(conninfo: Conninfo, query: Query[Any], *off: str) -> list[str]:
    """Return the plan that a query would have on a full table. The tables are empty, so sequential scans are
    disabled.
    """
    statement, constants = compiled(query.statement)
    with connect(conninfo) as connection:
        for setting in ("enable_seqscan", *off):
            connection.execute(f"set {setting} = off".encode())
        explained = f"explain (costs off) {query.relation.rendered(statement)}".encode()
        return [row[0] for row in connection.execute(explained, {**constants, **query.parameters})]


def add_ada(sql: Sql, *jobs: UUID, project_id: UUID = UUID(int=2), project: str = "Catalog") -> None:  # noqa: B008
    """Insert Ada, a project of hers and queued jobs in it, on any schema."""
    sql("insert into auth.users (id, email) values (%s, 'ada@example.com')", (ADA,))
    sql("insert into projects (id, user_id, name) values (%s, %s, %s)", (project_id, ADA, project))
    for job_id in jobs:
        sql(
            "insert into generation_jobs (id, user_id, project_id, mode) values (%s, %s, %s, 'lifestyle')",
            (job_id, ADA, project_id),
        )


def record_start(sql: Sql, jobs: Iterable[UUID], at: datetime) -> None:
    """Record that the jobs began to run at this time."""
    sql(
        "insert into gjobs.job_event_log"
        " (transaction_id, job_id, user_id, project_id, kind, to_status, actor_role, application, at)"
        " select pg_current_xact_id(), id, user_id, project_id, 'status', 'running', '', '', %s"
        " from generation_jobs where id = any(%s)",
        [at, [*jobs]],
    )


@contextmanager
def altered(sql: Sql, change: str, undo: str) -> Iterator[None]:
    """Change a schema that other tests use, and undo the change on leaving."""
    sql(change)
    try:
        yield
    finally:
        sql(undo)


def add_asset(
    sql: Sql, project_id: UUID, *, asset_id: UUID | None = None, kind: str = "input", created_at: datetime = NOW
) -> UUID:
    """Insert an asset of the project's owner."""
    made = asset_id or uuid4()
    sql(
        "insert into assets (id, user_id, project_id, kind, mode, prompt_version, prompt_payload, storage_path,"
        " created_at) select %s, user_id, id, %s, 'lifestyle', 'v1', '{}', 'photo.jpg', %s from projects where id = %s",
        (made, kind, created_at, project_id),
    )
    return made


def show_rows(sql: Sql, role: str, *tables: str, using: str = "true") -> None:
    """Let a role see rows of these tables: grant select and add a policy."""
    for table in tables:
        sql(f"grant select on {table} to {role}")
        sql(f"create policy shown on {table} for select to {role} using ({using})")


def make_policy(
    name: str,
    using: str | None,
    *,
    is_permissive: bool = True,
    command: PolicyCommand = PolicyCommand.SELECT,
    **fields: Any,
) -> RlsPolicy:
    """Return a policy on the jobs for the users' role."""
    made = RlsPolicy(
        table="generation_jobs",
        name=name,
        quoted_name=f'"{name}"',
        is_permissive=is_permissive,
        command=command,
        roles=("authenticated",),
        holds_for_users=True,
        using=using,
        check=None,
    )
    return replace(made, **fields)


class ManualClock:
    """A clock that a test sets."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, for at most a minute."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
