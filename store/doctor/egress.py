"""Estimates what an idle dashboard receives in a month. Hosts bill it as egress."""

from collections.abc import Awaitable
from dataclasses import dataclass
from math import ceil
from time import perf_counter

from gjobs.store.actor_database import ActorDatabase
from gjobs.store.capabilities.probe import CapabilityCache
from gjobs.store.database.changed_rows import ChangedRows
from gjobs.store.database.database import Database
from gjobs.store.database.traffic import Traffic
from gjobs.store.database.wake_ups import SILENCE
from gjobs.store.doctor.findings import Finding, Section, Severity, size
from gjobs.store.errors import StoreError
from gjobs.store.job_list import read_listing
from gjobs.store.job_list.list_query import ListingQuery
from gjobs.store.poller import FAST, LONGEST_COSTLY_WAIT, LONGEST_IDLE_WAIT
from gjobs.store.statistics.job_flow import seconds_to_keep
from gjobs.store.statistics.totals import TotalsQuery
from gjobs.store.statistics.totals_counter import TotalsCounter, count_capabilities
from gjobs.store.users.actor import OPERATOR

_MONTH = 30 * 24 * 3600.0
_POLLS = 5
"""After this number of polls, all rows are known and all statements are prepared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdlePolls:
    """The bytes received by polls that find no change."""

    is_woken: bool
    """Whether the database notifies of changes."""
    list_bytes: int
    count_bytes: int
    """The bytes of the counts. If `is_woken`, the flow is among them."""
    flow_bytes: int = 0
    """The bytes of the flow, if it is read separately."""
    flow_seconds: float = 0.0
    """How long a separate flow is kept."""
    is_counting_slow: bool = False
    """Whether the server needs long to count. Counts are then polled rarely."""

    @property
    def bytes_of_month(self) -> int:
        """The bytes that an idle dashboard receives."""
        # After each silence, only one of the two pollers polls. They take turns.
        list_wait = count_wait = 2 * SILENCE if self.is_woken else LONGEST_IDLE_WAIT
        if self.is_counting_slow:
            count_wait = max(count_wait, LONGEST_COSTLY_WAIT)
        flow_wait = count_wait * max(ceil(self.flow_seconds / count_wait), 1)
        return round(
            _MONTH * (self.list_bytes / list_wait + self.count_bytes / count_wait + self.flow_bytes / flow_wait)
        )


async def measure_polls(database: Database, *, is_woken: bool) -> IdlePolls | None:
    """Return None if the bytes are unknown, or if jobs are unreadable. `is_woken` if the database notifies of changes.
    The dashboard then reads the flow together with the counts.
    """
    actor_database = ActorDatabase(database, OPERATOR, CapabilityCache(database))
    listed_rows, counting, polls, slow_counts = ChangedRows(), TotalsCounter(database, OPERATOR), 0, 0
    flow_bytes, flow_took = 0, 0.0

    async def count() -> None:
        offers = await count_capabilities(actor_database, TotalsQuery())
        await counting.count(TotalsQuery(), offers, at=None, with_flow=is_woken)

    async def read_flow() -> None:
        offers = await count_capabilities(actor_database, TotalsQuery())
        await counting.read_flow(TotalsQuery(), offers, at=None)

    try:
        # A first count may be slow because the server's cache is empty.
        while polls < _POLLS and slow_counts < 2:
            polls += 1
            listing = read_listing.read_listing(actor_database, ListingQuery(), listed_rows, at=None)
            list_bytes, listed_within = await _measure(database, listing)
            count_bytes, counted_within = await _measure(database, count())
            if not is_woken:
                flow_bytes, flow_took = await _measure(database, read_flow())
            # Subtract the list's time, because both polls include a network round trip that is not server time.
            slow_counts = slow_counts + 1 if counted_within - listed_within >= FAST else 0
    except StoreError:
        return None
    if database.load.traffic() is None:
        return None
    return IdlePolls(
        is_woken=is_woken,
        list_bytes=list_bytes,
        count_bytes=count_bytes,
        flow_bytes=flow_bytes,
        flow_seconds=seconds_to_keep(flow_took),
        is_counting_slow=slow_counts > 0,
    )


async def _measure(database: Database, poll: Awaitable[object]) -> tuple[int, float]:
    """Return the received bytes and the seconds of a poll."""
    before, started = database.load.traffic() or Traffic(), perf_counter()
    await poll
    return ((database.load.traffic() or before) - before).received, perf_counter() - started


def egress_finding(polls: IdlePolls) -> Finding:
    return Finding(
        section=Section.CONNECTION,
        name="egress",
        severity=Severity.OK,
        sentence=f"An idle dashboard of the operator receives about {size(polls.bytes_of_month)} a month.",
    )
