"""What gjobs costs the app's server: CPU, WAL and disk space of the app's writes, compared with the app's schema alone.

The CPU is that of the server's process, which Linux shows in /proc, so other programs on the machine matter little.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import cycle
from pathlib import Path
from uuid import uuid4

from psycopg import Connection

from tests.benchmarks import raw_psycopg
from tests.benchmarks.database import Databases, FilledDatabase, open_databases
from tests.benchmarks.harness import AtMost, Contestant, Effort, Finding, Ratio, Reach, Series, take_turns
from tests.benchmarks.sizes import few
from tests.benchmarks.statistics import CALL, install_specified, server_time

APP, GJOBS = "the app's schema", "with gjobs"

FOLDED, BUDGETED = "with gjobs, and folding of the events", "with gjobs, and a budget for every user"

TAIL, NO_TAIL = "10,000 events are not folded", "all events are folded"

SETTINGS = {"autovacuum": "off", "checkpoint_timeout": "1d", "max_wal_size": "8GB"}
"""Settings of the server, so that it writes nothing else meanwhile. The shared server of a quick run lacks them."""

_INSERT = """
insert into public.generation_jobs (id, user_id, project_id, mode, cost_cents)
values (%s, %s, %s, 'lifestyle', 40)"""

_INSERT_EVERYWHERE = """
insert into public.generation_jobs (user_id, project_id, mode) select user_id, id, 'lifestyle' from public.projects"""
"""So that the server has statistics of all tables that a job's life writes to."""

_UPDATE = "update public.generation_jobs set status = %s where id = %s"

_INSERT_MANY = """
insert into public.generation_jobs (user_id, project_id, mode, cost_cents)
select %s, %s, 'lifestyle', 2 from generate_series(1, %s) returning id"""

_UPDATE_MANY = "update public.generation_jobs set cost_cents = cost_cents + 1 where id = any (%s)"

_UPDATE_SOME = """
update public.generation_jobs set cost_cents = cost_cents + 1
where id in (select id from public.generation_jobs order by id limit 10000)"""

_ACT_AS = "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)"

_BUDGETS = "insert into gjobs.budgets (user_id, period, limit_cents) select id, 'month', 1000000000000 from auth.users"

_COUNT = "select gjobs.count_again()"
"""The rollups of a copied database are void until the jobs are counted."""

_FOLD = "select gjobs.fold_events(1000000)"

_DISK = """
select sum(pg_total_relation_size(oid)) + pg_relation_size('public.gjobs_queue') from pg_class
where relkind = 'r' and relnamespace = 'gjobs'::regnamespace"""

_WAL = "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"

Opened = Mapping[str, tuple[FilledDatabase, Connection]]
"""The database and the connection of each contestant."""


