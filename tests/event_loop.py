"""An event loop that knows when it is idle: every task waits for a timer or for input."""

import asyncio
import selectors


class _Selector(selectors.DefaultSelector):
    """The loop selects with a timeout of zero while callbacks are ready, and waits when it is idle."""

    def __init__(self) -> None:
        super().__init__()
        self.idle: set[asyncio.Future[None]] = set()
        """Futures that are done when the loop is idle."""
        self.woken: set[asyncio.Future[None]] = set()
        """Futures that are done when the loop is idle again after its next event."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        if self.idle:
            happened = super().select(0)
            if not happened:
                _release(self.idle)
            return happened
        happened = super().select(timeout)
        self.idle |= self.woken
        self.woken.clear()
        return happened


class IdleAwareLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._idleness = _Selector()
        super().__init__(self._idleness)

    async def idle(self) -> None:
        """Wait until the loop is idle."""
        await self._wait_in(self._idleness.idle)

    async def woken(self, within: float) -> None:
        """Wait for the next input or timer, and until the loop is idle after it.

        Wait at most `within` seconds, because not every change that a test waits for wakes this loop.
        """
        deadline = self.call_later(within, lambda: None)
        try:
            await self._wait_in(self._idleness.woken)
        finally:
            deadline.cancel()

    async def _wait_in(self, waiting: set[asyncio.Future[None]]) -> None:
        future = self.create_future()
        waiting.add(future)
        await future


def running_loop() -> IdleAwareLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, IdleAwareLoop)
    return loop


async def idle() -> None:
    await running_loop().idle()


def _release(waiting: set[asyncio.Future[None]]) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(None)
    waiting.clear()
