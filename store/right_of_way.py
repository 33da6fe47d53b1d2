"""Who goes first: what a person waits for, before what is counted beside it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from store.stopping import answer_unless

T = TypeVar("T")


class RightOfWay:
    def __init__(self) -> None:
        self._holders = 0
        self._taken = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """While this lasts, nothing that gives way runs; several may hold it."""
        self._holders += 1
        self._taken.set()
        self._free.clear()
        try:
            yield
        finally:
            self._holders -= 1
            if not self._holders:
                self._taken.clear()
                self._free.set()

    async def giving_way(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Asks when the way is free. What runs when somebody takes it is stopped, and asked anew afterwards."""
        while True:
            await self._free.wait()
            if answered := await answer_unless(self._taken, ask()):
                return answered[0]