class Recorder:
    """The values of each contestant by what is measured: CPU in µs, WAL and disk space in bytes."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, name: str, **values: float) -> None:
        for kind, value in values.items():
            self._values[kind][name].append(value)

    def series(self, kind: str) -> dict[str, Series]:
        """Return the values without those of the warm-up."""
        return {name: Series(tuple(values[-self._rounds :])) for name, values in self._values[kind].items()}


async def footprint(effort: Effort, shared: Databases) -> list[Finding]:
    rounds = effort.choose(15, quick=1)
    with (
        nullcontext(shared) if effort.quick else open_databases(settings=SETTINGS) as databases,
        _opened(effort, databases) as opened,
    ):
        return [
            *await _lives(effort, opened, rounds),
            *await _many(effort, opened, rounds),
            await _tail(effort, opened, rounds),
        ]


@contextmanager
def _opened(effort: Effort, databases: Databases) -> Iterator[Opened]:
    filled = databases.of(few(effort))
    with ExitStack() as stack:
        opened = {
            APP: stack.enter_context(databases.with_app_schema(filled.jobs)),
            GJOBS: stack.enter_context(databases.copy_of(filled)),
            BUDGETED: stack.enter_context(databases.copy_of(filled)),
        }
        connections = {name: stack.enter_context(database.connect()) for name, database in opened.items()}
        connections[BUDGETED].execute(_BUDGETS)
        for name, connection in connections.items():
            connection.execute(_INSERT_EVERYWHERE)
            if name != APP:
                connection.execute(_COUNT)
            connection.execute("vacuum (analyze)")
            connection.execute("set synchronous_commit = off")
        yield {name: (opened[name], connections[name]) for name in opened}


async def _lives(effort: Effort, opened: Opened, rounds: int) -> list[Finding]:
    lives, recorder = effort.choose(300, quick=2), Recorder(rounds)
    contestants = {name: _living(name, connection, lives, recorder) for name, (_, connection) in opened.items()}
    await take_turns(contestants, rounds=rounds)
    title = "a job's life, an insert and two updates"
    settings = {"lives a round": lives, "rounds": rounds, "synchronous_commit": "off"}
    return [
        Finding(
            title=f"{title}: CPU of the server",
            unit="µs",
            settings=settings,
            series=recorder.series("cpu"),
            ratios=_ratios({GJOBS: AtMost(2.5), FOLDED: AtMost(2.8), BUDGETED: AtMost(3.5)}),
        ),
        Finding(
            title=f"{title}: WAL",
            unit="bytes",
            settings=settings,
            series=recorder.series("wal"),
            ratios=_ratios({GJOBS: AtMost(1.7), FOLDED: AtMost(1.9), BUDGETED: None}),
        ),
        Finding(
            title=f"{title}: disk space of gjobs",
            unit="bytes",
            settings=settings,
            series=recorder.series("disk"),
            limits={GJOBS: AtMost(1200)},
        ),
    ]


def _living(name: str, connection: Connection, lives: int, recorder: Recorder) -> Contestant:
    projects = cycle(connection.execute("select user_id, id from public.projects order by id").fetchall())

    def live() -> None:
        for _ in range(lives):
            job = uuid4()
            connection.execute(_INSERT, [job, *next(projects)])
            connection.execute(_UPDATE, ["running", job])
            connection.execute(_UPDATE, ["succeeded", job])

    async def contestant() -> float:
        disk = 0.0 if name == APP else _number(connection, _DISK)
        cpu, wal = _used(connection, live)
        recorder.add(name, cpu=cpu / lives, wal=wal / lives)
        if name == GJOBS:
            more_cpu, more_wal = _used(connection, lambda: connection.execute(_FOLD))
            recorder.add(FOLDED, cpu=(cpu + more_cpu) / lives, wal=(wal + more_wal) / lives)
        if name != APP:
            recorder.add(name, disk=(_number(connection, _DISK) - disk) / lives)
        return cpu

    return contestant


async def _many(effort: Effort, opened: Opened, rounds: int) -> list[Finding]:
    """Measure statements of a user that write many jobs, under row level security."""
    findings = []
    for title, statement, jobs in (
        ("an update of {:,} costs by a user", _UPDATE_MANY, effort.choose(2_600, quick=2)),
        ("an insert of {:,} jobs by a user", _INSERT_MANY, effort.choose(500, quick=2)),
    ):
        recorder = Recorder(rounds)
        contestants = {name: _writing(name, *place, statement, jobs, recorder) for name, place in opened.items()}
        await take_turns(contestants, rounds=rounds)
        findings += [
            Finding(
                title=f"{title.format(jobs)}: {what}",
                unit=unit,
                settings={"rounds": rounds, "synchronous_commit": "off"},
                series=recorder.series(kind),
                ratios=_ratios({GJOBS: reach, BUDGETED: None}),
            )
            for kind, what, unit, reach in (
                ("cpu", "CPU of the server", "µs", AtMost(2)),
                ("wal", "WAL", "bytes", None),
            )
        ]
    return findings


def _writing(
    name: str, database: FilledDatabase, connection: Connection, statement: str, jobs: int, recorder: Recorder
) -> Contestant:
    owner, project = database.owner.id, database.owner.projects[0]
    ids = [job for (job,) in connection.execute(_INSERT_MANY, [owner, project, jobs]).fetchall()]
    values = [ids] if statement == _UPDATE_MANY else [owner, project, jobs]

    def write() -> None:
        with connection.transaction():
            connection.execute(_ACT_AS, [raw_psycopg.claims(owner)])
            connection.execute(statement.encode(), values)

    async def contestant() -> float:
        connection.execute("vacuum public.generation_jobs")
        cpu, wal = _used(connection, write)
        recorder.add(name, cpu=cpu, wal=wal)
        return cpu

    return contestant


async def _tail(effort: Effort, opened: Opened, rounds: int) -> Finding:
    """Measure reading beside events that are not folded. The database with budgets has them."""
    times, contestants = effort.choose(20, quick=1), {}
    for name, place in ((TAIL, BUDGETED), (NO_TAIL, GJOBS)):
        database, connection = opened[place]
        install_specified(connection)
        connection.execute(_FOLD)
        if name == TAIL:
            connection.execute(_UPDATE_SOME)
        connection.execute("vacuum (analyze)")
        contestants[name] = server_time(connection, database, CALL, times)
    return Finding(
        title="the statistics of a user, server time",
        unit="ms",
        settings={"rounds": rounds},
        series=await take_turns(contestants, rounds=rounds),
        ratios=(Ratio(ours=TAIL, rival=NO_TAIL),),
        limits={TAIL: AtMost(20)},
    )


def _ratios(reaches: Mapping[str, Reach | None]) -> tuple[Ratio, ...]:
    return tuple(Ratio(ours=name, rival=APP, reach=reach) for name, reach in reaches.items())


def _used(connection: Connection, work: Callable[[], object]) -> tuple[float, float]:
    """Return the CPU in µs and the WAL in bytes that the connection's server process needs for the work."""
    clock = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    wal = _number(connection, _WAL)
    start = int(clock.read_text(encoding="ascii").split()[0])
    work()
    end = int(clock.read_text(encoding="ascii").split()[0])
    return (end - start) / 1000, _number(connection, _WAL) - wal


def _number(connection: Connection, query: str) -> float:
    row = connection.execute(query.encode()).fetchone()
    assert row
    return float(row[0])
