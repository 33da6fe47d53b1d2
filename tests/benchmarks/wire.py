"""The traffic of the dashboard and of commands, and what a delayed network adds to their time."""

import asyncio
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from textual.message import Message

from gjobs.store.database.database import Database
from gjobs.store.embedded.cluster import find_binaries
from gjobs.store.job_list.list_query import ListingQuery, RowWindowQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.store.store import Store
from gjobs.tui.dashboard.session.session_poller import ListPolled
from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import AtMost, Contestant, Effort, Finding, Ratio, Reach, Series, take_turns
from tests.benchmarks.sizes import QUICK
from tests.benchmarks.startup import FIRST_ROWS, GJOBS, OURS_AND_BARE, milliseconds_to, plain_environment
from tests.benchmarks.watched_dashboard import PATIENCE, SIZE, WatchedApp
from tests.benchmarks.wire_proxy import Traffic, WireProxy, wire_proxy

ROWS = 200

FEW_ROWS = 20

DELAY = 0.05
"""Seconds that each direction takes, where nothing else is stated."""

DELAYS = (0.0, DELAY, 0.15)

MINUTE = 60.0

_LIST = """
select id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at
  from public.generation_jobs order by created_at desc, id desc limit {}"""

WHOLE_LIST = "the whole list, raw psycopg"

POLLED = "the list polled every 2 s, raw psycopg"

APP_SCHEMA, NOTIFIED = "dashboard on the app's own schema", "dashboard on a migrated database"

CHANGED = "a refresh after one of the jobs has changed"

CONNECTED, ANSWERED = "from connecting to the first rows", "a transition on an open connection"

ANSWERED_AT_ONCE = "a transition while all other queries are unanswered"

CONNECTED_AS_USER = "the same, acting as a user"

PSQL, PSQL_FEW = f"psql -c with {ROWS} rows", f"psql -c with {FEW_ROWS} rows"

LISTED = f"gjobs jobs list --limit {FEW_ROWS}"


async def wire(effort: Effort, databases: Databases) -> list[Finding]:
    with (
        databases.with_app_schema(ROWS) as plain,
        databases.copy_of(databases.of(effort.choose(ROWS, quick=QUICK))) as migrated,
        wire_proxy(databases.server) as proxy,
    ):
        return [
            *await _idle(effort, proxy, plain, migrated),
            await _changed(effort, proxy, plain),
            await _round_trips(effort, proxy, plain),
            *[await _times(effort, proxy, plain, databases.data_dir, delay) for delay in _delays(effort)],
        ]


def _delays(effort: Effort) -> Sequence[float]:
    return (0.0,) if effort.quick else DELAYS


class _ListeningApp(WatchedApp):
    """A dashboard that notes the traffic until its first rows."""

    def __init__(self, proxy: WireProxy, database: FilledDatabase, actor: str, work_dir: Path) -> None:
        super().__init__(proxy.url(database.conninfo), actor, work_dir)
        self._proxy = proxy
        self.until_rows: Traffic | None = None
        """None before the first rows."""

    def post_message(self, message: Message) -> bool:
        if isinstance(message, ListPolled) and self.until_rows is None:
            self.until_rows = self._proxy.traffic
        return super().post_message(message)


@asynccontextmanager
async def _dashboard(
    proxy: WireProxy, database: FilledDatabase, actor: str = "operator"
) -> AsyncIterator[_ListeningApp]:
    with tempfile.TemporaryDirectory() as work_dir:
        app = _ListeningApp(proxy, database, actor, Path(work_dir))
        async with app.run_test(headless=False, size=SIZE):
            async with asyncio.timeout(PATIENCE):
                await app.settled.wait()
            yield app
            # Wait, because an exit would disturb the parts of the screen that are still being mounted.
            await asyncio.sleep(1.0)
            app.exit()
            while app.is_running:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


