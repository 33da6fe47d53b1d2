"""An event loop that tells when nothing is left to do: what remains waits for time, or for somebody outside."""

import asyncio
import selectors


class _Selector(selectors.DefaultSelector):
    """Is asked without a pause while something is left to do, and with one when all that is left is to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.idle: set[asyncio.Future[None]] = set()
        """Are done as soon as nothing is left to do."""
        self.woken: set[asyncio.Future[None]] = set()
        """Wait for something to happen first."""

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
        """Until nothing is left to do."""
        await self._among(self._idleness.idle)

    async def woken(self, within: float) -> None:
        """Until something has come from outside or it was time for something, and nothing is left to do after it.

        After `within` seconds at the latest, for not all that a test waits for wakes this loop.
        """
        at_the_latest = self.call_later(within, lambda: None)
        try:
            await self._among(self._idleness.woken)
        finally:
            at_the_latest.cancel()

    async def _among(self, waiting: set[asyncio.Future[None]]) -> None:
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
