"""A database's capabilities, asked for when somebody first needs them, and anew when an answer contradicts them."""

import asyncio
from contextlib import suppress

from store.actor import Actor
from store.capabilities.capabilities import Capabilities
from store.capabilities.feature import Feature
from store.capabilities.off import Off
from store.capabilities.probing import probe
from store.database import Database
from store.errors import StoreError


class Probed:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._asking = asyncio.Lock()
        self.latest: Capabilities | None = None
        """None until somebody asked."""

    async def get(self) -> Capabilities:
        async with self._asking:
            return self.latest or await self._ask()

    async def renew(self) -> Capabilities:
        """Somebody may have granted, or taken away, what the last answer was about."""
        async with self._asking:
            return await self._ask()

    async def renew_if_possible(self) -> None:
        """Where the database does not answer, what was known stays."""
        with suppress(StoreError):
            await self.renew()

    async def off_since(self, feature: Feature, actor: Actor) -> Off | None:
        """Asks the database anew; where it does not answer, what was known has to do."""
        await self.renew_if_possible()
        return self.latest.off(feature, actor) if self.latest else None

    async def _ask(self) -> Capabilities:
        self.latest = await probe(self._database)
        return self.latest
