"""Claims jobs; waits for NOTIFY or polls when idle."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress

from store.async_tools import is_set_within
from store.database.database import Database
from store.database.listening import ListenConnection, ReadyStatement
from store.database.wake_ups import IDLE_LOCK, QUEUE_CHANNEL, arrives
from store.errors import StoreError, TimedOut, Unreachable
from store.leases.lease import ClaimedJob
from store.poller import wait_after_failure
from store.worker.in_flight import InFlightJobs
from store.worker.lease_client import LeaseClient
from store.worker.worker_events import OutageBackoff, is_transient

log = logging.getLogger(__name__)

_FIRST_PAUSE = 5.0
"""Seconds after which a lost link is made anew, later each time."""


class QueueListener:
    """Not through a pooler by transaction: there LISTEN hears nothing and stays behind."""

    def __init__(self, database: Database, leases: LeaseClient, *, may_listen: bool) -> None:
        self._database = database
        self._leases = leases
        self._may_listen = may_listen
        self._link = AsyncExitStack()
        self._listening: ListenConnection | None = None
        self._standing_by: ReadyStatement | None = None
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

    async def claimed(self, most: int) -> list[ClaimedJob]:
        """What it waited for and claimed. Raises a StoreError, and makes the link anew then: it may be its fault."""
        if self._standing_by is None:
            raise Unreachable("The link is closed.")
        try:
            return await self._standing_by.answer(self._leases.claiming(most))
        except StoreError as error:
            await self._part(error)
            if is_transient(error):
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


FIRST_POLL, LONGEST_POLL = 0.05, 2.0
"""Seconds between two questions to an empty queue: twice as many each time."""
LONGEST_POLL_WHEN_TOLD = 15.0
"""Where each job that is queued is told: to make sure."""

CLAIMS_AT_ONCE = 4
"""While jobs are queued that there are hands for: a claim mostly waits, for the link and for the disk."""


class Claimer:
    """One of its claims leads: it alone waits while nothing is queued, and says when the others may help."""

    def __init__(
        self,
        leases: LeaseClient,
        hands: InFlightJobs,
        waking: QueueListener,
        patience: OutageBackoff,
        *,
        batch: int,
        stopping: asyncio.Event,
    ) -> None:
        self._leases = leases
        self._hands = hands
        self._waking = waking
        self._patience = patience
        self._batch = batch
        self._stopping = stopping
        self._is_to_look = asyncio.Event()
        """Whether waiting is over before its time."""
        self._is_sure = True
        """Whether all that the database holds as this worker's is known here."""
        self._asked_for = 0
        """Jobs, by the claims under way."""
        self._flows = asyncio.Event()
        """Whether the last claim brought all that it asked for."""

    def look(self) -> None:
        """Waiting is over: a job falls due that did not when it was last asked for, or the worker is to stop."""
        self._is_to_look.set()

    async def run(self, *, once: bool) -> None:
        """Until it is to stop; or `once`: until nothing is to be had or in hand. Raises what does not pass."""
        async with asyncio.TaskGroup() as group:
            helping = [group.create_task(self._help()) for _ in range(CLAIMS_AT_ONCE - 1)]
            await self._lead(once=once)
            await self._claims_are_answered()
            for task in helping:
                task.cancel()

    async def _lead(self, *, once: bool) -> None:
        polls = asked_for = 0
        is_asked = False
        """Whether so many jobs were asked for as one was told of."""
        while is_asked or not self._stopping.is_set():
            if not is_asked and (asked_for := self._room) == 0:
                await self._hands.changes()
                continue
            try:
                if is_asked:
                    is_asked = False
                    found = await self._claim(asked_for, self._waking.claimed)
                elif self._is_sure:
                    found = await self._claim(asked_for, self._leases.claim)
                else:
                    await self._learn_what_is_held()
                    continue
            except StoreError as error:
                await is_set_within(self._stopping, self._patience.failed(error))
                continue
            self._patience.succeeded()
            if found:
                polls = 0
                if found == asked_for:
                    await self._waking.unregister()
                    self._flows.set()
            elif not self._is_sure:
                continue
            elif once:
                if self._hands.is_empty and not self._asked_for:
                    return
                await self._hands.changes()
            elif not self._waking.is_told and await self._waking.register():
                continue  # once more, for what was queued before was not told
            else:
                is_asked = await self._wait(asked_for, polls)
                polls += 1

    async def _help(self) -> None:
        """What keeps a claim from being made is met by the one that leads, too."""
        while True:
            await self._flows.wait()
            if self._stopping.is_set() or not self._is_sure or (asked_for := self._room) == 0:
                await self._hands.changes()
                continue
            with suppress(StoreError):
                await self._claim(asked_for, self._leases.claim)

    @property
    def _room(self) -> int:
        """How many jobs may be asked for."""
        return max(0, min(self._hands.free - self._asked_for, self._batch))

    async def _claim(self, most: int, claim: Callable[[int], Awaitable[list[ClaimedJob]]]) -> int:
        """How many there were."""
        self._asked_for += most
        found = 0
        try:
            claims = await claim(most)
            found = len(claims)
        except StoreError:
            # It may have been done all the same, and the answer lost.
            self._is_sure = False
            self._is_to_look.set()
            raise
        finally:
            self._asked_for -= most
            if found < most:
                self._flows.clear()
            self._hands.wake()
        for claimed in claims:
            self._hands.begin(claimed)
        await asyncio.sleep(0)  # What has begun goes before the next claim.
        return found

    async def _claims_are_answered(self) -> None:
        while self._asked_for:
            await self._hands.changes()

    async def _learn_what_is_held(self) -> None:
        """No claim may be under way, nor begin until it is sure: what it finds would be begun twice."""
        await self._claims_are_answered()
        # Asked before, for what ends meanwhile is found and no more in hand.
        known = {held.job_id for held in self._hands.held()}
        for claimed in await self._leases.claimed_before():
            if claimed.job.id not in known and not self._hands.has_left(claimed.held):
                self._hands.begin(claimed)
        self._is_sure = True
        self._hands.wake()

    async def _wait(self, asked_for: int, polls: int) -> bool:
        """Whether so many jobs were asked for as one was told of."""
        if self._waking.is_told:
            seconds = LONGEST_POLL_WHEN_TOLD
        else:
            seconds = min(FIRST_POLL * 2.0 ** min(polls, 16), LONGEST_POLL)
        self._is_to_look.clear()
        if self._stopping.is_set() or not self._is_sure:
            return False
        try:
            due = await self._leases.next_due()
        except StoreError as error:
            seconds, due = self._patience.failed(error), None
        if due is not None:
            seconds = min(seconds, max(due, FIRST_POLL))
        return await self._waking.wait(asked_for, seconds, self._is_to_look)
