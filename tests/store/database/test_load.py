"""The load of a session: queries, times, bytes, and round trips."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from gjobs.store.database.database import Database
from gjobs.store.database.load_meter import LoadMeter, Traffic, TrafficMeter, read_traffic
from gjobs.store.database.query import Query, make_number
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import ListingQuery, ListQuery, RowWindowQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import Applied, Refused
from gjobs.store.journal.journal import Journal, read_journal
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
from tests.benchmarks.wire_proxy import WireProxy, wire_proxy
from tests.conftest import Conninfo
from tests.store.store_fixtures import Db


class Clocks:
    """A wall clock and a processor clock that the test advances."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.processor = 5.0
        self.meter = LoadMeter(clock=lambda: self.now, processor=lambda: self.processor)

    def advance(self, seconds: float, *, processor: float = 0.0) -> None:
        self.now += seconds
        self.processor += processor

    def run(self, seconds: float, *, queries: int = 1) -> None:
        with self.meter.measured():
            self.meter.count(queries)
            self.advance(seconds)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def test_load_adds_up_queries_and_times_from_zero(clocks: Clocks) -> None:
    load = clocks.meter.last_minute()
    assert (load.over, load.queries, load.database_time, load.processor_time) == (0, 0, 0, 0)
    assert (load.processor_share, load.includes_start) == (0, True)
    clocks.run(0.25, queries=3)
    clocks.advance(9.5, processor=0.5)
    clocks.run(0.25)
    load = clocks.meter.last_minute()
    assert (load.over, load.queries, load.database_time, load.processor_time) == (10.0, 4, 0.5, 0.5)
    assert (load.processor_share, load.includes_start) == (0.05, True)


def test_load_older_than_a_minute_is_dropped(clocks: Clocks) -> None:
    clocks.run(5.0, queries=100)
    for _ in range(59):
        clocks.advance(1.5, processor=0.01)
        clocks.run(0.5)
    load = clocks.meter.last_minute()
    assert (load.over, load.queries, load.database_time, load.includes_start) == (60.0, 30, 15.0, False)
    assert load.processor_time == pytest.approx(0.3)


def test_load_has_the_bytes_of_the_last_minute_and_the_fastest_of_the_last_answers(clocks: Clocks) -> None:
    found: list[Traffic | None] = [None]
    meter = LoadMeter(clock=lambda: clocks.now, processor=lambda: 0.0, traffic=lambda: found[0])
    assert (meter.last_minute().traffic, meter.last_minute().round_trip) == (None, None)
    for sent, seconds in ((100, 0.4), (300, 0.2), (600, 0.3)):
        found[0] = Traffic(sent=sent, received=10 * sent)
        with meter.measured():
            clocks.advance(seconds)
    assert meter.last_minute().traffic == Traffic(sent=600, received=6000)
    assert meter.last_minute().round_trip == pytest.approx(0.2)
    clocks.advance(61)
    found[0] = Traffic(sent=700, received=7000)
    assert meter.last_minute().traffic == Traffic(sent=100, received=1000)


def test_slower_network_shows_with_the_next_answers_and_a_slow_query_does_not(clocks: Clocks) -> None:
    def answered_after(seconds: float, *, pause: float) -> float | None:
        clocks.advance(pause)
        clocks.run(seconds)
        return clocks.meter.last_minute().round_trip

    assert answered_after(0.01, pause=0.0) == pytest.approx(0.01)
    assert answered_after(5.0, pause=2.0) == pytest.approx(0.01), "a slow query"
    assert answered_after(0.4, pause=2.0) == pytest.approx(0.01)
    assert answered_after(0.4, pause=2.0) == pytest.approx(0.4), "the third in a row"
    assert answered_after(0.01, pause=2.0) == pytest.approx(0.01)
    assert answered_after(0.6, pause=60.0) == pytest.approx(0.6), "the only answer after a rest"


def test_load_covers_the_time_since_the_last_query_after_a_long_pause(clocks: Clocks) -> None:
    clocks.run(1.0)
    clocks.advance(600.0, processor=1.0)
    load = clocks.meter.last_minute()
    assert (load.over, load.queries, load.database_time, load.processor_time) == (600.0, 0, 0.0, 1.0)


def test_lost_answer_counts_as_database_time_but_not_as_round_trip(clocks: Clocks) -> None:
    def fail() -> None:
        with clocks.meter.measured():
            clocks.advance(0.2)
            raise ZeroDivisionError

    clocks.run(0.6)
    with pytest.raises(ZeroDivisionError):
        fail()
    load = clocks.meter.last_minute()
    assert load.database_time == pytest.approx(0.8)
    assert load.round_trip == pytest.approx(0.6)


