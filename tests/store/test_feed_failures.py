"""A feed in trouble: failures, back-off, refused sign-ins, cancellation, a dead link."""

import asyncio
from contextlib import aclosing

import pytest

from store.database.database import Database
from store.errors import SignInRefused, TimedOut, Unreachable
from store.job_list.list_query import ListingQuery
from store.job_list.listing import Listing
from store.poller import Poller
from store.store import Store
from tests.conftest import Conninfo
from tests.store.feeding import NEVER, SOON, Reader, Source, ticking
from tests.store.servers import proxied
from tests.store.support import NOW, Sql


class TestFailures:
    async def test_failures_are_reported_with_their_start_and_end_with_a_result(self, source: Source) -> None:
        source.failures = [Unreachable("away"), TimedOut("slow")]
        reader = Reader(Poller(source.fetch, "q", interval=SOON, clock=ticking()))
        first, second = await reader.next_failure(), await reader.next_failure()
        assert (first.number, first.attempts, str(first.error), first.since) == (1, 1, "away", NOW)
        assert (second.number, second.attempts, str(second.error), second.since) == (2, 2, "slow", NOW)
        assert (first.retry_in, second.retry_in) == (SOON, 2 * SOON)
        assert (await reader.next_page()).number == 3
        source.failures = [Unreachable("away again")]
        third = await reader.next_failure()
        assert (third.number, third.attempts) == (4, 1)
        assert third.since > NOW

    async def test_refused_sign_in_is_retried_only_on_request(self, source: Source) -> None:
        source.failures = [SignInRefused("wrong password"), SignInRefused("wrong password")]
        feed = Poller(source.fetch, "q", interval=SOON)
        reader = Reader(feed)
        assert (await reader.next_failure()).retry_in is None
        waiting = await reader.nothing_comes()
        feed.interval = SOON / 2
        feed.pause()
        await asyncio.sleep(20 * SOON)
        assert not waiting.done()
        assert len(source.asked) == 1
        feed.refresh()
        assert (await waiting).number == 2
        feed.ask("other")
        assert (await reader.next_page()).value == "other!"

    async def test_any_other_exception_ends_the_poller(self, source: Source) -> None:
        source.failures = [ZeroDivisionError()]
        reader = Reader(Poller(source.fetch, "q", interval=SOON))
        with pytest.raises(ZeroDivisionError):
            await reader.next()

    @pytest.mark.parametrize(("sqlstate", "seconds"), [("57014", 10.0), (None, SOON)])
    async def test_query_that_the_server_timed_out_counts_as_load(self, sqlstate: str | None, seconds: float) -> None:
        async def fetch(question: str) -> str:
            await asyncio.sleep(SOON)
            raise TimedOut("slow", sqlstate=sqlstate)

        failure = await Reader(Poller(fetch, "q", interval=SOON, share=seconds / SOON)).next_failure()
        assert failure.retry_in is not None
        assert (failure.retry_in >= 10.0) == (sqlstate is not None)


@pytest.mark.parametrize("when", ["during a poll", "between two polls", "by leaving the result loop"])
async def test_stopped_poller_leaves_no_task(source: Source, when: str) -> None:
    feed = Poller(source.fetch, "q", interval=SOON if "loop" in when else NEVER)
    if "loop" in when:
        async with aclosing(feed.results()) as pages:
            async for page in pages:
                if page.number == 2:
                    break
    else:
        reader = Reader(feed)
        if when == "during a poll":
            source.gate.clear()
            reading = asyncio.ensure_future(reader.next())
            await source.reached.wait()
        else:
            await reader.next_page()
            reading = await reader.nothing_comes()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert (source.in_flight, source.cancelled) == (0, when == "during a poll")
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_poll_on_a_silent_connection_can_be_cancelled_quickly(database: Conninfo, sql: Sql) -> None:
    """Neither for the answer to another question, nor for the end of the program."""
    async with proxied(database) as (proxy, through_proxy), Store(Database(through_proxy)) as store:
        asked = asyncio.Event()

        async def look(query: ListingQuery) -> Listing:
            asked.set()
            return await store.get_listing(query)

        pages = Poller(look, ListingQuery(), interval=SOON).results()
        await anext(pages)
        proxy.fall_silent()
        asked.clear()
        reading = asyncio.ensure_future(anext(pages))
        await asked.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        reading.cancel()
        stopped, _ = await asyncio.wait({reading}, timeout=4.5)
        assert stopped
        assert reading.cancelled()
