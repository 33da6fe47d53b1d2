"""The rival of the store: the same transactions in psycopg by hand, into the same values."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from store.model import (
    DayCost,
    GenerationJob,
    JobStatistic,
    JobStatistics,
    JobStatus,
    Overview,
    OverviewQuery,
    Page,
    PageKey,
    Project,
)

DAYS = 14
PROJECTS = 500

_SET_UP = """
select set_config('statement_timeout', '8000', true), set_config('lock_timeout', '2000', true),
       set_config('idle_in_transaction_session_timeout', '13000', true),
       set_config('request.jwt.claims', %s, true), set_config('role', 'authenticated', true)"""

_JOBS = """
select id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at
from public.generation_jobs where project_id = %s order by created_at desc, id desc limit %s"""

_STATISTICS = """
select status, count(*), sum(cost_cents)::bigint, avg(cost_cents)
from public.generation_jobs where project_id = %s group by status"""

_DAYS = """
select (created_at at time zone 'UTC')::date, count(*), sum(cost_cents)::bigint from public.generation_jobs
where created_at >= ((now() at time zone 'UTC')::date - %s)::timestamp at time zone 'UTC'
  and created_at < ((now() at time zone 'UTC')::date + 1)::timestamp at time zone 'UTC' and project_id = %s
group by 1"""

_PROJECTS = """
select p.id, p.user_id, p.name, p.created_at, p.updated_at, coalesce(s.jobs, 0), coalesce(s.cost, 0)
from public.projects p left join (
    select project_id, count(*) as jobs, sum(cost_cents)::bigint as cost from public.generation_jobs group by project_id
) s on s.project_id = p.id order by p.created_at desc, p.id desc limit %s"""

_CLOCK = "select now()"

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


async def overview(
    connection: AsyncConnection, user_id: UUID, query: OverviewQuery, *, pipelined: bool = False
) -> Overview:
    jobs, by_status, by_day, projects, ((now,),) = await read(
        connection,
        user_id,
        (_JOBS, (query.project_id, query.limit + 1)),
        (_STATISTICS, (query.project_id,)),
        (_DAYS, (DAYS - 1, query.project_id)),
        (_PROJECTS, (PROJECTS,)),
        (_CLOCK, ()),
        pipelined=pipelined,
    )
    taken_at = now.astimezone(UTC)
    return Overview(
        query=query,
        jobs=_page(jobs, query.limit),
        statistics=_statistics(by_status),
        days=_days(by_day, taken_at.date()),
        projects=tuple(
            Project(
                id=row[0],
                user_id=row[1],
                name=row[2],
                created_at=row[3],
                updated_at=row[4],
                job_count=row[5],
                total_cost_cents=row[6],
            )
            for row in projects
        ),
        taken_at=taken_at,
    )


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


def _statistics(rows: Rows) -> JobStatistics:
    order = list(JobStatus)
    statistics = (
        JobStatistic(
            status=JobStatus(status), count=count, total_cost_cents=total, avg_cost_cents=round(float(average), 2)
        )
        for status, count, total, average in rows
    )
    return JobStatistics(by_status=tuple(sorted(statistics, key=lambda row: order.index(row.status))))


def _days(rows: Rows, today: date) -> tuple[DayCost, ...]:
    known = {row[0]: DayCost(day=row[0], job_count=row[1], total_cost_cents=row[2]) for row in rows}
    days = (today - timedelta(days=DAYS - 1 - number) for number in range(DAYS))
    return tuple(known.get(day) or DayCost(day=day, job_count=0, total_cost_cents=0) for day in days)
