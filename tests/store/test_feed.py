"""The poll loop: numbered pages, one question in flight, another question at once, slower while it fails."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from itertools import count

import pytest

from store.database import Database
from store.errors import SignInRefused, TimedOut, Unreachable
from store.feed import LONGEST_WAIT, Feed, FeedFailure, FeedPage, wait_after_failure, wait_after_page
from store.model import Overview, OverviewQuery
from store.store import Store
from tests.conftest import Conninfo
from tests.store.servers import proxied
from tests.store.support import NOW, MakeJob, MakeProject, Sql, until

NEVER = 3600.0
"""Seconds: a test in which a feed waits for that long would not end."""
SOON = 0.001

Answer = FeedPage[str] | FeedFailure


class Source:
    """Answers a question with itself, or with what is queued for it; counts what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.in_flight = self.most_in_flight = self.cancelled = 0
        self.failures: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()

    async def fetch(self, question: str) -> str:
        self.asked.append(question)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.reached.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        else:
            if self.failures:
                raise self.failures.pop(0)
            return f"{question}!"
        finally:
            self.in_flight -= 1


class Reader:
    """Takes the answers of a feed one by one."""

    def __init__(self, feed: Feed[str, str]) -> None:
        self.pages = feed.pages()

    async def next(self) -> Answer:
        async with asyncio.timeout(10):
            return await anext(self.pages)

    async def next_page(self) -> FeedPage[str]:
        answer = await self.next()
        assert isinstance(answer, FeedPage)
        return answer

    async def next_failure(self) -> FeedFailure:
        answer = await self.next()
        assert isinstance(answer, FeedFailure)
        return answer

    async def nothing_comes(self) -> "asyncio.Task[Answer]":
        """The task that waits for the next answer, after the loop has had every chance to bring one."""
        waiting = asyncio.ensure_future(self.next())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done()
        return waiting


@pytest.fixture
def source() -> Source:
    return Source()


def ticking() -> Callable[[], datetime]:
    """Each look at this clock is a second later."""
    seconds = count()
    return lambda: NOW + timedelta(seconds=next(seconds))


async def test_pages_are_numbered_dated_and_measured(source: Source) -> None:
    reader = Reader(Feed(source.fetch, "q", interval=SOON, clock=ticking()))
    pages = [await reader.next_page() for _ in range(3)]
    assert [page.number for page in pages] == [1, 2, 3]
    assert {page.generation for page in pages} == {1}
    assert [page.value for page in pages] == ["q!"] * 3
    assert [page.fetched_at for page in pages] == [NOW + timedelta(seconds=second) for second in range(3)]
    assert all(0 <= page.duration < 1 for page in pages)
    assert source.most_in_flight == 1


async def test_another_question_stops_the_one_in_flight_and_drops_its_answer(source: Source) -> None:
    feed = Feed(source.fetch, "old", interval=NEVER)
    reader = Reader(feed)
    source.gate.clear()
    waiting = asyncio.ensure_future(reader.next_page())
    await source.reached.wait()
    feed.ask("new")
    await until(lambda: source.asked == ["old", "new"])
    source.gate.set()
    page = await waiting
    assert (page.number, page.generation, page.value) == (1, 2, "new!")
    assert (source.asked, source.cancelled, source.most_in_flight) == (["old", "new"], 1, 1)
    assert (feed.query, feed.generation) == ("new", 2)


async def test_the_last_of_several_questions_is_answered(source: Source) -> None:
    feed = Feed(source.fetch, "a", interval=NEVER)
    reader = Reader(feed)
    await reader.next_page()
    for question in "bcd":
        feed.ask(question)
    page = await reader.next_page()
    assert (page.generation, page.value) == (4, "d!")
    assert source.asked == ["a", "d"]


async def test_an_answer_that_comes_with_another_question_is_stale(source: Source) -> None:
    async def fetch(question: str) -> str:
        if question == "old":
            feed.ask("new")
        return await source.fetch(question)

    feed = Feed(fetch, "old", interval=NEVER)
    page = await Reader(feed).next_page()
    assert (page.number, page.generation, page.value) == (1, 2, "new!")


async def test_a_failure_that_comes_with_another_question_is_stale(source: Source) -> None:
    source.failures = [Unreachable("away")]

    async def fetch(question: str) -> str:
        if question == "old":
            feed.ask("new")
        return await source.fetch(question)

    feed = Feed(fetch, "old", interval=NEVER)
    page = await Reader(feed).next_page()
    assert (page.number, page.generation, page.value) == (1, 2, "new!")


async def test_a_paused_feed_waits_for_somebody(source: Source) -> None:
    feed = Feed(source.fetch, "q", interval=SOON)
    reader = Reader(feed)
    await reader.next_page()
    feed.pause()
    assert feed.paused
    waiting = await reader.nothing_comes()
    feed.interval = SOON / 2
    await asyncio.sleep(20 * SOON)
    assert not waiting.done()
    feed.refresh()
    assert (await waiting).number == 2
    waiting = await reader.nothing_comes()
    feed.ask("r")
    assert (await waiting).generation == 2
    waiting = await reader.nothing_comes()
    feed.resume()
    assert not feed.paused
    assert (await waiting).number == 4
    assert (await reader.next_page()).number == 5


async def test_pausing_stops_the_wait_that_has_begun(source: Source) -> None:
    feed = Feed(source.fetch, "q", interval=20 * SOON)
    reader = Reader(feed)
    await reader.next_page()
    waiting = await reader.nothing_comes()
    feed.pause()
    await asyncio.sleep(40 * SOON)
    assert not waiting.done()
    feed.resume()
    assert (await waiting).number == 2


