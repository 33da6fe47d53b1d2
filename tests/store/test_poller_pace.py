"""A poller's pace: slow if nothing changes or the terminal lacks the focus, soon after a wake, at once for a user."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from gjobs.store.errors import TimedOut, Unreachable
from gjobs.store.poller import (
    LONGEST_COSTLY_WAIT,
    LONGEST_IDLE_WAIT,
    LONGEST_WAIT,
    LONGEST_WOKEN_WAIT,
    Poller,
)
from tests.store.poller_source import ControlledSource, Time, followed

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
