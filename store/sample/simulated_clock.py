"""Simulated time: it has a speed, and it can be paused and stepped."""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

_ROUNDING = 1e-6
"""Seconds by which a timer of the event loop may be early."""


class SimulatedClock:
    def __init__(self, *, speed: float = 1.0) -> None:
        self._speed = speed
        self._is_paused = False
        self._passed = 0.0
        """Simulated seconds until the last change of speed or pause."""
        self._changed_at: float | None = None
        """Real time of that change. None before the first sleep, because there is no event loop yet."""
        self._waiting: list[tuple[float, int, bool, asyncio.Future[None]]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self.on_pause_change: list[Callable[[], object]] = []
        """Called after each pause and resume."""

    @property
    def speed(self) -> float:
        """The number of simulated seconds in a real one."""
        return self._speed

    @property
    def is_paused(self) -> bool:
        return self._is_paused

    @property
    def now(self) -> float:
        """Simulated seconds since the start."""
        if self._is_paused or self._changed_at is None:
            return self._passed
        return self._passed + (asyncio.get_running_loop().time() - self._changed_at) * self._speed

    def set_speed(self, speed: float) -> None:
        self._keep_time()
        self._speed = speed
        self._set_timer()

    def pause(self) -> None:
        self._set_paused(True)

    def resume(self) -> None:
        self._set_paused(False)

    def _set_paused(self, is_paused: bool) -> None:
        self._keep_time()
        self._is_paused = is_paused
        self._set_timer()
        for listener in self.on_pause_change:
            listener()

    async def sleep(self, seconds: float, *, is_step: bool = False) -> None:
        """Wait for simulated seconds. `is_step` marks a wait before a change that a person sees."""
        if self._changed_at is None:
            self._keep_time()
        wakes = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (self.now + seconds, next(self._order), is_step, wakes))
        self._set_timer()
        await wakes

    def step(self) -> bool:
        """Jump to the next visible change while paused. Return False if there is nothing to jump to."""
        self._drop_cancelled()
        if not self._is_paused or not self._waiting:
            return False
        while self._waiting:
            due, _, is_step, wakes = heappop(self._waiting)
            if wakes.done():
                continue
            self._passed = max(self._passed, due)
            wakes.set_result(None)
            if is_step:
                break
        return True

    def _keep_time(self) -> None:
        self._passed = self.now
        try:
            self._changed_at = asyncio.get_running_loop().time()
        except RuntimeError:
            self._changed_at = None  # Before the event loop runs.

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._drop_cancelled()
        if self._waiting and not self._is_paused:
            wait = (self._waiting[0][0] - self.now) / self._speed
            self._timer = asyncio.get_running_loop().call_later(max(wait, 0), self._wake)

    def _wake(self) -> None:
        now = self.now + _ROUNDING
        while self._waiting and self._waiting[0][0] <= now:
            *_, wakes = heappop(self._waiting)
            if not wakes.done():
                wakes.set_result(None)
        self._set_timer()

    def _drop_cancelled(self) -> None:
        while self._waiting and self._waiting[0][-1].done():
            heappop(self._waiting)
