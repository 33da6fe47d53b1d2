"""Proves that NOTIFY arrives, then wakes pollers."""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator
from enum import Enum, auto

from sqlalchemy import text

from store.capabilities.facts import DatabaseFacts
from store.configuration.configuration import Pooler
from store.database.database import Database
from store.database.listening import ListenConnection
from store.database.query import Query, make_number
from store.errors import ServerFailure, StoreError, TimedOut, Unreachable
from store.poller import DEFAULT_INTERVAL, LONGEST_WAIT, wait_after_failure
from store.users.actor import OPERATOR

CHANNEL = "gjobs_jobs"
"""The payload is a job's id, or empty where several changed. It is not read: row level security may hide the job."""
LISTENER_LOCK = (1735353442, 1)
"""Held shared by the session that listens. The triggers tell nothing while nobody holds it: telling costs a writer."""
QUEUE_CHANNEL = "gjobs_queue"
"""Where a statement that queued jobs tells so, without saying which."""
IDLE_LOCK = (1735353442, 4)
"""Held shared by the session that listens for a worker with nothing to do: while nobody holds it, no job is told of."""
LONGEST_SILENCE = 0.1
"""Seconds after a word in which the triggers tell nothing further: whoever heard it waits for longer before looking."""
TRIGGERS = ("gjobs_count_inserted", "gjobs_count_updated", "gjobs_count_deleted", "gjobs_count_truncated")
"""They tell of all that happens to jobs."""

log = logging.getLogger(__name__)

PATIENCE_WITH_PROOF = 2.0
"""Seconds. Where something can arrive, it does within some milliseconds."""
_SHORTEST_GAP = 0.1
"""Seconds between two words: what changes together is told together."""

_NOTIFYING_TRIGGERS = text("""
select count(*)
  from pg_trigger
 where tgrelid = to_regclass('public.generation_jobs') and tgname = any(:names) and tgenabled in ('O', 'A')
   and current_setting('max_prepared_transactions')::integer = 0
""")
_NOTIFY = text("select 1 from pg_notify(:channel, '')")


class WakeUp(Enum):
    PROVEN = auto()
    """From here on changes are told, those soon after a word with it. What changed before was not."""
    CHANGED = auto()
    """Something did: which job is not said, for the eyes of the listener may not be those of who looks."""
    LOST = auto()
    """Until it is proven again nothing is told."""


async def wake_ups(database: Database) -> AsyncGenerator[WakeUp, None]:
    """Ends where listening is of no use, or refused; a lost link is made anew, later each time. Raises nothing.

    To be asked for only where `where.may_listen`.
    """
    loop, failures = asyncio.get_running_loop(), 0
    while True:
        began, is_proven = loop.time(), False
        try:
            if not await _has_triggers(database):
                return
            channel = f"gjobs_proof_{secrets.token_hex(8)}"
            async with database.listening(CHANNEL, channel, lock=LISTENER_LOCK) as listening:
                if not await notification_arrives(database, listening, channel):
                    log.info("No notification arrives from this database: it is polled only.")
                    return
                is_proven = True
                yield WakeUp.PROVEN
                while True:
                    await listening.wait_for_channels()
                    yield WakeUp.CHANGED
                    await asyncio.sleep(_SHORTEST_GAP)
        except StoreError as error:
            if not failures:
                log.info("Not woken by this database, but polling it: %s", error)
            is_final = not isinstance(error, (Unreachable, TimedOut, ServerFailure))
        if is_proven:
            yield WakeUp.LOST
        if is_final:
            return
        # One that is lost soon after each proof is tried as seldom as one that is never proven.
        failures = 1 if loop.time() - began > LONGEST_WAIT else failures + 1
        await asyncio.sleep(wait_after_failure(DEFAULT_INTERVAL, failures))


async def _has_triggers(database: Database) -> bool:
    """Whether the triggers that tell are there, and do. A transaction that may be prepared must not tell."""
    (number,) = await database.read(OPERATOR, Query(_NOTIFYING_TRIGGERS, make_number, {"names": list(TRIGGERS)}))
    return number == len(TRIGGERS)


async def notification_arrives(database: Database, listening: ListenConnection, channel: str) -> bool:
    """Whether what another session tells is heard."""
    try:
        async with asyncio.timeout(PATIENCE_WITH_PROOF):
            await database.read(OPERATOR, Query(_NOTIFY, make_number, {"channel": channel}))
            while channel not in await listening.wait_for_channels():
                pass
    except TimeoutError:
        return False
    return True


def may_listen(facts: DatabaseFacts, pooler: Pooler | None) -> bool:
    """`pooler` is what the profile says of one; None where it says nothing.

    Behind a pooler by transaction LISTEN is accepted, hears nothing, and stays behind on the server's connection: so it
    is not even tried where one may stand.
    """
    if facts.is_replica or not facts.is_managed or pooler is Pooler.TRANSACTION:
        return False
    return pooler is Pooler.SESSION or not facts.behind_pooler
