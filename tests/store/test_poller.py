"""The poll loop: results, one query in flight, new queries at once, failures, and its pace."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import timedelta

import pytest

from gjobs.store.database.database import Database
from gjobs.store.errors import SignInRefused, TimedOut, Unreachable
from gjobs.store.job_list.list_query import Listing, ListingQuery
from gjobs.store.poller import (
    LONGEST_COSTLY_WAIT,
    LONGEST_IDLE_WAIT,
    LONGEST_WAIT,
    LONGEST_WOKEN_WAIT,
    Poller,
    PollResult,
)
from gjobs.store.store import Store
from tests.conftest import Conninfo
from tests.store.faulty_servers import proxied
from tests.store.poller_source import NEVER, SOON, ControlledSource, Reader, Time, begins, followed, started, ticking
from tests.store.store_fixtures import NOW, Sql, until


async def test_poll_results_are_dated_and_timed(source: ControlledSource) -> None:
    reader = Reader(Poller(source.fetch, "q", interval=SOON, clock=ticking()))
    pages = [await reader.next_page() for _ in range(3)]
    assert {page.generation for page in pages} == {1}
    assert [page.value for page in pages] == ["q!"] * 3
    assert [page.fetched_at for page in pages] == [NOW + timedelta(seconds=second) for second in range(3)]
    assert all(0 <= page.duration < 1 for page in pages)
    assert source.most_in_flight == 1


async def test_new_query_cancels_the_running_poll_and_drops_its_result(source: ControlledSource) -> None:
    poller = Poller(source.fetch, "old", interval=NEVER)
    reader = Reader(poller)
    waiting = await begins(reader, source)
    poller.ask("new")
    await until(lambda: source.asked == ["old", "new"])
    source.gate.set()
    page = await waiting
    assert (page.generation, page.value) == (2, "new!")
    assert (source.asked, source.cancelled, source.most_in_flight) == (["old", "new"], 1, 1)
    assert (poller.query, poller.generation) == ("new", 2)


async def test_only_the_last_of_several_new_queries_is_polled(source: ControlledSource) -> None:
    poller, reader = await started(source, NEVER, "a")
    for question in "bcd":
        poller.ask(question)
    page = await reader.next_page()
    assert (page.generation, page.value) == (4, "d!")
    assert source.asked == ["a", "d"]


@pytest.mark.parametrize("failures", [[], [Unreachable("away")]], ids=["result", "failure"])
async def test_answer_after_a_new_query_is_dropped(source: ControlledSource, failures: list[Exception]) -> None:
    source.failures = [*failures]

    async def fetch(question: str) -> str:
        if question == "old":
            poller.ask("new")
        return await source.fetch(question)

    poller = Poller(fetch, "old", interval=NEVER)
    page = await Reader(poller).next_page()
    assert (page.generation, page.value) == (2, "new!")


async def test_paused_poller_polls_only_on_request(source: ControlledSource) -> None:
    poller, reader = await started(source, SOON)
    poller.pause()
    assert poller.paused
    waiting = await reader.nothing_comes()
    poller.adapt(interval=SOON / 2)
    await asyncio.sleep(20 * SOON)
    assert not waiting.done()
    poller.refresh()
    await waiting
    assert len(source.asked) == 2
    waiting = await reader.nothing_comes()
    poller.ask("r")
    answer = await waiting
    assert isinstance(answer, PollResult)
    assert answer.generation == 2
    waiting = await reader.nothing_comes()
    poller.resume()
    assert not poller.paused
    await waiting
    assert len(source.asked) == 4
    await reader.next_page()
    assert len(source.asked) == 5


async def test_pausing_stops_the_current_wait(source: ControlledSource) -> None:
    time = Time()
    poller, reader = await started(source, 20.0)
    waiting = await reader.nothing_comes()
    poller.pause()
    await time.passes(40.0)
    assert not waiting.done()
    poller.resume()
    await waiting
    assert len(source.asked) == 2


async def test_refresh_during_a_poll_starts_one_more_poll_afterwards(source: ControlledSource) -> None:
    poller = Poller(source.fetch, "q", interval=NEVER)
    reader = Reader(poller)
    waiting = await begins(reader, source)
    poller.refresh()
    poller.refresh()
    source.gate.set()
    await waiting
    assert len(source.asked) == 1
    await reader.next_page()
    assert len(source.asked) == 2
    (await reader.nothing_comes()).cancel()
    assert (source.most_in_flight, source.cancelled) == (1, 0)


async def test_shorter_interval_applies_to_the_current_wait(source: ControlledSource) -> None:
    poller, reader = await started(source, NEVER)
    waiting = await reader.nothing_comes()
    poller.adapt(interval=SOON)
    await waiting
    assert len(source.asked) == 2
    poller.adapt(interval=NEVER)
    (await reader.nothing_comes()).cancel()
    assert poller.interval == NEVER


async def test_poll_result_reports_whether_it_changed(source: ControlledSource) -> None:
    answers = iter(["a", "a", "b", "b"])

    async def fetch(question: str) -> str:
        return next(answers)

    poller = Poller(fetch, "q", interval=SOON)
    reader = Reader(poller)
    assert [(await reader.next_page()).is_changed for _ in range(3)] == [True, False, True]
    poller.ask("another query with the same result")
    assert (await reader.next_page()).is_changed

    _, reader = await started(source, SOON)
    source.failures = [Unreachable("away")]
    await reader.next_failure()
    assert not (await reader.next_page()).is_changed, "compared with the result before the failure"


class TestFailures:
    async def test_failures_are_reported_with_their_start_and_end_with_a_result(self, source: ControlledSource) -> None:
        source.failures = [Unreachable("away"), TimedOut("slow")]
        reader = Reader(Poller(source.fetch, "q", interval=SOON, clock=ticking()))
        first, second = await reader.next_failure(), await reader.next_failure()
        assert (str(first.error), first.since) == ("away", NOW)
        assert (str(second.error), second.since) == ("slow", NOW)
        assert (first.retry_in(), second.retry_in()) == (SOON, 2 * SOON)
        await reader.next_page()
        assert len(source.asked) == 3
        source.failures = [Unreachable("away again")]
        third = await reader.next_failure()
        assert (str(third.error), third.retry_in()) == ("away again", SOON)
        assert third.since > NOW

    async def test_refused_sign_in_is_retried_only_on_request(self, source: ControlledSource) -> None:
        source.failures = [SignInRefused("wrong password"), SignInRefused("wrong password")]
        poller = Poller(source.fetch, "q", interval=SOON)
        reader = Reader(poller)
        assert (await reader.next_failure()).retry_in() is None
        waiting = await reader.nothing_comes()
        poller.adapt(interval=SOON / 2)
        poller.pause()
        await asyncio.sleep(20 * SOON)
        assert not waiting.done()
        assert len(source.asked) == 1
        poller.refresh()
        await waiting
        assert len(source.asked) == 2
        poller.ask("other")
        assert (await reader.next_page()).value == "other!"

    async def test_any_other_exception_ends_the_poller(self, source: ControlledSource) -> None:
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
        wait = failure.retry_in()
        assert wait is not None
        assert (wait >= 10.0) == (sqlstate is not None)


@pytest.mark.parametrize("when", ["during a poll", "between two polls", "by leaving the result loop"])
async def test_stopped_poller_leaves_no_task(source: ControlledSource, when: str) -> None:
    poller = Poller(source.fetch, "q", interval=SOON if "loop" in when else NEVER)
    if "loop" in when:
        async with aclosing(poller.results()) as pages:
            async for _ in pages:
                if len(source.asked) == 2:
                    break
    else:
        reader = Reader(poller)
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
    async with proxied(database) as (proxy, through_proxy), Store(Database(through_proxy)) as store:
        asked = asyncio.Event()

        async def fetch(query: ListingQuery) -> Listing:
            asked.set()
            return await store.get_listing(query)

        pages = Poller(fetch, ListingQuery(), interval=SOON).results()
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


INTERVAL = 2.0
INSTANT = 0.01


class PacedPoller:
    """A poller with a reader of its results and a controlled clock."""

    def __init__(self, source: ControlledSource) -> None:
        self.time, self.source = Time(), source
        self.answers: Iterator[str] = iter(())
        self.poller = Poller(self._fetch, "q", interval=INTERVAL)

    async def _fetch(self, question: str) -> str:
        await self.source.fetch(question)
        return next(self.answers, "the same")

    async def become_idle(self) -> None:
        """Poll the same result until the wait is as long as possible. The last poll has just ended."""
        for _ in range(60):
            await self.time.passes(LONGEST_WAIT)

    async def polls_after(self, seconds: float) -> bool:
        before = len(self.source.asked)
        await self.time.passes(seconds)
        assert len(self.source.asked) - before in (0, 1)
        return len(self.source.asked) > before


@pytest.fixture
async def paced(source: ControlledSource) -> AsyncIterator[PacedPoller]:
    paced = PacedPoller(source)
    async with followed(paced.poller):
        yield paced


async def test_unchanged_result_is_polled_less_and_less_often_until_it_changes(paced: PacedPoller) -> None:
    for _ in range(30):
        assert await paced.polls_after(INTERVAL)
    assert not await paced.polls_after(INTERVAL)
    assert await paced.polls_after(INTERVAL)
    await paced.become_idle()
    assert not await paced.polls_after(LONGEST_IDLE_WAIT - INTERVAL)
    paced.answers = iter(["another"] * 10)
    assert await paced.polls_after(INTERVAL)
    assert await paced.polls_after(INTERVAL)


async def test_user_activity_or_a_requested_refresh_restores_the_interval(paced: PacedPoller) -> None:
    await paced.become_idle()
    assert not await paced.polls_after(INTERVAL + INSTANT)
    paced.poller.note_activity()
    assert await paced.polls_after(0)
    paced.poller.note_activity()
    assert not await paced.polls_after(INTERVAL / 2)
    assert await paced.polls_after(INTERVAL / 2)
    await paced.become_idle()
    paced.poller.refresh()
    assert await paced.polls_after(0)
    assert await paced.polls_after(INTERVAL)


@pytest.mark.parametrize(
    ("settings", "polls", "longest"),
    [({"is_focused": False}, 5, LONGEST_WAIT), ({"is_woken": True}, 3, LONGEST_WOKEN_WAIT)],
)
async def test_poller_without_focus_or_that_is_woken_by_changes_becomes_idle_sooner(
    paced: PacedPoller, settings: dict[str, bool], polls: int, longest: float
) -> None:
    paced.poller.adapt(interval=INTERVAL, **settings)
    for _ in range(polls):
        assert await paced.polls_after(INTERVAL)
    assert not await paced.polls_after(INTERVAL)
    await paced.become_idle()
    assert not await paced.polls_after(longest - INTERVAL)
    paced.poller.adapt(interval=INTERVAL)
    assert await paced.polls_after(0)
    assert await paced.polls_after(INTERVAL)


async def test_wake_causes_a_poll_after_a_short_quiet_period_unless_paused(paced: PacedPoller) -> None:
    await paced.become_idle()
    await paced.time.passes(5.0)
    for _ in range(3):
        paced.poller.wake()
        assert not await paced.polls_after(0.2)
    assert await paced.polls_after(0.05 + INSTANT)
    assert not await paced.polls_after(1.0)

    # A wake during a poll causes another poll.
    paced.source.gate.clear()
    paced.poller.refresh()
    await paced.time.passes(0)
    paced.poller.wake()
    paced.source.gate.set()
    await paced.time.passes(0)
    assert await paced.polls_after(1.0)

    paced.poller.pause()
    paced.poller.wake()
    assert not await paced.polls_after(LONGEST_WAIT)


@pytest.mark.parametrize(
    ("wakes", "every", "polls"),
    [pytest.param(200, 0.125, 13, id="not postponed"), pytest.param(40, 0.5, 21, id="one a second at most")],
)
async def test_continuous_wakes_cause_regular_polls(paced: PacedPoller, wakes: int, every: float, polls: int) -> None:
    for _ in range(wakes):
        paced.poller.wake()
        await paced.time.passes(every)
    assert len(paced.source.asked) == polls


async def test_wakes_do_not_hasten_the_retry_after_a_failure(source: ControlledSource) -> None:
    source.failures = [Unreachable("away")]
    paced = PacedPoller(source)
    async with followed(paced.poller):
        paced.poller.wake()
        assert not await paced.polls_after(INTERVAL - INSTANT)
        assert await paced.polls_after(INSTANT)


@pytest.mark.parametrize("is_answered", [True, False])
async def test_slow_connection_delays_polls_no_longer_than_it_lasts(is_answered: bool) -> None:
    time, asked = Time(), list[float]()
    delays = iter((0.0, 13.0, 9.0))

    async def fetch(_: str) -> str:
        asked.append(delay := next(delays, 0.0))
        await asyncio.sleep(delay)
        if delay == 13.0 and not is_answered:
            raise TimedOut("silent")
        return "the same"

    poller = Poller(fetch, "q", interval=INTERVAL, share=400)
    async with followed(poller):
        for seconds in (INTERVAL, 13.0, INTERVAL, 9.0, INTERVAL):
            await time.passes(seconds)
        assert len(asked) == (3 if is_answered else 4)
        if is_answered:
            await time.passes(LONGEST_COSTLY_WAIT / 2)
            assert len(asked) == 3
            poller.forget_durations()
            await time.passes(0)
            assert len(asked) == 4
