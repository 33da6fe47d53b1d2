"""The transactions of the store written with plain psycopg, to compare with."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_results import Page, PageKey
from gjobs.store.jobs.job_sql import COLUMNS_WITH_START, LOOK_UPS

_TIME_LIMITS = """
select set_config('statement_timeout', '8000', true), set_config('lock_timeout', '2000', true),
       set_config('idle_in_transaction_session_timeout', '13000', true)"""

# Disable sorting like the store does, because the planner would sort all jobs of the user.
_SET_UP = f"""{_TIME_LIMITS},
       set_config('request.jwt.claims', %s, true), set_config('role', 'authenticated', true),
       set_config('enable_sort', 'off', true)"""


def with_starts(sql: str) -> str:
    """Read when each job first ran, as the store does."""
    return f"select found.*, {LOOK_UPS[COLUMNS_WITH_START]} from ({sql}) as found"  # noqa: S608 - of constants


_NEWEST = with_starts("""
select id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, retry_count,
completed_at from public.generation_jobs where project_id = %s order by created_at desc, id desc limit %s""")

Statement = tuple[str, Sequence[object] | Mapping[str, object]]

Rows = list[tuple[Any, ...]]


@asynccontextmanager
async def connect(conninfo: Mapping[str, str | int]) -> AsyncIterator[AsyncConnection]:
    """Connect like the store, which prepares no statements because of poolers."""
    async with await AsyncConnection.connect(
        make_conninfo("", **conninfo), autocommit=True, prepare_threshold=None
    ) as connection:
        yield connection


def claims(user_id: UUID) -> str:
    return json.dumps({"sub": str(user_id), "role": "authenticated"})


async def read(
    connection: AsyncConnection, user_id: UUID | None, *statements: Statement, pipelined: bool = False
) -> list[Rows]:
    """Read in one snapshot as the user, or as the operator if it is None."""
    async with AsyncExitStack() as stack:
        if pipelined:
            await stack.enter_async_context(connection.pipeline())
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if user_id is None:
            await connection.execute(_TIME_LIMITS)
            identity = None
        else:
            await connection.execute(_SET_UP, [claims(user_id)])
            identity = await connection.execute("select auth.uid()")
        cursors = [await connection.cursor(binary=True).execute(sql.encode(), values) for sql, values in statements]
        await connection.execute("COMMIT")
        if identity:
            assert await identity.fetchone() == (user_id,)
        return [await cursor.fetchall() for cursor in cursors]


async def newest(
    connection: AsyncConnection, user_id: UUID, project_id: UUID, *, limit: int, pipelined: bool = False
) -> Page[GenerationJob]:
    """Return the newest jobs of the project, like `Store.get_project_jobs`."""
    (rows,) = await read(connection, user_id, (_NEWEST, (project_id, limit + 1)), pipelined=pipelined)
    jobs = tuple(_job(row) for row in rows[:limit])
    key = PageKey(created_at=jobs[-1].created_at, id=jobs[-1].id) if len(rows) > limit else None
    return Page(items=jobs, next_key=key)


def _job(row: tuple[Any, ...]) -> GenerationJob:
    return GenerationJob(
        id=row[0],
        user_id=row[1],
        project_id=row[2],
        status=JobStatus(row[3]),
        mode=row[4],
        input_asset_id=row[5],
        error=row[6],
        cost_cents=row[7],
        created_at=row[8],
        updated_at=row[9],
        retry_count=row[10],
        completed_at=row[11],
        started_at=row[12],
    )


async def every_cost(connection: AsyncConnection, user_id: UUID) -> int:
    """Add up all costs in the client, like getTotalCosts of the specification."""
    (rows,) = await read(connection, user_id, ("select cost_cents from public.generation_jobs", ()))
    return sum(cost for (cost,) in rows)
