"""A watch that misses nothing and tells nothing twice: it reads what the triggers have recorded.

An event's id says nothing of when it becomes visible: a transaction that began early may commit late. So they are read
in the order of their transactions, and only up to the oldest that is still open.
"""

import asyncio
from collections.abc import Set

from store.actor import OPERATOR, Actor
from store.database import Database
from store.errors import InvalidValue
from store.filters.keys import Key
from store.filters.model import JobFilter
from store.statements import watching
from store.watching.model import Batch, Cursor, HeldBack

ROWS = 500
"""Of a batch."""
HELD_FOR = 5.0
"""Seconds for which a transaction may keep something back before it is told."""

_NOTHING = "1:1:"
"""The snapshot of a time at which nothing had happened."""


class Recorded:
    """`after` is where an earlier watch ended; None begins now. `readable` are the names that the filter may use."""

    def __init__(
        self, database: Database, actor: Actor, job_filter: JobFilter, *, readable: Set[Key], after: Cursor | None
    ) -> None:
        self._database = database
        self._actor = actor
        self._filter = job_filter
        self._readable = readable
        self._cursor = after
        self._is_resumed = after is not None
        """Whether the place is an earlier watch's, and nothing has been read from there yet."""
        self._start = _NOTHING
        self._held_since: tuple[int, float] | None = None
        """The oldest open transaction while it keeps something back, and since when, by the loop's clock."""

    async def read(self) -> Batch:
        if self._cursor is None:
            ((self._cursor, self._start),) = await self._database.read(self._actor, watching.start())
            return Batch(transitions=(), cursor=self._cursor)
        query = watching.recorded(
            self._filter, readable=self._readable, after=self._cursor, start=self._start, limit=ROWS
        )
        rows = await self._database.read(self._actor, query)
        read_to, waits, _ = rows[0]
        if self._is_resumed and read_to.transaction_id < self._cursor.transaction_id:
            raise _not_come_to(self._cursor, read_to)
        self._is_resumed = False
        transitions = tuple(transition for _, _, transition in rows if transition is not None)
        has_more = len(transitions) == ROWS
        held_back = None if has_more or not waits else await self._held_back(read_to.transaction_id)
        if not waits:
            self._held_since = None
        last = transitions[-1].cursor if has_more else read_to
        # What has been read stays read, also where the clock of transactions was set back.
        self._cursor = max(self._cursor, last or read_to)
        return Batch(transitions=transitions, has_more=has_more, held_back=held_back, cursor=self._cursor)

    async def _held_back(self, oldest: int) -> HeldBack | None:
        now = asyncio.get_running_loop().time()
        if self._held_since is None or self._held_since[0] != oldest:
            self._held_since = (oldest, now)
        if now - self._held_since[1] < HELD_FOR:
            return None
        holders = await self._database.read(OPERATOR, watching.holder(oldest))
        return holders[0] if holders else HeldBack(process_id=None, application=None, since=None)


def _not_come_to(place: Cursor, now: Cursor) -> InvalidValue:
    """Nothing would be told until it has, however much happens before."""
    return InvalidValue(
        "cursor",
        f"The watch is to go on after transaction {place.transaction_id}, and this database has not come to that: it is"
        f" at {now.transaction_id}.",
        hint="It is another database, was restored since, or lags behind. Begin a watch without that place.",
    )
