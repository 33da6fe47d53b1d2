"""Transitions of single jobs with and without the triggers of gjobs."""

import asyncio
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Event, Thread

from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from gjobs.store.embedded.cluster import find_binaries
from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import AtLeast, Contestant, Effort, Finding, Ratio, take_turns
from tests.benchmarks.sizes import many

CLIENTS = 4

CHANNEL, LISTENERS_LOCK = "gjobs_jobs", (1735353442, 1)

WITH, WITHOUT, LISTENED = "with all triggers", "without the triggers of gjobs", "with all triggers and one listener"

BUDGETED = "with all triggers, and budgets of every user and project"

MOVING = 20_000
"""The number of jobs to choose from, so that two clients rarely change the same job."""

_MOVE = """
update public.generation_jobs set status = case status when 'running' then 'succeeded' else 'running' end
where id = (select id from benchmark.moving where number = :number)"""

_MOVABLE = """
create schema if not exists benchmark;
create table benchmark.moving (number integer primary key, id uuid not null)"""

_FILL_MOVABLE = """
insert into benchmark.moving select row_number() over (), id from (
    select id from public.generation_jobs order by id limit %s) chosen"""

_LIMIT_EVERY = """
insert into gjobs.budgets ({subject}, period, limit_cents)
select id, period, 1000000000000 from {table}, unnest(array['day', 'month', 'all']) as period"""

_OURS = """
select tgname from pg_trigger t join pg_proc f on f.oid = t.tgfoid
where t.tgrelid = 'public.generation_jobs'::regclass and not tgisinternal and f.pronamespace = 'gjobs'::regnamespace"""


async def transitions(effort: Effort, databases: Databases) -> list[Finding]:
    amount, rounds = ("--transactions=5" if effort.quick else "--time=5"), effort.choose(7, quick=1)
    filled = databases.of(many(effort))
    with databases.copy_of(filled) as ours, databases.copy_of(filled) as plain:
        for database in (ours, plain):
            with database.connect() as connection:
                _choose(connection)
        with plain.connect() as connection:
            _drop_our_triggers(connection)
        series = await take_turns(
            {
                WITH: _moving(ours, amount),
                WITHOUT: _moving(plain, amount),
                LISTENED: _moving(ours, amount, _listener),
                BUDGETED: _moving(ours, amount, _budgets_of_everybody),
            },
            rounds=rounds,
        )
    return [
        Finding(
            title="status changes of single jobs",
            unit="a second",
            settings={
                "jobs": filled.jobs,
                "clients": CLIENTS,
                "synchronous_commit": "on",
                "by": "pgbench",
                "a round": amount,
                "rounds": rounds,
            },
            series=series,
            ratios=(
                Ratio(ours=WITH, rival=WITHOUT, reach=AtLeast(0.6)),
                Ratio(ours=BUDGETED, rival=WITH, reach=AtLeast(0.7)),
                Ratio(ours=LISTENED, rival=WITHOUT),
            ),
        )
    ]


def _choose(connection: Connection) -> None:
    connection.execute(_MOVABLE)
    connection.execute(_FILL_MOVABLE, [MOVING])


def _drop_our_triggers(connection: Connection) -> None:
    for (name,) in connection.execute(_OURS).fetchall():
        connection.execute(SQL("drop trigger {} on public.generation_jobs").format(Identifier(name)))


def _moving(
    database: FilledDatabase,
    amount: str,
    during: Callable[[FilledDatabase], AbstractContextManager[object]] = nullcontext,
) -> Contestant:
    async def contestant() -> float:
        with during(database):
            return await asyncio.to_thread(_transitions_a_second, database, amount)

    return contestant


@contextmanager
def _budgets_of_everybody(database: FilledDatabase) -> Iterator[None]:
    """Create budgets: six apply to each job, and none is low enough to refuse a job."""
    with database.connect() as connection:
        for subject, table in (("user_id", "auth.users"), ("project_id", "public.projects")):
            connection.execute(_LIMIT_EVERY.format(subject=subject, table=table).encode())
        yield
        connection.execute("delete from gjobs.budgets")


def _transitions_a_second(database: FilledDatabase, amount: str) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(f"\\set number random(1, {MOVING})\n{_MOVE};\n")
        script.flush()
        options = ["--no-vacuum", f"--client={CLIENTS}", "--jobs=1", amount, f"--file={script.name}"]
        address = make_conninfo("", **{**database.conninfo, "options": "-c synchronous_commit=on"})
        done = subprocess.run(
            [find_binaries().program("pgbench"), *options, address], capture_output=True, text=True, check=True
        )
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


@contextmanager
def _listener(database: FilledDatabase) -> Iterator[None]:
    """Listen like the dashboard: with the client lock, and reading all notifications."""
    ended = Event()
    with database.connect() as connection:
        connection.execute("select pg_advisory_lock_shared(%s, %s)", LISTENERS_LOCK)
        connection.execute(f"listen {CHANNEL}".encode())
        reader = Thread(target=_read_until, args=(connection, ended))
        reader.start()
        try:
            yield
        finally:
            ended.set()
            reader.join()


def _read_until(connection: Connection, ended: Event) -> None:
    while not ended.is_set():
        for _ in connection.notifies(timeout=0.1):
            pass
