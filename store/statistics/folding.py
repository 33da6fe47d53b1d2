"""Folds recorded events into the rollups, outside of the app's writes."""

import asyncio
import logging
import time

from sqlalchemy import Integer, bindparam, text

from gjobs.store.actor_database import ActorDatabase
from gjobs.store.capabilities.capability import Capability
from gjobs.store.database.query import Query, first_column
from gjobs.store.errors import Locked, StoreError
from gjobs.store.system.async_tools import is_set_within

MOST_AT_ONCE = 20_000
"""The events of one call. The events of a transaction are folded together, even if they are more."""
PAUSE_SECONDS = 60.0
"""Between two calls beside other work. Readers add the events that are not folded yet."""

_IS_BUSY, _IS_VOID = -1, -2
"""The answers of `gjobs.fold_events` if another session folds, and if the jobs must be counted first."""

_FOLD = text("SELECT gjobs.fold_events(:most)").bindparams(bindparam("most", type_=Integer))
_COUNT: Query[int] = Query(text("SELECT gjobs.count_again()"), first_column)

log = logging.getLogger(__name__)


async def fold_events(actor_database: ActorDatabase) -> int:
    """Fold recorded events, and return their number. Without valid rollups, count the jobs again instead.

    Raises Locked if another session folds, and SchemaMissing or NoPrivilege if this one can't.
    """
    await actor_database.require(Capability.MIGRATED)
    answer = await _asked(actor_database, Query(_FOLD, first_column, {"most": MOST_AT_ONCE}))
    if answer == _IS_VOID:
        answer = await _asked(actor_database, _COUNT)
    if answer == _IS_BUSY:
        raise Locked("Another session folds the events just now.", hint="Try again.")
    return answer


async def _asked(actor_database: ActorDatabase, query: Query[int]) -> int:
    ((answer,),) = await actor_database.database.write_pipelined(actor_database.actor, "fold events", query)
    return int(answer)


class Folder:
    """Folds at intervals, beside other work. Failures are only logged, because others fold, too."""

    def __init__(self, actor_database: ActorDatabase) -> None:
        self._actor_database = actor_database
        self._due = time.monotonic() + PAUSE_SECONDS

    async def fold_if_due(self) -> None:
        """Never fold in a read-only session or while acting as a user."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + PAUSE_SECONDS
        await fold_quietly(self._actor_database)


async def fold_quietly(actor_database: ActorDatabase) -> None:
    """Fold events if this session may write as the operator. Failures are only logged."""
    if not actor_database.is_operators or not actor_database.database.access.may_write:
        return
    try:
        if await actor_database.has(Capability.ROLLUPS):
            await fold_events(actor_database)
    except StoreError as error:
        log.info("Can't fold events: %s", error)


async def fold_until(actor_database: ActorDatabase, stopping: asyncio.Event) -> None:
    """Fold at intervals until `stopping` is set."""
    while not await is_set_within(stopping, PAUSE_SECONDS):
        await fold_quietly(actor_database)