async def _rest(effort: Effort, proxy: WireProxy, database: FilledDatabase) -> list[Traffic]:
    """Return the traffic of each minute after the first complete screen, or of the start in a quick run."""
    proxy.delay = DELAY
    before, minutes = proxy.traffic, list[Traffic]()
    async with _dashboard(proxy, database):
        if effort.quick:
            return [proxy.traffic.since(before)]
        for _ in range(_minutes(effort)):
            before = proxy.traffic
            await asyncio.sleep(MINUTE)
            minutes.append(proxy.traffic.since(before))
    return minutes


def _minutes(effort: Effort) -> int:
    return effort.choose(3, quick=1)


async def _idle(effort: Effort, proxy: WireProxy, plain: FilledDatabase, migrated: FilledDatabase) -> list[Finding]:
    proxy.delay = 0.0
    polled = Series(tuple([30 * (await _whole_list(proxy, plain)) for _ in range(_minutes(effort))]))
    rests = {APP_SCHEMA: await _rest(effort, proxy, plain), NOTIFIED: await _rest(effort, proxy, migrated)}
    settings = {"rows": ROWS, "interval": "default", "minutes": _minutes(effort)}

    def series(measured: str) -> dict[str, Series]:
        return {name: Series(tuple(float(getattr(one, measured)) for one in rest)) for name, rest in rests.items()}

    return [
        Finding(
            title="a minute of an idle dashboard, bytes in both directions",
            unit="bytes",
            settings=settings,
            series={**series("both"), POLLED: polled},
            ratios=(
                Ratio(ours=APP_SCHEMA, rival=POLLED, reach=AtMost(0.03)),
                Ratio(ours=NOTIFIED, rival=POLLED, reach=AtMost(0.005)),
            ),
        ),
        Finding(
            title="what the server sends in the same minutes",
            unit="bytes",
            settings=settings,
            series=series("received"),
        ),
        Finding(
            title="round trips in the same minutes",
            unit="",
            settings=settings,
            series=series("round_trips"),
            limits={NOTIFIED: AtMost(1)},
        ),
    ]


async def _whole_list(proxy: WireProxy, database: FilledDatabase) -> float:
    """Return the bytes of reading the list on an open connection."""
    conninfo = make_conninfo("", **proxy.conninfo(database.conninfo))
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        before = proxy.traffic
        cursor = await connection.execute(_LIST.format(ROWS).encode())
        assert len(await cursor.fetchall()) == ROWS
        return float(proxy.traffic.since(before).both)


async def _changed(effort: Effort, proxy: WireProxy, database: FilledDatabase) -> Finding:
    rounds, query, costs = effort.choose(9, quick=1), ListingQuery(window=RowWindowQuery(after=ROWS)), 1000
    proxy.delay = 0.0
    async with Store(Database(proxy.conninfo(database.conninfo))) as store:
        for _ in range(10):  # Statements are prepared after some uses.
            await store.get_listing(query)

        async def ours() -> float:
            nonlocal costs
            costs += 1
            _change_one(database, costs)
            before = proxy.traffic
            listing = await store.get_listing(query)
            assert sum(job.cost_cents == costs for job in listing.window.jobs) == 1
            return float(proxy.traffic.since(before).both)

        async def rival() -> float:
            return await _whole_list(proxy, database)

        series = await take_turns({CHANGED: ours, WHOLE_LIST: rival}, rounds=rounds)
    return Finding(
        title="bytes for one changed job",
        unit="bytes",
        settings={"rows": ROWS, "rounds": rounds},
        series=series,
        ratios=(Ratio(ours=CHANGED, rival=WHOLE_LIST, reach=AtMost(0.1)),),
    )


def _change_one(database: FilledDatabase, cost: int) -> None:
    with database.connect() as connection:
        connection.execute(
            "update public.generation_jobs set cost_cents = %s where id = "
            "(select id from public.generation_jobs order by created_at desc, id desc limit 1 offset 100)",
            [cost],
        )


