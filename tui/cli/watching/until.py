"""Asks whether a condition holds, of what was told and of the database."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.filters.keys import Key
from store.filters.model import JobFilter
from store.filters.terms import Term
from store.model import JobStatus
from store.transitions import is_final
from store.watching.model import Transition
from tui.cli.watching.conditions import Condition, Counted, Tally

if TYPE_CHECKING:
    from store.store import Store

LIVE = Term(key=Key.STATUS, values=tuple(status.value for status in JobStatus if not is_final(status)))
"""Holds for jobs that may still move."""


class Until:
    def __init__(self, store: "Store", job_filter: JobFilter, conditions: Sequence[Condition]) -> None:
        self._store = store
        self._filter = job_filter
        self._conditions = conditions
        self._tally = Tally()

    def told(self, transition: Transition) -> Condition | None:
        """A condition that holds since this was told."""
        self._tally.add(transition)
        return next((one for one in self._conditions if self._tally.met(one)), None)

    async def now(self) -> Condition | None:
        """A condition on the jobs that are left, where it holds."""
        asked = [one for one in self._conditions if one.counted is Counted.LEFT]
        if not asked:
            return None
        most = max(one.number for one in asked) + 1
        number = await self._store.count_jobs(JobFilter(terms=(*self._filter.terms, LIVE)), most=most)
        return next((one for one in asked if one.holds(number)), None)
