"""A write doesn't wait for a count. The count is cancelled on the server and run again afterwards."""

import asyncio

import pytest
from sqlalchemy import text

from gjobs.store.database.query import Query, TimeLimits, make_number
from gjobs.store.errors import Unreachable
from gjobs.store.system.async_tools import PriorityGate
from gjobs.store.users.actor import OPERATOR
from tests.store.poller_source import ControlledSource
from tests.store.store_fixtures import Db, until

_LONG = "select 1 from pg_sleep(60)"


async def asked(gate: PriorityGate, source: ControlledSource) -> "asyncio.Future[str]":
    """Ask in the background. The answer waits for the gate of the source."""
    source.gate.clear()
    asking = asyncio.ensure_future(gate.run_in_background(lambda: source.fetch("q")))
    await source.reached.wait()
    return asking


async def test_background_query_is_cancelled_for_the_foreground_and_run_again(source: ControlledSource) -> None:
    gate = PriorityGate()
    asking = await asked(gate, source)
    with gate.foreground(), gate.foreground():
        await until(lambda: source.cancelled == 1)
        source.gate.set()
        await asyncio.sleep(0)
        assert source.asked == ["q"]
    assert await asking == "q!"
    assert source.asked == ["q", "q"]
    assert source.most_in_flight == 1


@pytest.mark.parametrize("is_kept", [True, False])
async def test_answer_within_the_patience_is_kept_unless_the_foreground_work_invalidates_it(
    source: ControlledSource, is_kept: bool
) -> None:
    gate = PriorityGate(patience=lambda: 60.0)
    asking = await asked(gate, source)
    with gate.foreground(invalidates=not is_kept), gate.foreground(invalidates=False):
        await asyncio.sleep(0)
        source.gate.set()
        await until(lambda: source.in_flight == 0)
        await asyncio.sleep(0)
        if is_kept:
            await until(asking.done)
    assert await asking == "q!"
    assert (source.asked, source.cancelled) == (["q"] if is_kept else ["q", "q"], 0)


async def test_background_query_does_not_start_during_foreground_work(source: ControlledSource) -> None:
    gate = PriorityGate()
    with gate.foreground():
        asking = asyncio.ensure_future(gate.run_in_background(lambda: source.fetch("q")))
        with gate.foreground():
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert source.asked == []
    assert await asking == "q!"


async def test_short_foreground_work_also_restarts_a_background_query(source: ControlledSource) -> None:
    gate = PriorityGate()
    asking = await asked(gate, source)
    with gate.foreground():
        pass
    await until(lambda: source.asked == ["q", "q"])
    source.gate.set()
    assert await asking == "q!"
    assert source.cancelled == 1


async def test_background_query_passes_its_failure_to_its_caller(source: ControlledSource) -> None:
    source.failures = [Unreachable("away")]
    with pytest.raises(Unreachable):
        await PriorityGate().run_in_background(lambda: source.fetch("q"))


async def test_background_query_can_be_cancelled(source: ControlledSource) -> None:
    gate = PriorityGate()
    asking = await asked(gate, source)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (source.in_flight, source.cancelled) == (0, 1)


async def test_a_write_stops_a_running_count(db: Db) -> None:
    """Two counts hold both connections, so that the write would otherwise wait a minute."""
    job_id = db.make_job()
    database = db.operator.database
    count = Query(text(_LONG), make_number)

    def running() -> int:
        ((number,),) = db.sql("select count(*) from pg_stat_activity where query = %s and state = 'active'", [_LONG])
        return int(number)

    async def run_count() -> None:
        await database.priority.run_in_background(
            lambda: database.read(OPERATOR, count, limits=TimeLimits(statement=60.0))
        )

    counts = [asyncio.ensure_future(run_count()) for _ in range(2)]
    await until(lambda: running() == 2)
    async with asyncio.timeout(30):
        await db.operator.transition_job_status(job_id, "running")
    await until(lambda: running() == 2)
    for asking in counts:
        asking.cancel()
    await asyncio.gather(*counts, return_exceptions=True)
    await until(lambda: running() == 0)
