"""Check that NOTIFY arrives, and then wake pollers on changes."""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator
from enum import Enum, auto

from sqlalchemy import text

from gjobs.store.capabilities.capability import DatabaseFacts
from gjobs.store.configuration.settings import Pooler
from gjobs.store.database.database import Database, ListenConnection
from gjobs.store.database.query import Query, make_number
from gjobs.store.errors import ServerFailure, StoreError, TimedOut, Unreachable
from gjobs.store.poller import DEFAULT_INTERVAL, LONGEST_WAIT, wait_after_failure
from gjobs.store.users.actor import OPERATOR

CHANNEL = "gjobs_jobs"
"""The payload is a job's id, or empty if several changed. It is ignored, as row level security may hide the job."""
LISTENER_LOCK = (1735353442, 1)
"""Held in shared mode by listening sessions. Triggers notify only while it is held, as each NOTIFY slows a writer."""
QUEUE_CHANNEL = "gjobs_queue"
"""Notified by each statement that queues jobs, without their ids."""
IDLE_LOCK = (1735353442, 4)
"""Held in shared mode by the listening sessions of idle workers. Queued jobs are announced only while it is held."""
TRIGGERS = ("gjobs_created", "gjobs_changed", "gjobs_deleted", "gjobs_truncated")
"""Together they announce all changes of jobs."""

log = logging.getLogger(__name__)

PATIENCE_WITH_PROOF = 2.0
"""Seconds. If notifications can arrive at all, they take some milliseconds."""
SILENCE = 60.0
"""Seconds without a notification after which a single poll makes sure that none was lost."""
_SHORTEST_GAP = 0.1
"""Seconds between two wake-ups, so that changes close together cause only one."""

_NOTIFYING_TRIGGERS = text("""
select count(*)
  from pg_trigger
 where tgrelid = to_regclass('public.generation_jobs') and tgname = any(:names) and tgenabled in ('O', 'A')
   and current_setting('max_prepared_transactions')::integer = 0
""")
_NOTIFY = text("select 1 from pg_notify(:channel, '')")


class WakeUp(Enum):
    PROVEN = auto()
    """Notifications arrive from now on. Earlier changes were not announced."""
    CHANGED = auto()
    """Some job changed. The event doesn't say which, as the reader may not be allowed to see it."""
    SILENT = auto()
    """Nothing was announced for SILENCE seconds. The connection is open."""
    LOST = auto()
    """No changes are announced until PROVEN is sent again."""


async def wake_ups(database: Database) -> AsyncGenerator[WakeUp, None]:
    """Yield wake-ups. Reconnects after a lost connection, with growing waits. Raises nothing.

    Ends if listening is refused or useless. Call this only if `may_listen` returns true.
    """
    loop, failures = asyncio.get_running_loop(), 0
    while True:
        began, is_proven = loop.time(), False
        try:
            if not await announces_changes(database):
                return
            channel = f"gjobs_proof_{secrets.token_hex(8)}"
            async with database.listening(CHANNEL, channel, lock=LISTENER_LOCK) as listening:
                if not await notification_arrives(database, listening, channel):
                    log.info("Notifications from this database do not arrive, so gjobs polls it.")
                    return
                is_proven = True
                yield WakeUp.PROVEN
                while True:
                    yield await _next_change(listening)
                    await asyncio.sleep(_SHORTEST_GAP)
        except StoreError as error:
            if not failures:
                log.info("Listening failed, so this database is polled: %s", error)
            is_final = not isinstance(error, (Unreachable, TimedOut, ServerFailure))
        if is_proven:
            yield WakeUp.LOST
        if is_final:
            return
        # If connections are repeatedly lost soon after PROVEN, the waits also grow, as if PROVEN had never been sent.
        failures = 1 if loop.time() - began > LONGEST_WAIT else failures + 1
        await asyncio.sleep(wait_after_failure(DEFAULT_INTERVAL, failures))


async def _next_change(listening: ListenConnection) -> WakeUp:
    try:
        async with asyncio.timeout(SILENCE):
            await listening.wait_for_channels()
    except TimeoutError:
        return WakeUp.SILENT
    return WakeUp.CHANGED


async def announces_changes(database: Database) -> bool:
    """Return whether triggers notify of all changes of jobs. Prepared transactions can't notify, so the server must
    not allow them.
    """
    (number,) = await database.read(OPERATOR, Query(_NOTIFYING_TRIGGERS, make_number, {"names": list(TRIGGERS)}))
    return number == len(TRIGGERS)


async def notification_arrives(database: Database, listening: ListenConnection, channel: str) -> bool:
    """Return whether a notification from another session arrives."""
    await database.read(OPERATOR, Query(_NOTIFY, make_number, {"channel": channel}))
    try:
        async with asyncio.timeout(PATIENCE_WITH_PROOF):
            while channel not in await listening.wait_for_channels():
                pass
    except TimeoutError:
        # The event loop may have been blocked. The notification then waits unread.
        return channel in listening.taken()
    return True


def may_listen(facts: DatabaseFacts, pooler: Pooler | None) -> bool:
    """Return whether listening can work. `pooler` is the profile's setting, or None.

    A transaction pooler accepts LISTEN, but delivers no notifications, and the server's connection keeps listening.
    So listening is not even tried if there may be one.
    """
    if facts.is_replica or not facts.is_managed or pooler is Pooler.TRANSACTION:
        return False
    return pooler is Pooler.SESSION or not facts.behind_pooler