async def test_a_refresh_while_one_is_in_flight_follows_it(source: Source) -> None:
    feed = Feed(source.fetch, "q", interval=NEVER)
    reader = Reader(feed)
    source.gate.clear()
    waiting = asyncio.ensure_future(reader.next_page())
    await source.reached.wait()
    feed.refresh()
    feed.refresh()
    source.gate.set()
    assert (await waiting).number == 1
    assert (await reader.next_page()).number == 2
    (await reader.nothing_comes()).cancel()
    assert (source.most_in_flight, source.cancelled) == (1, 0)


async def test_a_shorter_interval_counts_for_the_present_wait(source: Source) -> None:
    feed = Feed(source.fetch, "q", interval=NEVER)
    reader = Reader(feed)
    await reader.next_page()
    waiting = await reader.nothing_comes()
    feed.interval = SOON
    assert (await waiting).number == 2
    feed.interval = NEVER
    (await reader.nothing_comes()).cancel()
    assert feed.interval == NEVER


class TestFailures:
    async def test_they_are_told_with_their_beginning_and_end_with_a_page(self, source: Source) -> None:
        source.failures = [Unreachable("away"), TimedOut("slow")]
        reader = Reader(Feed(source.fetch, "q", interval=SOON, clock=ticking()))
        first, second = await reader.next_failure(), await reader.next_failure()
        assert (first.number, first.attempts, str(first.error), first.since) == (1, 1, "away", NOW)
        assert (second.number, second.attempts, str(second.error), second.since) == (2, 2, "slow", NOW)
        assert (first.retry_in, second.retry_in) == (SOON, 2 * SOON)
        assert (await reader.next_page()).number == 3
        source.failures = [Unreachable("away again")]
        third = await reader.next_failure()
        assert (third.number, third.attempts) == (4, 1)
        assert third.since > NOW

    async def test_a_refused_sign_in_is_not_repeated_until_somebody_asks(self, source: Source) -> None:
        source.failures = [SignInRefused("wrong password"), SignInRefused("wrong password")]
        feed = Feed(source.fetch, "q", interval=SOON)
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

    async def test_any_other_exception_ends_the_feed(self, source: Source) -> None:
        source.failures = [ZeroDivisionError()]
        reader = Reader(Feed(source.fetch, "q", interval=SOON))
        with pytest.raises(ZeroDivisionError):
            await reader.next()

    @pytest.mark.parametrize(
        ("interval", "attempts", "seconds"),
        [
            (2.0, 1, 2.0),
            (2.0, 2, 4.0),
            (2.0, 3, 8.0),
            (2.0, 5, LONGEST_WAIT),
            (2.0, 10_000, LONGEST_WAIT),
            (0.5, 7, LONGEST_WAIT),
            (60.0, 1, 60.0),
            (60.0, 9, 60.0),
        ],
    )
    def test_each_wait_is_twice_as_long_up_to_a_limit(self, interval: float, attempts: int, seconds: float) -> None:
        assert wait_after_failure(interval, attempts) == seconds

    @pytest.mark.parametrize(("duration", "seconds"), [(0.0, 2.0), (0.2, 2.0), (0.3, 3.0), (8.0, 80.0)])
    def test_a_costly_page_is_asked_for_less_often(self, duration: float, seconds: float) -> None:
        assert wait_after_page(2.0, duration) == pytest.approx(seconds)


class TestCancellation:
    async def test_while_one_is_in_flight(self, source: Source) -> None:
        source.gate.clear()
        reading = asyncio.ensure_future(Reader(Feed(source.fetch, "q", interval=NEVER)).next())
        await source.reached.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert (source.in_flight, source.cancelled) == (0, 1)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_between_two(self, source: Source) -> None:
        reader = Reader(Feed(source.fetch, "q", interval=NEVER))
        await reader.next_page()
        waiting = await reader.nothing_comes()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_leaving_the_loop(self, source: Source) -> None:
        async with aclosing(Feed(source.fetch, "q", interval=SOON).pages()) as pages:
            async for page in pages:
                if page.number == 2:
                    break
        assert source.in_flight == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_dead_link_keeps_nobody_waiting(database: Conninfo, sql: Sql) -> None:
    """Neither for the answer to another question, nor for the end of the program."""
    async with proxied(database) as (proxy, through_proxy), Store(Database(through_proxy)) as store:
        asked = asyncio.Event()

        async def look(query: OverviewQuery) -> Overview:
            asked.set()
            return await store.get_overview(query)

        pages = Feed(look, OverviewQuery(), interval=SOON).pages()
        await anext(pages)
        proxy.fall_silent()
        asked.clear()
        reading = asyncio.ensure_future(anext(pages))
        await asked.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        reading.cancel()
        stopped, _ = await asyncio.wait({reading}, timeout=2)
        assert stopped
        assert reading.cancelled()


async def test_on_a_real_store(ada: Store, make_project: MakeProject, make_job: MakeJob) -> None:
    """What another process changes arrives by itself."""
    project_id, other_id = make_project(), make_project()
    feed: Feed[OverviewQuery, Overview] = Feed(ada.get_overview, OverviewQuery(), interval=SOON)
    pages = feed.pages()

    async def until_seen(jobs: int) -> FeedPage[Overview]:
        async with asyncio.timeout(10):
            async for page in pages:
                assert isinstance(page, FeedPage)
                if len(page.value.jobs) == jobs:
                    return page
        raise AssertionError

    first = await until_seen(0)
    make_job(project_id)
    second = await until_seen(1)
    assert second.number > first.number
    feed.ask(OverviewQuery(project_id=other_id))
    assert (await until_seen(0)).generation == 2
