"""Leases are renewed in time, and what handlers tell of their progress is passed on."""

import asyncio
import time

from store.errors import StoreError
from store.model.worker import SILENT_AFTER
from store.worker.hands import Hands
from store.worker.leases import Leases
from store.worker.trouble import Patience

RENEWALS = 3
"""In the time that a lease lasts, and in that after which a worker counts as silent."""
NOTES_EVERY = 1.0
"""Seconds."""


def interval(lease_seconds: float) -> float:
    """Seconds between two renewals, each of which says that the worker is alive, too."""
    return min(lease_seconds, SILENT_AFTER.total_seconds()) / RENEWALS


class Keeper:
    def __init__(self, leases: Leases, hands: Hands, patience: Patience) -> None:
        self._leases = leases
        self._hands = hands
        self._patience = patience

    async def run(self) -> None:
        """Until it is cancelled. Raises what does not pass by itself."""
        pause = interval(self._leases.seconds)
        tick = min(NOTES_EVERY, pause)
        renewed_at = time.monotonic()
        while True:
            await asyncio.sleep(tick)
            progress = self._hands.progress()
            now = time.monotonic()
            if not progress and now - renewed_at < pause:
                continue
            held = self._hands.held()
            try:
                still = await self._leases.renew(held, progress)
            except StoreError as error:
                await asyncio.sleep(min(self._patience.failed(error), tick))
            else:
                renewed_at = now
                self._patience.succeeded()
                self._hands.is_told(progress)
                self._hands.drop(one for one in held if one.job_id not in still)
