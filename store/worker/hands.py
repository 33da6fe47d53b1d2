"""The jobs that a worker has: those at work, and those whose end the database does not have yet."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from random import Random
from typing import Any
from uuid import UUID

from store.worker.attempting import Threads, attempt
from store.worker.deciding import Raised, TookTooLong, ending, given_up
from store.worker.happenings import HandlerRaised, Lost, Report, Started
from store.worker.model import Claimed, Ending, HandedBack, Held, Progress
from store.worker.registry import Handling, Registry
from store.worker.retrying import Retry
from store.worker.work import Work


class InHand:
    """A job that the worker has."""

    __slots__ = ("claimed", "seconds", "started_at", "task", "work")

    def __init__(self, claimed: Claimed) -> None:
        self.claimed = claimed
        self.work = Work(claimed)
        self.task: asyncio.Task[None] | None = None
        """None when its attempt is over."""
        self.started_at = time.monotonic()
        self.seconds = 0.0
        """How long the attempt took."""


Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
OnEnd = Callable[[InHand, Ending], None]


class Hands:
    def __init__(
        self, registry: Registry, spawn: Spawn, *, concurrency: int, on_end: OnEnd, report: Report, random: Random
    ) -> None:
        self._registry = registry
        self._spawn = spawn
        self._concurrency = concurrency
        self._on_end = on_end
        self._report = report
        self._random = random
        self._threads = Threads()
        self._jobs: dict[UUID, InHand] = {}
        self._left: set[Held] = set()
        self._at_work = 0
        self._changed = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        return not self._jobs

    @property
    def free(self) -> int:
        """So many more may be begun. What waits to be ended takes a place beyond twice as many as may be at work."""
        at_work = self._at_work + self._threads.overdue
        return max(0, min(self._concurrency - at_work, 2 * self._concurrency - len(self._jobs)))

    def held(self) -> list[Held]:
        return [in_hand.claimed.held for in_hand in self._jobs.values()]

    def progress(self) -> list[Progress]:
        """What handlers have told, and the database does not have yet."""
        return [
            Progress(job_id=job_id, attempt=in_hand.claimed.attempt, note=note)
            for job_id, in_hand in self._jobs.items()
            if (note := in_hand.work.untold) is not None
        ]

    def is_told(self, progress: Iterable[Progress]) -> None:
        """The database has it."""
        for one in progress:
            if one.job_id in self._jobs:
                self._jobs[one.job_id].work.is_told(one.note)

    async def changes(self) -> None:
        """Returns when there may be more places, or fewer jobs, than when it was called."""
        self._changed.clear()
        await self._changed.wait()

    def wake(self) -> None:
        """Whoever waits for changes is to look again."""
        self._changed.set()

    def begin(self, claimed: Claimed) -> None:
        """Where it was late to renew its lease, and has taken over what it has in hand, the former attempt is lost."""
        if (former := self._jobs.get(claimed.job.id)) is not None:
            self.drop([former.claimed.held])
        in_hand = InHand(claimed)
        self._jobs[claimed.job.id] = in_hand
        handling = self._registry.of(claimed.job.mode)
        if handling is None:  # its mode was changed since it was claimed
            self._on_end(in_hand, _handed_back(claimed))
        elif over := given_up(claimed, handling):
            self._on_end(in_hand, over)
        else:
            self._report(Started(claimed))
            self._at_work += 1
            in_hand.task = self._spawn(self._work(in_hand, handling))

    async def _work(self, in_hand: InHand, handling: Handling) -> None:
        try:
            outcome = await attempt(handling, in_hand.work, self._threads, on_end=self.wake)
        finally:
            self._at_work -= 1
            in_hand.task = None
            in_hand.seconds = time.monotonic() - in_hand.started_at
            self._changed.set()
        if isinstance(outcome, TookTooLong):
            in_hand.work.should_stop = True
        elif isinstance(outcome, Raised) and not isinstance(outcome.error, Retry):
            self._report(HandlerRaised(in_hand.claimed, outcome.error))
        claimed, cost_cents = in_hand.claimed, in_hand.work.cost_cents
        self._on_end(in_hand, ending(claimed, handling, outcome, cost_cents=cost_cents, random=self._random))

    def remove(self, in_hand: InHand) -> None:
        """The database has its end, or it is not this worker's any more."""
        if self._jobs.get(in_hand.claimed.job.id) is in_hand:
            del self._jobs[in_hand.claimed.job.id]
            self._changed.set()

    def leave(self, in_hand: InHand) -> None:
        """The database does not take its end, and keeps it as this worker's until the lease expires."""
        self._left.add(in_hand.claimed.held)
        self.remove(in_hand)

    def has_left(self, held: Held) -> bool:
        return held in self._left

    def drop(self, lost: Iterable[Held]) -> None:
        """Those at work that are not this worker's any more are stopped."""
        for one in lost:
            in_hand = self._jobs.get(one.job_id)
            if in_hand is not None and in_hand.task is not None and in_hand.claimed.attempt == one.attempt:
                _stop(in_hand)
                self.remove(in_hand)
                self._report(Lost(in_hand.claimed))

    def hand_back(self) -> None:
        """Stops what is at work, for somebody else to do it."""
        for in_hand in list(self._jobs.values()):
            if in_hand.task is not None:
                _stop(in_hand)
                self._on_end(in_hand, _handed_back(in_hand.claimed))


def _stop(in_hand: InHand) -> None:
    in_hand.work.should_stop = True
    if in_hand.task is not None:
        in_hand.task.cancel()
        in_hand.task = None


def _handed_back(claimed: Claimed) -> HandedBack:
    return HandedBack(job_id=claimed.job.id, attempt=claimed.attempt)
