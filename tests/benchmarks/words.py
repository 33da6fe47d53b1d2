"""A rare word among many jobs of one project, with and without the trigram index, and what the index costs."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from random import Random
from statistics import fmean

import psycopg

from gjobs.store.database.database import Database
from gjobs.store.embedded.server_files import throw_away_dir
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import ListingQuery, ListQuery, RowWindowQuery
from gjobs.store.jobs.job import USUAL_MODES
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser
from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.errors import ERROR_OF_ITS_OWN, change_all, connect_as_administrator
from tests.benchmarks.harness import AtMost, Contestant, Effort, Finding, Ratio, take_turns
from tests.benchmarks.lists import ROWS, timed
from tests.benchmarks.sizes import many
from tests.other_server import open_other_server
from tests.trigrams import SCHEMA, WORD_INDEX, programs_with_trigrams

WORD, MATCHES = "jabberwocky", 20

INDEXED, PLAIN = "the operator, with the index", "the operator, without the index"

USER_INDEXED, USER_PLAIN = "the project's owner, with the index", "the project's owner, without the index"

WRITES_INDEXED, WRITES_PLAIN = "with the index", "without the index"

_STACK = "    at generateImage (/app/generate-image.ts:142:11)\n" * 10

_ONE_PROJECT = f"""
update public.generation_jobs set user_id = %(user)s, project_id = %(project)s,
    error = case when error is not null then {ERROR_OF_ITS_OWN} end
"""  # noqa: S608 - of constants
_RARE = """
update public.generation_jobs set error = %(error)s
 where id in (select id from public.generation_jobs order by id limit %(matches)s)
"""


async def words(effort: Effort, databases: Databases) -> list[Finding]:
    """Return nothing without a server that has pg_trgm."""
    with _with_trigrams(effort) as others:
        if others is None:
            return []
        with others.copy_of(others.of(many(effort))) as plain:
            _prepare(plain)
            with others.copy_of(plain) as indexed:
                _build_index(indexed)
                return [
                    await _compare(effort, indexed, plain),
                    await _failures(effort, indexed, plain, "the mean write", fmean),
                    await _failures(effort, indexed, plain, "the slowest write of a round", max),
                ]


@contextmanager
def _with_trigrams(effort: Effort) -> Iterator[Databases | None]:
    programs = programs_with_trigrams()
    if programs is None:
        yield None
        return
    data_dir, settings = throw_away_dir(), {"fsync": "off"} if effort.quick else {}
    with open_other_server(data_dir, programs=programs, settings=settings, grace=0.1) as lease:
        yield Databases(data_dir, lease.conninfo)


def _prepare(database: FilledDatabase) -> None:
    """Give all jobs to one project, most failures an error of their own, and some jobs the word."""
    values = {
        "user": database.owner.id,
        "project": database.owner.projects[0],
        "error": f"The printer of {WORD.title()} is on fire",
        "matches": MATCHES,
    }
    change_all(database, _ONE_PROJECT, _RARE, values=values)


def _build_index(database: FilledDatabase) -> None:
    """Run the statements that the doctor prints."""
    with connect_as_administrator(database) as connection:
        connection.execute(f"create schema {SCHEMA}".encode())
        connection.execute(f"grant usage on schema {SCHEMA} to public".encode())
        for statement in WORD_INDEX:
            connection.execute(statement.encode())


async def _compare(effort: Effort, indexed: FilledDatabase, plain: FilledDatabase) -> Finding:
    rounds, owner = effort.choose(9, quick=1), ActingUser(id=plain.owner.id, email=None)
    listed = ListQuery(project_id=plain.owner.projects[0], job_filter=parse(WORD, now=datetime.now(UTC)))
    query = ListingQuery(window=RowWindowQuery(listed=listed, after=ROWS))
    async with (
        Store(Database(indexed.conninfo), OPERATOR) as store,
        Store(Database(plain.conninfo), OPERATOR) as slow_store,
        Store(Database(indexed.conninfo), owner) as users,
        Store(Database(plain.conninfo), owner) as slow_users,
    ):
        contestants = {INDEXED: store, PLAIN: slow_store, USER_INDEXED: users, USER_PLAIN: slow_users}
        for each in contestants.values():
            assert len((await each.get_listing(query)).window.jobs) == MATCHES
        series = await take_turns(
            {name: timed(partial(each.get_listing, query), 1) for name, each in contestants.items()}, rounds=rounds
        )
    return Finding(
        title="a rare word among the jobs of one project",
        unit="ms",
        settings={"jobs": plain.jobs, "matches": MATCHES, "rounds": rounds, "PostgreSQL": _version(plain)},
        series=series,
        ratios=(Ratio(ours=INDEXED, rival=PLAIN, reach=AtMost(0.05)), Ratio(ours=USER_INDEXED, rival=USER_PLAIN)),
    )


def _version(database: FilledDatabase) -> int:
    with database.connect() as connection:
        return connection.info.server_version // 10_000


async def _failures(
    effort: Effort,
    indexed: FilledDatabase,
    plain: FilledDatabase,
    measured: str,
    summarize: Callable[[Sequence[float]], float],
) -> Finding:
    rounds, jobs = effort.choose(9, quick=1), effort.choose(1000, quick=5)
    with indexed.connect() as to_indexed, plain.connect() as to_plain:
        series = await take_turns(
            {
                WRITES_INDEXED: _failing(to_indexed, indexed, jobs, summarize),
                WRITES_PLAIN: _failing(to_plain, plain, jobs, summarize),
            },
            rounds=rounds,
        )
    return Finding(
        title=f"what the index for words costs when a job fails: {measured}",
        unit="ms",
        settings={"jobs": plain.jobs, "jobs a round": jobs, "rounds": rounds, "PostgreSQL": _version(plain)},
        series=series,
        ratios=(Ratio(ours=WRITES_INDEXED, rival=WRITES_PLAIN),),
    )


def _failing(
    connection: psycopg.Connection, database: FilledDatabase, jobs: int, summarize: Callable[[Sequence[float]], float]
) -> Contestant:
    """Return a contestant that inserts jobs, and measures how long it takes to store the error of each. Every error is
    different. Some writes also merge the entries that the index has collected.
    """
    random = Random(0)  # noqa: S311

    async def contestant() -> float:
        created = connection.execute(
            "insert into public.generation_jobs (user_id, project_id, mode, status)"
            " select %s, %s, %s, 'running' from generate_series(1, %s) returning id",
            [database.owner.id, database.owner.projects[0], USUAL_MODES[0], jobs],
        ).fetchall()
        times = []
        for (job,) in created:
            error = json.dumps({"message": f"The service answered 503, request {random.random()}", "stack": _STACK})
            start = time.perf_counter()
            connection.execute(
                "update public.generation_jobs set status = 'failed', error = %s where id = %s", [error, job]
            )
            times.append((time.perf_counter() - start) * 1000)
        return summarize(times)

    return contestant
