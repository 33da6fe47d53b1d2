"""Estimates what an idle dashboard receives in a month. Hosts bill it as egress."""

from time import perf_counter

from store.actor_database import ActorDatabase
from store.capabilities.facts import DatabaseFacts
from store.capabilities.probe import CapabilityCache
from store.database.changed_rows import ChangedRows
from store.database.database import Database
from store.database.wake_ups import SILENCE, may_listen
from store.doctor.findings import Finding, Section, Severity, size
from store.errors import StoreError
from store.job_list import read_listing
from store.job_list.list_query import ListingQuery
from store.poller import FAST, LONGEST_IDLE_WAIT
from store.statistics.totals import TotalsQuery
from store.statistics.totals_counter import TotalsCounter, count_capabilities
from store.users.actor import OPERATOR

_MONTH = 30 * 24 * 3600.0
_WARM_UP = 4
"""The number of polls after which all rows are known and all statements are prepared."""


async def measure_poll(database: Database) -> int | None:
    """Return the bytes of a poll that finds nothing changed. None if they are unknown, or if jobs are unreadable."""
    actor_database = ActorDatabase(database, OPERATOR, CapabilityCache(database))
    listed_rows, counting, counts, received = ChangedRows(), TotalsCounter(database, OPERATOR), True, 0
    if (before := database.load.traffic()) is None:
        return None
    try:
        for _ in range(_WARM_UP + 1):
            await read_listing.read_listing(actor_database, ListingQuery(), listed_rows, at=None)
            if counts:
                started = perf_counter()
                offers = await count_capabilities(actor_database, TotalsQuery())
                await counting.count(TotalsQuery(), offers, at=None)
                # Slow totals are counted so rarely that their bytes don't matter.
                counts = perf_counter() - started < FAST
            after = database.load.traffic() or before
            received, before = (after - before).received, after
    except StoreError:
        return None
    return received


def egress_finding(facts: DatabaseFacts, bytes_of_poll: int) -> Finding:
    # List and counts are polled in turn after each silence.
    wait = 2 * SILENCE if may_listen(facts, None) else LONGEST_IDLE_WAIT
    return Finding(
        section=Section.CONNECTION,
        name="egress",
        severity=Severity.OK,
        sentence=f"An idle dashboard receives about {size(round(bytes_of_poll * _MONTH / wait))} a month.",
    )
