"""LoadMeter adds up the load of a session over the last minute."""

import pytest
from sqlalchemy import text

from gjobs.store.database.database import Database
from gjobs.store.database.load_meter import LoadMeter, Traffic
from gjobs.store.database.query import Query, make_number
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
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
