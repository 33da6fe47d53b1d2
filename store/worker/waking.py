"""An idle worker hears of new jobs at once where the database can tell, and asks now and then in any case."""

import asyncio
import logging
import secrets
from contextlib import AsyncExitStack

from store.database import Database, Listening, StandingBy
from store.errors import StoreError, TimedOut, Unreachable
from store.pacing import wait_after_failure
from store.wakeup.contract import IDLE_LOCK, QUEUE_CHANNEL
from store.wakeup.wake_ups import arrives
from store.worker.leases import Leases
from store.worker.model import Claimed
from store.worker.trouble import passes
from store.worker.waits import is_set_within

log = logging.getLogger(__name__)

_FIRST_PAUSE = 5.0
"""Seconds after which a lost link is made anew, later each time."""


class Waking:
    """Not through a pooler by transaction: there LISTEN hears nothing and stays behind."""

    def __init__(self, database: Database, leases: Leases, *, may_listen: bool) -> None:
        self._database = database
        self._leases = leases
        self._may_listen = may_listen
        self._link = AsyncExitStack()
        self._listening: Listening | None = None
        self._standing_by: StandingBy | None = None
        self._is_registered = False
        self._is_proven = False
        """Whether something has ever arrived."""
        self._failures = 0
        self._not_before = 0.0

    @property
    def is_told(self) -> bool:
        """Whether the next job that is queued wakes the worker."""
        return self._is_registered

    async def close(self) -> None:
        self._listening, self._standing_by, self._is_registered = None, None, False
        await self._link.aclose()

    async def register(self) -> bool:
        """The worker has nothing to do: whether each job that is queued from here on is told."""
        if not self._may_listen or asyncio.get_running_loop().time() < self._not_before:
            return False
        try:
            if self._listening is None:
                await self._listen()
            if self._listening is not None:
                await self._listening.hold(IDLE_LOCK)
                self._is_registered, self._failures = True, 0
        except StoreError as error:
            await self._lost(error)
        return self._is_registered

    async def unregister(self) -> None:
        """It has: who queues jobs need not take the trouble to tell."""
        if self._listening is None or not self._is_registered:
            return
        try:
            self._is_registered = False
            await self._listening.let_go(IDLE_LOCK)
        except StoreError as error:
            await self._lost(error)

    async def wait(self, most: int, seconds: float, is_to_look: asyncio.Event) -> bool:
        """Until a job was queued, where that is told, or the event is set; so long at most.

        Says whether so many jobs were claimed with that, which `claimed` then has.
        """
        if self._standing_by is None:
            await is_set_within(is_to_look, seconds)
            return False
        try:
            await self._standing_by.prepare(self._leases.claiming(most))
            return await self._standing_by.sent(is_to_look, seconds)
        except StoreError as error:
            await self._lost(error)
            return False

    async def claimed(self, most: int) -> list[Claimed]:
        """What it waited for and claimed. Raises a StoreError, and makes the link anew then: it may be its fault."""
        if self._standing_by is None:
            raise Unreachable("The link is closed.")
        try:
            return await self._standing_by.answer(self._leases.claiming(most))
        except StoreError as error:
            await self._part(error)
            if passes(error):
                raise
            # It may be of this link alone, as a statement that the server has forgotten. The next claim tells.
            raise Unreachable("A claim over the link that tells of jobs failed.") from error

    async def _listen(self) -> None:
        proof = f"gjobs_proof_{secrets.token_hex(8)}"
        listening = await self._link.enter_async_context(self._database.listening(QUEUE_CHANNEL, proof))
        if await arrives(self._database, listening, proof):
            self._listening, self._is_proven = listening, True
            self._standing_by = self._leases.standing_by(listening)
        elif self._is_proven:
            raise TimedOut("No notification arrived.")
        else:
            log.info("No notification arrives from this database: the queue is polled only.")
            self._may_listen = False
            await self._link.aclose()

    async def _lost(self, error: StoreError) -> None:
        self._may_listen = isinstance(error, (Unreachable, TimedOut))
        await self._part(error)

    async def _part(self, error: StoreError) -> None:
        log.info("Not woken by this database, but polling it: %s", error)
        self._failures += 1
        self._not_before = asyncio.get_running_loop().time() + wait_after_failure(_FIRST_PAUSE, self._failures)
        await self.close()
