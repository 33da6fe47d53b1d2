"""The rival of the store: the same transactions in psycopg by hand, into the same values."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from store.model import GenerationJob, JobStatus, Page, PageKey

_SET_UP = """
select set_config('statement_timeout', '8000', true), set_config('lock_timeout', '2000', true),
       set_config('idle_in_transaction_session_timeout', '13000', true),
       set_config('request.jwt.claims', %s, true), set_config('role', 'authenticated', true)"""

_JOBS = """
select id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at
from public.generation_jobs where project_id = %s order by created_at desc, id desc limit %s"""

Statement = tuple[str, Sequence[object]]
Rows = list[tuple[Any, ...]]


@asynccontextmanager
async def connect(conninfo: Mapping[str, str | int]) -> AsyncIterator[AsyncConnection]:
    """As the store's: over a pooler nothing may be prepared."""
    async with await AsyncConnection.connect(
        make_conninfo("", **conninfo), autocommit=True, prepare_threshold=None
    ) as connection:
        yield connection


def claims(user_id: UUID) -> str:
    return json.dumps({"sub": str(user_id), "role": "authenticated"})


async def read(connection: AsyncConnection, user_id: UUID, *statements: Statement, pipelined: bool) -> list[Rows]:
    """Of one snapshot, with the user's eyes."""
    async with AsyncExitStack() as stack:
        if pipelined:
            await stack.enter_async_context(connection.pipeline())
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await connection.execute(_SET_UP, [claims(user_id)])
        identity = await connection.execute("select auth.uid()")
        cursors = [await connection.cursor(binary=True).execute(sql.encode(), values) for sql, values in statements]
        await connection.execute("COMMIT")
        assert await identity.fetchone() == (user_id,)
        return [await cursor.fetchall() for cursor in cursors]


async def newest(
    connection: AsyncConnection, user_id: UUID, project_id: UUID, limit: int, *, pipelined: bool = False
) -> Page[GenerationJob]:
    (rows,) = await read(connection, user_id, (_JOBS, (project_id, limit + 1)), pipelined=pipelined)
    return _page(rows, limit)


async def every_cost(connection: AsyncConnection, user_id: UUID) -> int:
    """As the specification's getTotalCosts: the client adds up."""
    (rows,) = await read(connection, user_id, ("select cost_cents from public.generation_jobs", ()), pipelined=False)
    return sum(cost for (cost,) in rows)


def _page(rows: Rows, limit: int) -> Page[GenerationJob]:
    jobs = tuple(
        GenerationJob(
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
        )
        for row in rows[:limit]
    )
    last = jobs[-1] if len(rows) > limit else None
    return Page(items=jobs, next_key=PageKey(created_at=last.created_at, id=last.id) if last else None)