async def test_database_counts_its_queries(operator: Store, db: Db) -> None:
    job_id = db.make_job()
    database: Database = operator.database
    database.use_user_columns(set())
    one = Query(text("select 1"), make_number)
    await database.read_together(OPERATOR, one, one)
    assert database.load.last_minute().queries == 2
    async with database.snapshot() as snapshot:
        await snapshot.read(OPERATOR, one, one, one)
    assert database.load.last_minute().queries == 5
    await operator.transition_job_status(job_id, "running")
    load = database.load.last_minute()
    assert load.queries > 5
    assert 0 < load.database_time <= load.over


class Connection(socket.socket):
    closed = False


@pytest.fixture
def pairs() -> Iterator[list[tuple[Connection, socket.socket]]]:
    with ExitStack() as stack:
        found = []
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for _ in range(2):
            ours = stack.enter_context(Connection())
            ours.connect(listener.getsockname())
            found.append((ours, stack.enter_context(listener.accept()[0])))
        yield found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the bytes of a socket")
def test_meter_adds_up_bytes_of_open_and_closed_connections(pairs: list[tuple[Connection, socket.socket]]) -> None:
    meter = TrafficMeter()
    assert meter.total() is None
    for number, (ours, other) in enumerate(pairs, start=1):
        meter.add(ours)
        ours.sendall(bytes(1000 * number))
        assert len(other.recv(1000 * number, socket.MSG_WAITALL)) == 1000 * number
        other.sendall(bytes(70_000 * number))
        ours.recv(70_000 * number, socket.MSG_WAITALL)
    total = meter.total()
    assert total is not None
    # The system may count the start of a connection as a byte.
    assert total.received == 210_000
    assert total.sent in range(3000, 3003)

    pairs[0][0].closed = True
    pairs[1][1].sendall(bytes(5))
    pairs[1][0].recv(5, socket.MSG_WAITALL)
    after = meter.total()
    assert after is not None
    assert (after - total).received == 5


def test_unix_sockets_are_not_counted() -> None:
    ours, other = socket.socketpair()
    with ours, other:
        assert read_traffic(ours.fileno()) is None
    assert Traffic(3, 2) - Traffic(1, 1) == Traffic(2, 1)


QUERY = ListingQuery(window=RowWindowQuery(after=20))


@pytest.fixture
def proxy(database: Conninfo) -> Iterator[WireProxy]:
    with wire_proxy(database) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: WireProxy, database: Conninfo, tmp_path: Path) -> AsyncIterator[Store]:
    journal = Journal(tmp_path / "journal", database="testbase")
    async with Store(Database(proxy.conninfo(database), journal=journal)) as store:
        yield store


async def test_first_list_takes_four_round_trips_and_the_next_one(proxy: WireProxy, store: Store, db: Db) -> None:
    db.make_job()
    await store.capability_cache.get()
    first = await store.get_listing(QUERY)
    assert len(first.window.jobs) == 1
    assert proxy.traffic.round_trips == 4  # two to connect, one for the capabilities, one for the rows
    await store.get_listing(QUERY)
    assert proxy.traffic.round_trips == 5


async def test_names_in_a_filter_take_one_more_round_trip(proxy: WireProxy, store: Store, db: Db) -> None:
    job_id = db.make_job()
    listed = ListQuery(job_filter=parse("user:ada@example.com,ben@example.com project:catalog"))
    query = ListingQuery(window=RowWindowQuery(listed=listed, after=20))
    await store.get_listing(query)
    before = proxy.traffic
    assert [job.id for job in (await store.get_listing(query)).window.jobs] == [job_id]
    assert proxy.traffic.since(before).round_trips == 2


async def test_transition_takes_two_round_trips_while_all_other_connections_wait_for_answers(
    proxy: WireProxy, store: Store, db: Db
) -> None:
    job_id = db.make_job(status=JobStatus.QUEUED)
    proxy.delay = 0.03
    await store.get_listing(QUERY)
    await store.database.prepare_write(1.0)
    proxy.holds_reads = True
    reads = [asyncio.create_task(store.get_listing(QUERY)) for _ in range(3)]
    async with asyncio.timeout(5.0):
        while proxy.held < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    before = proxy.traffic
    async with asyncio.timeout(5.0):
        assert isinstance(await store.transition_job_status(job_id, JobStatus.RUNNING), Applied)
    assert proxy.traffic.since(before).round_trips == 2
    assert proxy.held == 2
    proxy.holds_reads = False
    await asyncio.gather(*reads)


async def test_journaled_write_takes_two_round_trips(proxy: WireProxy, store: Store, db: Db, tmp_path: Path) -> None:
    job_id = db.make_job(status=JobStatus.QUEUED)
    await store.get_listing(QUERY)
    before = proxy.traffic
    assert isinstance(await store.transition_job_status(job_id, JobStatus.RUNNING), Applied)
    assert proxy.traffic.since(before).round_trips == 2
    assert isinstance(await store.transition_job_status(job_id, JobStatus.RUNNING), Refused)
    (entry,) = read_journal(tmp_path / "journal").entries
    assert entry.ids == (job_id,)
    assert await store.get_job_statuses([job_id]) == {job_id: JobStatus.RUNNING}
