"""Statistics from rollups compared with those of the specification, which reads all jobs."""

import re
from functools import partial
from pathlib import Path

import psycopg

from tests.benchmarks import raw_psycopg
from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import AtLeast, AtMost, Contestant, Effort, Finding, Ratio, take_turns
from tests.benchmarks.lists import timed, users_store
from tests.benchmarks.sizes import few, many

APP_SCHEMA = Path(__file__).parents[1] / "app_schema.sql"

OURS = "get_job_statistics() of gjobs"

SPECIFIED = "the specification's get_job_statistics()"

FEW = "get_job_statistics() of gjobs, 10,000 jobs"

TOTAL, EVERY_COST = "Store.get_total_costs", "getTotalCosts as specified, which reads the cost of every row"

SPECIFIED_CALL = "select * from benchmark.get_job_statistics()"

CALL = "select * from gjobs.get_job_statistics()"

_STOPWATCH = """
create or replace function benchmark.milliseconds(statement text, times integer)
returns double precision language plpgsql set search_path = public, pg_temp as $$
declare started timestamptz := clock_timestamp();
begin
    for number in 1..times loop execute statement; end loop;
    return extract(epoch from clock_timestamp() - started) * 1000 / times;
end $$"""

_CHANGES = """
do $$
declare job record;
begin
    for job in select id from public.generation_jobs order by created_at desc, id desc limit 500 loop
        update public.generation_jobs set cost_cents = cost_cents + 1 where id = job.id;
    end loop;
end $$"""
"""The database is written to between the queries."""


async def statistics(effort: Effort, databases: Databases) -> list[Finding]:
    large, small = databases.of(many(effort)), databases.of(few(effort))
    return [await _compare_statistics(effort, large, small), await _compare_totals(effort, large)]


async def _compare_statistics(effort: Effort, large: FilledDatabase, small: FilledDatabase) -> Finding:
    rounds = effort.choose(15, quick=1)
    with large.connect() as of_large, small.connect() as of_small:
        for connection in (of_large, of_small):
            install_specified(connection)
            connection.execute(_CHANGES)
        for database, connection in ((large, of_large), (small, of_small)):
            assert_same_numbers(connection, database)
        series = await take_turns(
            {
                OURS: server_time(of_large, large, CALL, effort.choose(50, quick=1)),
                SPECIFIED: server_time(of_large, large, SPECIFIED_CALL, 2),
                FEW: server_time(of_small, small, CALL, effort.choose(50, quick=1)),
            },
            rounds=rounds,
        )
    return Finding(
        title="the statistics of a user with a tenth of all jobs, server time",
        unit="ms",
        settings={"jobs": large.jobs, "jobs of the user": large.jobs // 10, "rounds": rounds},
        series=series,
        ratios=(
            Ratio(ours=SPECIFIED, rival=OURS, reach=AtLeast(50)),
            Ratio(ours=OURS, rival=FEW, reach=AtMost(1.5)),
        ),
    )


async def _compare_totals(effort: Effort, database: FilledDatabase) -> Finding:
    rounds = effort.choose(9, quick=1)
    async with (
        users_store(database) as store,
        raw_psycopg.connect(database.conninfo) as connection,
    ):
        every_cost = partial(raw_psycopg.every_cost, connection, database.owner.id)
        assert await store.get_total_costs() == await every_cost()
        series = await take_turns(
            {TOTAL: timed(store.get_total_costs, 1), EVERY_COST: timed(every_cost, 1)}, rounds=rounds
        )
    return Finding(
        title="the total cost of the same user, time at the client",
        unit="ms",
        settings={"jobs": database.jobs, "jobs of the user": database.jobs // 10, "rounds": rounds},
        series=series,
        ratios=(Ratio(ours=EVERY_COST, rival=TOTAL),),
    )


def install_specified(connection: psycopg.Connection) -> None:
    """Create a schema with the function of the specification and a function that measures."""
    connection.execute("create schema if not exists benchmark")
    connection.execute("grant usage on schema benchmark to authenticated")
    schema = APP_SCHEMA.read_text(encoding="utf-8")
    body = re.search(r"create function public\.get_job_statistics.*?end \$\$;", schema, re.DOTALL)
    assert body
    connection.execute(body[0].replace("create function public.", "create or replace function benchmark.").encode())
    connection.execute(_STOPWATCH.encode())


def assert_same_numbers(connection: psycopg.Connection, database: FilledDatabase) -> None:
    with connection.transaction():
        _look_as(connection, database)
        numbers = [
            [(status, count, total, round(average, 6)) for status, count, total, average in connection.execute(call)]
            for call in (CALL, SPECIFIED_CALL)
        ]
    assert numbers[0] == numbers[1]
    assert sum(count for _, count, _, _ in numbers[0]) == database.jobs // 10


def server_time(connection: psycopg.Connection, database: FilledDatabase, statement: str, times: int) -> Contestant:
    """Return a contestant for the time of a call as the owner, in ms, measured by the server."""

    async def measure() -> float:
        with connection.transaction():
            _look_as(connection, database)
            row = connection.execute("select benchmark.milliseconds(%s, %s)", [statement, times]).fetchone()
        assert row
        return float(row[0])

    return measure


def _look_as(connection: psycopg.Connection, database: FilledDatabase) -> None:
    claims = raw_psycopg.claims(database.owner.id)
    connection.execute(
        "select set_config('request.jwt.claims', %s, true), set_config('role', 'authenticated', true)", [claims]
    )
