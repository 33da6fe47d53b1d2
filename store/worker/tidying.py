"""Retention policies are applied now and then, beside the work on jobs and never in its place."""

import asyncio
from contextlib import aclosing
from uuid import UUID

from store.cancelled import is_being_cancelled
from store.errors import StoreError
from store.retention.policies import Applying, apply_policies
from store.store import Store
from store.worker.happenings import NotTidied, Report, Tidied
from store.worker.waits import is_set_within

LOOK_EVERY = 300.0
"""Seconds. A policy is due an hour after somebody last began to apply it, whoever that was."""


class Tidier:
    """Of any number of workers that tidy each policy is one's at a time."""

    def __init__(self, store: Store, report: Report, stopping: asyncio.Event) -> None:
        self._store = store
        self._report = report
        self._stopping = stopping

    async def run(self, *, once: bool) -> None:
        """Until the worker is to stop, which ends it between two batches; or `once`. Raises nothing of the database's:
        what a policy cannot do is told, and left for the next time.
        """
        while True:
            await self._apply()
            if once or await is_set_within(self._stopping, LOOK_EVERY):
                return

    async def _apply(self) -> None:
        applied: dict[UUID, Applying] = {}
        try:
            async with aclosing(apply_policies(self._store)) as steps:
                async for step in steps:
                    applied[step.policy.id] = step
                    if self._stopping.is_set():
                        break
        except StoreError as error:
            self._report(NotTidied(error))
            if is_being_cancelled():  # a commit that is broken off tells that nobody knows what became of it
                raise asyncio.CancelledError from error
        for step in applied.values():
            self._report(Tidied(step.policy, step.progress))
