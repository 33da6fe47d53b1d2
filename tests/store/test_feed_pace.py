"""A feed's pace: slower where nothing changes or nobody looks, soon after a hint, at once for a person."""

import pytest

from store.errors import Unreachable
from store.poller import LONGEST_IDLE_WAIT, LONGEST_WAIT, Attention, Poller
from tests.store.feeding import Source, Time, followed

INTERVAL = 2.0

INSTANT = 0.01


@pytest.fixture
def feed(source: Source) -> Poller[str, str]:
    return Poller(source.fetch, "q", interval=INTERVAL)


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
    async def test_unchanged_result_is_polled_less_and_less_often(self, feed: Poller[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            for _ in range(30):
                assert await asked_after(time, INTERVAL, source)
            assert not await asked_after(time, INTERVAL, source)
            assert await asked_after(time, INTERVAL, source)
            await become_idle(time)
            assert not await asked_after(time, LONGEST_IDLE_WAIT - INTERVAL, source)
            assert await asked_after(time, INTERVAL, source)

    async def test_changed_result_restores_the_interval(self, source: Source) -> None:
        answers = iter(["the same"] * 61 + ["another"] * 10)

        async def fetch(question: str) -> str:
            await source.fetch(question)
            return next(answers)

        time = Time()
        async with followed(Poller(fetch, "q", interval=INTERVAL)):
            await become_idle(time)
            assert await asked_after(time, LONGEST_IDLE_WAIT, source)
            assert await asked_after(time, INTERVAL, source)

    async def test_user_activity_restores_the_interval(self, feed: Poller[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            await become_idle(time)
            assert not await asked_after(time, INTERVAL + INSTANT, source)
            feed.note_activity()
            assert await asked_after(time, 0, source)
            feed.note_activity()
            assert not await asked_after(time, INTERVAL / 2, source)
            assert await asked_after(time, INTERVAL / 2, source)

    async def test_requested_refresh_restores_the_interval(self, feed: Poller[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            await become_idle(time)
            feed.refresh()
            assert await asked_after(time, 0, source)
            assert await asked_after(time, INTERVAL, source)

    async def test_unfocused_poller_becomes_idle_sooner_and_for_longer(
        self, feed: Poller[str, str], source: Source
    ) -> None:
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

    async def test_poller_woken_by_changes_polls_rarely_on_its_own(
        self, feed: Poller[str, str], source: Source
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
    async def test_woken_poller_polls_after_a_short_quiet_period(self, feed: Poller[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            await become_idle(time)
            await time.passes(5.0)
            for _ in range(3):
                feed.wake()
                assert not await asked_after(time, 0.2, source)
            assert await asked_after(time, 0.05 + INSTANT, source)
            assert not await asked_after(time, 1.0, source)

    async def test_continuous_wakes_do_not_postpone_polling(self, feed: Poller[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            for _ in range(200):
                feed.wake()
                await time.passes(0.125)
        assert len(source.asked) == 13

    async def test_wakes_cause_at_most_one_poll_a_second(self, feed: Poller[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            for _ in range(40):
                feed.wake()
                await time.passes(0.5)
        assert len(source.asked) == 21

    async def test_wake_during_a_poll_causes_another_poll(self, feed: Poller[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            await become_idle(time)
            source.gate.clear()
            feed.refresh()
            await time.passes(0)
            feed.wake()
            source.gate.set()
            await time.passes(0)
            assert await asked_after(time, 1.0, source)

    async def test_paused_poller_ignores_wakes(self, feed: Poller[str, str], source: Source) -> None:
        time = Time()
        async with followed(feed):
            feed.pause()
            feed.wake()
            assert not await asked_after(time, LONGEST_WAIT, source)

    async def test_wakes_do_not_hasten_the_retry_after_a_failure(self, feed: Poller[str, str], source: Source) -> None:
        time = Time()
        source.failures = [Unreachable("away")]
        async with followed(feed):
            feed.wake()
            assert not await asked_after(time, INTERVAL - INSTANT, source)
            assert await asked_after(time, INSTANT, source)
