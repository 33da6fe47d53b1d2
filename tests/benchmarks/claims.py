"""The time of a claim from a long queue beside a million finished jobs, compared with a short queue alone."""

import time
from uuid import uuid4

from psycopg import Connection

from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import AtMost, Contestant, Effort, Finding, Ratio, take_turns
from tests.benchmarks.sizes import QUICK, many

BATCH = 100

FULL, EMPTY = "many finished jobs, a long queue", "only a short queue"

_CLAIM = "select count(*) from gjobs.claim_jobs(%s, null, %s, 60)"

_QUEUE = """
insert into public.generation_jobs (user_id, project_id, mode, created_at)
select p.user_id, p.id, 'lifestyle', clock_timestamp()
  from (select user_id, id from public.projects limit 1) p, generate_series(1, %s)"""
"""Inserts jobs with different creation times."""


async def claims(effort: Effort, databases: Databases) -> list[Finding]:
    finished, long, short = many(effort), effort.choose(100_000, quick=1_000), 1_000
    rounds = effort.choose(41, quick=1)
    with (
        databases.copy_of(databases.of(finished)) as full,
        databases.copy_of(databases.of(QUICK)) as empty,
        full.connect() as of_full,
        empty.connect() as of_empty,
    ):
        of_full.execute("delete from public.generation_jobs where status = 'queued'")
        of_empty.execute("truncate public.generation_jobs")
        for connection, queued in ((of_full, long), (of_empty, short)):
            # Remove the space of deleted rows, which a table of finished jobs does not have.
            connection.execute("vacuum full public.generation_jobs")
            connection.execute(_QUEUE, [queued])
            connection.execute("vacuum (analyze)")
        series = await take_turns(
            {FULL: _claiming(of_full), EMPTY: _claiming(of_empty)},
            rounds=rounds,
            warm_up=20,
        )
    return [
        Finding(
            title=f"a claim of {BATCH} jobs, including its commit",
            unit="ms",
            settings={"finished": _size(full), "queued": f"{long:,} and {short:,}", "rounds": rounds},
            series=series,
            ratios=(Ratio(ours=FULL, rival=EMPTY, reach=AtMost(1.3)),),
        )
    ]


def _claiming(connection: Connection) -> Contestant:
    """Measure a claim, and then replace the claimed jobs without measuring, so that the queue keeps its length."""

    async def contestant() -> float:
        start = time.perf_counter()
        ((claimed,),) = connection.execute(_CLAIM, [uuid4(), BATCH]).fetchall()
        taken = (time.perf_counter() - start) * 1000
        assert claimed == BATCH
        connection.execute("delete from public.generation_jobs where id in (select job_id from gjobs.job_leases)")
        connection.execute(_QUEUE, [BATCH])
        return taken

    return contestant


def _size(database: FilledDatabase) -> str:
    return f"{database.jobs:,}"
