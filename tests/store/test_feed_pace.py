"""A feed's pace: slower where nothing changes or nobody looks, soon after a hint, at once for a person."""

import pytest

from store.errors import Unreachable
from store.poller import LONGEST_IDLE_WAIT, LONGEST_WAIT, Attention, Poller
from tests.store.feeding import ControlledSource, Time, followed

INTERVAL = 2.0

INSTANT = 0.01


@pytest.fixture
def poller(source: ControlledSource) -> Poller[str, str]:
    return Poller(source.fetch, "q", interval=INTERVAL)


async def become_idle(time: Time) -> None:
    """For ever the same page, until the wait is as long as it gets; the last question has just been answered."""
    for _ in range(60):
        await time.passes(LONGEST_WAIT)


async def asked_after(time: Time, seconds: float, source: ControlledSource) -> bool:
    before = len(source.asked)
    await time.passes(seconds)
    assert len(source.asked) - before in (0, 1)
    return len(source.asked) > before


class TestIdle:
    async def test_unchanged_result_is_polled_less_and_less_often(
        self, poller: Poller[str, str], source: ControlledSource
    ) -> None:
        time = Time()
        async with followed(poller):
            for _ in range(30):
                assert await asked_after(time, INTERVAL, source)
            assert not await asked_after(time, INTERVAL, source)
            assert await asked_after(time, INTERVAL, source)
            await become_idle(time)
            assert not await asked_after(time, LONGEST_IDLE_WAIT - INTERVAL, source)
            assert await asked_after(time, INTERVAL, source)

    async def test_changed_result_restores_the_interval(self, source: ControlledSource) -> None:
        answers = iter(["the same"] * 61 + ["another"] * 10)

        async def fetch(question: str) -> str:
            await source.fetch(question)
            return next(answers)

        time = Time()
        async with followed(Poller(fetch, "q", interval=INTERVAL)):
            await become_idle(time)
            assert await asked_after(time, LONGEST_IDLE_WAIT, source)
            assert await asked_after(time, INTERVAL, source)

    async def test_user_activity_restores_the_interval(
        self, poller: Poller[str, str], source: ControlledSource
    ) -> None:
        time = Time()
        async with followed(poller):
            await become_idle(time)
            assert not await asked_after(time, INTERVAL + INSTANT, source)
            poller.note_activity()
            assert await asked_after(time, 0, source)
            poller.note_activity()
            assert not await asked_after(time, INTERVAL / 2, source)
            assert await asked_after(time, INTERVAL / 2, source)

    async def test_requested_refresh_restores_the_interval(
        self, poller: Poller[str, str], source: ControlledSource
    ) -> None:
        time = Time()
        async with followed(poller):
            await become_idle(time)
            poller.refresh()
            assert await asked_after(time, 0, source)
            assert await asked_after(time, INTERVAL, source)

    async def test_unfocused_poller_becomes_idle_sooner_and_for_longer(
        self, poller: Poller[str, str], source: ControlledSource
    ) -> None:
        time = Time()
        async with followed(poller):
            poller.attention = Attention.UNFOCUSED
            for _ in range(5):
                assert await asked_after(time, INTERVAL, source)
            assert not await asked_after(time, INTERVAL, source)
            await become_idle(time)
            assert not await asked_after(time, LONGEST_WAIT - INTERVAL, source)
            poller.attention = Attention.FOCUSED
            assert await asked_after(time, 0, source)

    async def test_poller_woken_by_changes_polls_rarely_on_its_own(
        self, poller: Poller[str, str], source: ControlledSource
    ) -> None:
        time = Time()
        async with followed(poller):
            poller.is_woken = True
            await become_idle(time)
            assert not await asked_after(time, LONGEST_WAIT - INTERVAL, source)
            poller.is_woken = False
            assert await asked_after(time, 0, source)
            assert await asked_after(time, INTERVAL, source)


class TestHints:
    async def test_woken_poller_polls_after_a_short_quiet_period(
        self, poller: Poller[str, str], source: ControlledSource
    ) -> None:
        time = Time()
        async with followed(poller):
            await become_idle(time)
            await time.passes(5.0)
            for _ in range(3):
                poller.wake()
                assert not await asked_after(time, 0.2, source)
            assert await asked_after(time, 0.05 + INSTANT, source)
            assert not await asked_after(time, 1.0, source)

    async def test_continuous_wakes_do_not_postpone_polling(
        self, poller: Poller[str, str], source: ControlledSource
    ) -> None:
        time = Time()
        async with followed(poller):
            for _ in range(200):
                poller.wake()
                await time.passes(0.125)
        assert len(source.asked) == 13

    async def test_wakes_cause_at_most_one_poll_a_second(
        self, poller: Poller[str, str], source: ControlledSource
    ) -> None:
        time = Time()
        async with followed(poller):
            for _ in range(40):
                poller.wake()
                await time.passes(0.5)
        assert len(source.asked) == 21

    async def test_wake_during_a_poll_causes_another_poll(
        self, poller: Poller[str, str], source: ControlledSource
    ) -> None:
        time = Time()
        async with followed(poller):
            await become_idle(time)
            source.gate.clear()
            poller.refresh()
            await time.passes(0)
            poller.wake()
            source.gate.set()
            await time.passes(0)
            assert await asked_after(time, 1.0, source)

    async def test_paused_poller_ignores_wakes(self, poller: Poller[str, str], source: ControlledSource) -> None:
        time = Time()
        async with followed(poller):
            poller.pause()
            poller.wake()
            assert not await asked_after(time, LONGEST_WAIT, source)

    async def test_wakes_do_not_hasten_the_retry_after_a_failure(
        self, poller: Poller[str, str], source: ControlledSource
    ) -> None:
        time = Time()
        source.failures = [Unreachable("away")]
        async with followed(poller):
            poller.wake()
            assert not await asked_after(time, INTERVAL - INSTANT, source)
            assert await asked_after(time, INSTANT, source)
