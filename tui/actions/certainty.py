"""A write whose answer was lost is not repeated and not guessed: it is looked up until the database tells."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, TypeVar

from store.errors import OutcomeUnknown, StoreError
from store.writing.written import LookedUp, Unconfirmed, WriteOutcome, Written
from tui.words.learned_words import learned_words
from tui.words.toast import Toast

if TYPE_CHECKING:
    from store.store import Store

T = TypeVar("T")

_FIRST_WAITS, _LAST_WAIT = (0.1, 0.25, 0.5, 1.0, 2.0), 5.0
"""Seconds between two attempts."""

IS_LOOKED_UP = "It is looked up as soon as the database answers."


class Learned(Exception):
    """What really happened, in place of the answer that was lost. `was_made` is None where nobody can tell any more."""

    def __init__(self, written: Written, found: LookedUp) -> None:
        self.message = learned_words(written, found)
        super().__init__(self.message)
        self.written = written
        self.was_made = {WriteOutcome.DONE: True, WriteOutcome.NOT_DONE: False}.get(found.outcome)


def learned_toast(learned: Learned) -> Toast:
    return Toast(text=learned.message, severity="information" if learned.was_made else "warning")


class Certainty:
    """`store` has the eyes that write; `tell` says what is going on meanwhile; `left` is set to end the looking up."""

    def __init__(self, store: "Store", tell: Callable[[Toast], object], *, left: asyncio.Event) -> None:
        self._store = store
        self._tell = tell
        self._left = left

    async def of(self, write: Coroutine[Any, Any, T]) -> T:
        """Its answer. Raises Learned where the link broke before there was one, however long that takes to learn.

        Raises OutcomeUnknown where the database is left before it could be learned.
        """
        try:
            return await write
        except OutcomeUnknown as error:
            if isinstance(error.__cause__, asyncio.CancelledError):
                raise
            self._tell(Toast(text=f"{error.message} {IS_LOOKED_UP}", severity="warning"))
            found = await self._look_up(error.write)
            if found is None:
                raise
            raise Learned(error.write.written, found) from error

    async def _look_up(self, write: Unconfirmed) -> LookedUp | None:
        waits = chain(_FIRST_WAITS, repeat(_LAST_WAIT))
        while not self._left.is_set():
            with suppress(StoreError):
                if (found := await self._store.look_up(write)) is not None:
                    return found
            with suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), next(waits))
        return None
