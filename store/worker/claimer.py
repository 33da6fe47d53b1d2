"""Jobs are claimed as there are hands for them, and waited for when there are none."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from store.errors import StoreError
from store.worker.hands import Hands
from store.worker.leases import Leases
from store.worker.trouble import Patience
from store.worker.waking import Waking

FIRST_POLL, LONGEST_POLL = 0.05, 2.0
"""Seconds between two questions to an empty queue: twice as many each time."""
LONGEST_POLL_WHEN_TOLD = 15.0
"""Where each job that is queued is told: to make sure."""


class Claimer:
    def __init__(
        self, leases: Leases, hands: Hands, waking: Waking, patience: Patience, *, batch: int, stopping: asyncio.Event
    ) -> None:
        self._leases = leases
        self._hands = hands
        self._waking = waking
        self._patience = patience
        self._batch = batch
        self._stopping = stopping
        self._is_postponed = asyncio.Event()
        self._is_sure = True
        """Whether all that the database holds as this worker's is known here."""

    def note_postponed(self) -> None:
        """A job falls due that did not when it was last asked for."""
        self._is_postponed.set()

    async def run(self, *, once: bool) -> None:
        """Until it is to stop; or `once`: until nothing is to be had or in hand. Raises what does not pass."""
        polls = 0
        while not self._stopping.is_set():
            if (free := self._hands.free) == 0:
                await self._hands.changes()
                continue
            asked_for = min(free, self._batch)
            try:
                found = await self._claim(asked_for)
            except StoreError as error:
                # It may have been done all the same, and the answer lost.
                self._is_sure = False
                await self._unless_stopping(asyncio.sleep(self._patience.failed(error)))
                continue
            self._patience.succeeded()
            if found:
                polls = 0
                if found == asked_for:
                    await self._waking.unregister()
            elif once:
                if self._hands.is_empty:
                    return
                await self._hands.changes()
            elif not self._waking.is_told and await self._waking.register():
                continue  # once more, for what was queued before was not told
            else:
                await self._wait(polls)
                polls += 1

    async def _claim(self, most: int) -> int:
        """How many there were."""
        if not self._is_sure:
            # Asked before, for what ends meanwhile is found and no more in hand.
            known = {held.job_id for held in self._hands.held()}
            for claimed in await self._leases.claimed_before():
                if claimed.job.id not in known:
                    self._hands.begin(claimed)
            self._is_sure = True
        claims = await self._leases.claim(most)
        for claimed in claims:
            self._hands.begin(claimed)
        return len(claims)

    async def _wait(self, polls: int) -> None:
        if self._waking.is_told:
            seconds = LONGEST_POLL_WHEN_TOLD
        else:
            seconds = min(FIRST_POLL * 2.0 ** min(polls, 16), LONGEST_POLL)
        self._is_postponed.clear()
        try:
            due = await self._leases.next_due()
        except StoreError as error:
            seconds, due = self._patience.failed(error), None
        if due is not None:
            seconds = min(seconds, max(due, FIRST_POLL))
        await self._unless_stopping(self._waking.wait(seconds))

    async def _unless_stopping(self, waiting: Coroutine[Any, Any, object]) -> None:
        """Ends it as soon as the worker is to stop, or a job has been postponed."""
        ends = (waiting, self._stopping.wait(), self._is_postponed.wait())
        tasks = [asyncio.create_task(end) for end in ends]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