async def _round_trips(effort: Effort, proxy: WireProxy, database: FilledDatabase) -> Finding:
    rounds = effort.choose(5, quick=1)
    proxy.delay = DELAY

    def start(actor: str) -> Contestant:
        async def contestant() -> float:
            before = proxy.traffic
            async with _dashboard(proxy, database, actor) as app:
                assert app.until_rows is not None
                return float(app.until_rows.since(before).round_trips)

        return contestant

    async def psql() -> float:
        before = proxy.traffic
        await asyncio.to_thread(_psql, proxy, database, ROWS)
        return float(proxy.traffic.since(before).round_trips)

    async with Store(Database(proxy.conninfo(database.conninfo))) as store:

        async def transition() -> float:
            job_id = _queue_one(database)
            before = proxy.traffic
            await store.transition_job_status(job_id, JobStatus.RUNNING)
            return float(proxy.traffic.since(before).round_trips)

        async def transition_at_once() -> float:
            await store.get_listing(ListingQuery())
            await store.database.prepare_write(1.0)
            proxy.holds_reads = True
            reads = [asyncio.create_task(store.get_listing(ListingQuery())) for _ in range(2)]
            try:
                async with asyncio.timeout(PATIENCE):
                    while proxy.held < len(reads):  # noqa: ASYNC110
                        await asyncio.sleep(0.005)
                    return await transition()
            finally:
                proxy.holds_reads = False
                await asyncio.gather(*reads)

        series = await take_turns(
            {
                CONNECTED: start("operator"),
                CONNECTED_AS_USER: start(str(database.owner.id)),
                PSQL: psql,
                ANSWERED: transition,
                ANSWERED_AT_ONCE: transition_at_once,
            },
            rounds=rounds,
        )
    return Finding(
        title="round trips, without TLS",
        unit="round trips",
        settings={"rounds": rounds},
        series=series,
        limits={CONNECTED: AtMost(4), CONNECTED_AS_USER: AtMost(4), ANSWERED: AtMost(2), ANSWERED_AT_ONCE: AtMost(2)},
    )


def _queue_one(database: FilledDatabase) -> UUID:
    """Queue the first job again, and return its id."""
    with database.connect() as connection:
        row = connection.execute(
            "update public.generation_jobs set status = 'queued' where id = "
            "(select id from public.generation_jobs order by id limit 1) returning id"
        ).fetchone()
        assert row
        job_id: UUID = row[0]
        return job_id


async def _times(effort: Effort, proxy: WireProxy, database: FilledDatabase, data_dir: Path, delay: float) -> Finding:
    rounds = effort.choose(9, quick=1)
    proxy.delay = delay
    url = proxy.url(database.conninfo)
    environment = plain_environment() | {"GJOBS_DATA_DIR": str(data_dir), "GJOBS_DATABASE_URL": url}

    async def start() -> float:
        return await asyncio.to_thread(milliseconds_to, OURS_AND_BARE[FIRST_ROWS], environment)

    def command(*arguments: str) -> Contestant:
        async def contestant() -> float:
            begin = time.perf_counter()
            await asyncio.to_thread(subprocess.run, arguments, env=environment, check=True, capture_output=True)
            return (time.perf_counter() - begin) * 1000

        return contestant

    def psql(rows: int) -> Contestant:
        return command(find_binaries().program("psql"), "-X", "-c", _LIST.format(rows), url)

    series = await take_turns(
        {
            FIRST_ROWS: start,
            PSQL: psql(ROWS),
            LISTED: command(GJOBS, "jobs", "list", "--limit", str(FEW_ROWS)),
            PSQL_FEW: psql(FEW_ROWS),
        },
        rounds=rounds,
    )

    def reach(bound: float) -> Reach | None:
        return AtMost(bound) if delay == DELAY else None

    return Finding(
        title=f"time at {delay * 2000:g} ms round trip",
        unit="ms",
        settings={"rows": ROWS, "rounds": rounds},
        series=series,
        ratios=(
            Ratio(ours=FIRST_ROWS, rival=PSQL, reach=reach(2.0)),
            Ratio(ours=LISTED, rival=PSQL_FEW, reach=reach(1.6)),
        ),
    )


def _psql(proxy: WireProxy, database: FilledDatabase, rows: int) -> None:
    command = [find_binaries().program("psql"), "-X", "-c", _LIST.format(rows), proxy.url(database.conninfo)]
    subprocess.run(command, check=True, capture_output=True)
