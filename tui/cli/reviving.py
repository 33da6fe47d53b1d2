"""A server of gjobs' own that died is started again, beside what waits for it meanwhile."""

import asyncio
import logging
from collections.abc import Callable

from store.errors import OutcomeUnknown, StoreError, Unreachable

log = logging.getLogger(__name__)


class Reviving:
    """`revive` starts what died, and says whether it had; it takes its time. None where the server is not ours."""

    def __init__(self, revive: Callable[[], bool] | None) -> None:
        self._revive = revive
        self._task: asyncio.Task[None] | None = None

    def after(self, error: StoreError) -> None:
        """Where it is of a kind that its death brings. Goes on in the background, once at a time."""
        if self._revive is None or not isinstance(error, (Unreachable, OutcomeUnknown)):
            return
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(self._revive))

    async def _run(self, revive: Callable[[], bool]) -> None:
        try:
            await asyncio.to_thread(revive)
        except StoreError as error:
            log.warning("The server that died cannot be started again: %s", error)
