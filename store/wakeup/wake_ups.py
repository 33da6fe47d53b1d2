"""Listening on a connection of its own, after it has been proven that what is told arrives."""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator
from enum import Enum, auto

from sqlalchemy import text

from store.actor import OPERATOR
from store.database import Database, Listening, Query
from store.errors import StoreError, TimedOut, Unreachable
from store.pacing import DEFAULT_INTERVAL, LONGEST_WAIT, wait_after_failure
from store.statements.rows import make_number
from store.wakeup.contract import CHANNEL, LISTENER_LOCK, TRIGGERS

log = logging.getLogger(__name__)

PATIENCE_WITH_PROOF = 2.0
"""Seconds. Where something can arrive, it does within some milliseconds."""
_SHORTEST_GAP = 0.1
"""Seconds between two words: what changes together is told together."""

_TRIGGERS_THAT_TELL = text("""
select count(*)
  from pg_trigger
 where tgrelid = to_regclass('public.generation_jobs') and tgname = any(:names) and tgenabled in ('O', 'A')
   and current_setting('max_prepared_transactions')::integer = 0
""")
_TELL = text("select 1 from pg_notify(:channel, '')")


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
            if not await _is_told(database):
                return
            channel = f"gjobs_proof_{secrets.token_hex(8)}"
            async with database.listening(CHANNEL, channel, lock=LISTENER_LOCK) as listening:
                if not await arrives(database, listening, channel):
                    log.info("No notification arrives from this database: it is polled only.")
                    return
                is_proven = True
                yield WakeUp.PROVEN
                while True:
                    await listening.heard()
                    yield WakeUp.CHANGED
                    await asyncio.sleep(_SHORTEST_GAP)
        except StoreError as error:
            if not failures:
                log.info("Not woken by this database, but polling it: %s", error)
            is_final = not isinstance(error, (Unreachable, TimedOut))
        if is_proven:
            yield WakeUp.LOST
        if is_final:
            return
        # One that is lost soon after each proof is tried as seldom as one that is never proven.
        failures = 1 if loop.time() - began > LONGEST_WAIT else failures + 1
        await asyncio.sleep(wait_after_failure(DEFAULT_INTERVAL, failures))


async def _is_told(database: Database) -> bool:
    """Whether the triggers that tell are there, and do. A transaction that may be prepared must not tell."""
    (number,) = await database.read(OPERATOR, Query(_TRIGGERS_THAT_TELL, make_number, {"names": list(TRIGGERS)}))
    return number == len(TRIGGERS)


async def arrives(database: Database, listening: Listening, channel: str) -> bool:
    """Whether what another session tells is heard."""
    try:
        async with asyncio.timeout(PATIENCE_WITH_PROOF):
            await database.read(OPERATOR, Query(_TELL, make_number, {"channel": channel}))
            while channel not in await listening.heard():
                pass
    except TimeoutError:
        return False
    return True
