"""A feed's pace: slower where nothing changes or nobody looks, soon after a hint, at once for a person."""

import pytest

from store.errors import Unreachable
from store.poller import LONGEST_IDLE_WAIT, LONGEST_WAIT, Attention, Feed
from tests.store.feeding import Source, Time, followed

INTERVAL = 2.0

INSTANT = 0.01


@pytest.fixture
def feed(source: Source) -> Feed[str, str]:
    return Feed(source.fetch, "q", interval=INTERVAL)


async def become_idle(time: Time) -> None:
    """For ever the same page, until the wait is as long as it gets; the last question has just been answered."""
    for _ in range(60):
        await time.passes(LONGEST_WAIT)


async def asked_after(time: Time, seconds: float, source: Source) -> bool:
    before = len(source.asked)
    await time.passes(seconds)
    assert len(source.asked) - before in (0, 1)
    return len(source.asked) > before


class TestIdle:
    async def test_an_unchanged_page_is_asked_for_less_and_less_often(
        self, feed: Feed[str, str], source: Source
    ) -> None:
        time = Time()
        async with followed(feed):
            for _ in range(30):
                assert await asked_after(time, INTERVAL, source)
            assert not await asked_after(time, INTERVAL, source)
            assert await asked_after(time, INTERVAL, source)
            await become_idle(time)
            assert not await asked_after(time, LONGEST_IDLE_WAIT - INTERVAL, source)
            assert await asked_after(time, INTERVAL, source)

    async def test_a_change_brings_the_interval_back(self, source: Source) -> None:
        answers = iter(["the same"] * 61 + ["another"] * 10)

        async def fetch(question: str) -> str:
            await source.fetch(question)
            return next(answers)

        time = Time()
        async with followed(Feed(fetch, "q", interval=INTERVAL)):
            await become_idle(time)
            assert await asked_after(time, LONGEST_IDLE_WAIT, source)
            assert await asked_after(time, INTERVAL, source)

    async def test_a_key_brings_the_interval_back(self, feed: Feed[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            await become_idle(time)
            assert not await asked_after(time, INTERVAL + INSTANT, source)
            feed.touch()
            assert await asked_after(time, 0, source)
            feed.touch()
            assert not await asked_after(time, INTERVAL / 2, source)
            assert await asked_after(time, INTERVAL / 2, source)

    async def test_what_somebody_asked_for_brings_it_back_too(self, feed: Feed[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            await become_idle(time)
            feed.refresh()
            assert await asked_after(time, 0, source)
            assert await asked_after(time, INTERVAL, source)

    async def test_without_the_focus_it_is_idle_sooner_and_longer(self, feed: Feed[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            feed.attention = Attention.UNFOCUSED
            for _ in range(5):
                assert await asked_after(time, INTERVAL, source)
            assert not await asked_after(time, INTERVAL, source)
            await become_idle(time)
            assert not await asked_after(time, LONGEST_WAIT - INTERVAL, source)
            feed.attention = Attention.FOCUSED
            assert await asked_after(time, 0, source)

    async def test_where_each_change_is_told_it_asks_unbidden_only_now_and_then(
        self, feed: Feed[str, str], source: Source
    ) -> None:
        time = Time()
        async with followed(feed):
            feed.is_woken = True
            await become_idle(time)
            assert not await asked_after(time, LONGEST_WAIT - INTERVAL, source)
            feed.is_woken = False
            assert await asked_after(time, 0, source)
            assert await asked_after(time, INTERVAL, source)


class TestHints:
    async def test_it_asks_after_a_moment_of_quiet(self, feed: Feed[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            await become_idle(time)
            await time.passes(5.0)
            for _ in range(3):
                feed.hint()
                assert not await asked_after(time, 0.2, source)
            assert await asked_after(time, 0.05 + INSTANT, source)
            assert not await asked_after(time, 1.0, source)

    async def test_hints_without_end_do_not_put_a_question_off(self, feed: Feed[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            for _ in range(200):
                feed.hint()
                await time.passes(0.125)
        assert len(source.asked) == 13

    async def test_they_never_bring_more_than_a_page_a_second(self, feed: Feed[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            for _ in range(40):
                feed.hint()
                await time.passes(0.5)
        assert len(source.asked) == 21

    async def test_one_that_comes_while_a_page_is_read_counts_for_the_next(
        self, feed: Feed[str, str], source: Source
    ) -> None:
        time = Time()
        async with followed(feed):
            await become_idle(time)
            source.gate.clear()
            feed.refresh()
            await time.passes(0)
            feed.hint()
            source.gate.set()
            await time.passes(0)
            assert await asked_after(time, 1.0, source)

    async def test_a_paused_feed_does_not_heed_them(self, feed: Feed[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            feed.pause()
            feed.hint()
            assert not await asked_after(time, LONGEST_WAIT, source)

    async def test_they_do_not_hasten_an_attempt_after_a_failure(self, feed: Feed[str, str], source: Source) -> None:
        time = Time()
        source.failures = [Unreachable("away")]
        async with followed(feed):
            feed.hint()
            assert not await asked_after(time, INTERVAL - INSTANT, source)
            assert await asked_after(time, INSTANT, source)
