"""Prepare the next write while queries for lists and counts run."""

import asyncio
import logging
from math import inf
from typing import TYPE_CHECKING

from gjobs.store.errors import SignInRefused, StoreError

if TYPE_CHECKING:
    from gjobs.store.database.database import Database

log = logging.getLogger(__name__)

RETRY_AFTER = 180.0
"""Seconds from a failed attempt to the next one."""


class WritePreparation:
    """Opens the spare connection for writes in a task of its own, because connecting may take many seconds.

    A refused sign-in is not tried again, because hosts ban addresses for repeated failures.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._retry_at = 0.0
        """No attempt is made before this time, by the event loop's clock."""

    def start(self, database: "Database", network_time: float) -> None:
        """Prepare the next write, unless an attempt is running or failed a short time ago."""
        if self._task is not None:
            if not self._task.done():
                return
            self._task.result()  # Raises an unexpected error.
        if asyncio.get_running_loop().time() >= self._retry_at:
            self._task = asyncio.create_task(self._prepare(database, network_time))

    async def stop(self) -> None:
        """End the running attempt."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _prepare(self, database: "Database", network_time: float) -> None:
        try:
            await database.prepare_write(network_time)
        except StoreError as error:
            wait = inf if isinstance(error, SignInRefused) else RETRY_AFTER
            self._retry_at = asyncio.get_running_loop().time() + wait
            log.info("Can't open a spare connection for writes: %s", error)
