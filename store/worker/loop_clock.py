"""How long the event loop was blocked, and by which handler. A time-out doesn't count blocks by other handlers."""

import asyncio
import time
from collections.abc import Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any

_TICK = 0.1
_SHORTEST = 0.2
"""Seconds. A shorter block doesn't count."""


class LoopClock:
    """Measures how long the event loop was blocked. It ticks only between `start` and `stop`."""

    def __init__(self) -> None:
        self._blocked = 0.0
        self._ran_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._timer is None:
            self._ran_at = time.monotonic()
            self._timer = asyncio.get_running_loop().call_later(_TICK, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def blocked(self) -> float:
        """Return the seconds in total, including a block that has just ended."""
        now = time.monotonic()
        late = now - self._ran_at - _TICK
        if self._timer is not None and late >= _SHORTEST - _TICK:
            self._blocked += late
        self._ran_at = now
        return self._blocked

    def _tick(self) -> None:
        self.blocked()
        self._timer = asyncio.get_running_loop().call_later(_TICK, self._tick)


class StepTimer:
    """Measures how long one coroutine blocks the event loop, from one `await` to the next."""

    __slots__ = ("_began_at", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        """Seconds in total, without the current step."""
        self._began_at: float | None = None

    @property
    def is_blocking(self) -> bool:
        """Whether the coroutine is blocking the event loop now. Another thread may ask."""
        began_at = self._began_at
        return began_at is not None and time.monotonic() - began_at >= _SHORTEST

    @coroutine
    def run(self, timed: Coroutine[Any, Any, object]) -> Generator[Any, Any, object]:
        """Run the coroutine and return its result, as `await` does."""
        step = partial(timed.send, None)
        while True:
            self._began_at = time.monotonic()
            try:
                waits_for = step()
            except StopIteration as stop:
                return stop.value
            finally:
                seconds = time.monotonic() - self._began_at
                self._began_at = None
                if seconds >= _SHORTEST:
                    self.seconds += seconds
            try:
                step = partial(timed.send, (yield waits_for))
            except GeneratorExit:
                timed.close()
                raise
            except BaseException as error:
                step = partial(timed.throw, error)
