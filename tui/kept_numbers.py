"""What was counted with the present eyes, kept for when it is looked at again: exact numbers grow old, and stay. Pure.

Each part stands for itself: what took a minute to count is not lost with the filter beside which it was counted.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from store.numbers.certainty import Certainty, Counted, exact_counts
from store.numbers.query import NumbersQuery

if TYPE_CHECKING:
    from store.model import JobStatistics, JobStatus
    from store.numbers.model import Numbers

MOST_KEPT = 64
"""Queries; the one counted the longest ago goes first."""


class KeptNumbers:
    def __init__(self) -> None:
        self._kept: OrderedDict[NumbersQuery, Numbers] = OrderedDict()

    def keep(self, numbers: "Numbers") -> "Numbers":
        """The same, with what was exact before in place of what is not; as old as the oldest of it."""
        completed = self._completed(numbers)
        self._kept[numbers.query] = completed
        self._kept.move_to_end(numbers.query)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return completed

    def recall(self, query: NumbersQuery) -> "Numbers | None":
        """What is known of it, or else of its project alone; None where that is nothing."""
        if query in self._kept:
            return self._completed(self._kept[query])
        of_project = replace(query, matching=None)
        known = next((kept for kept in self._newest_first() if replace(kept.query, matching=None) == of_project), None)
        return None if known is None else self._completed(replace(known, query=of_project, matching=None))

    def _newest_first(self) -> "list[Numbers]":
        return list(reversed(self._kept.values()))

    def _completed(self, numbers: "Numbers") -> "Numbers":
        for complete in (_with_statistics, _with_days, _with_projects, _with_matching):
            kept_first = (better for kept in self._newest_first() if (better := complete(numbers, kept)) is not None)
            numbers = next(kept_first, numbers)
        return numbers


def _with_statistics(numbers: "Numbers", kept: "Numbers") -> "Numbers | None":
    if numbers.statistics is not None or kept.statistics is None or not _is_of_same_project(numbers, kept):
        return None
    if any(_disproves(count, kept.statistics.count(status)) for status, count in numbers.counts.items()):
        return None
    return _as_old(replace(numbers, statistics=kept.statistics, counts=_counts(kept.statistics, numbers.counts)), kept)


def _counts(kept: "JobStatistics", seen: "Mapping[JobStatus, Counted]") -> "Mapping[JobStatus, Counted]":
    return {**exact_counts(kept), **{status: count for status, count in seen.items() if _is_exact(count)}}


def _with_days(numbers: "Numbers", kept: "Numbers") -> "Numbers | None":
    if numbers.days is not None or kept.days is None or not _is_of_same_project(numbers, kept):
        return None
    return _as_old(replace(numbers, days=kept.days), kept)


def _with_projects(numbers: "Numbers", kept: "Numbers") -> "Numbers | None":
    if numbers.projects is not None or kept.projects is None:
        return None
    return _as_old(replace(numbers, projects=kept.projects), kept)


def _with_matching(numbers: "Numbers", kept: "Numbers") -> "Numbers | None":
    if numbers.query.matching is None or kept.query.matching != numbers.query.matching or _is_exact(numbers.matching):
        return None
    if kept.matching is None or not _is_exact(kept.matching) or _disproves(numbers.matching, kept.matching.number):
        return None
    return _as_old(replace(numbers, matching=kept.matching), kept)


def _is_of_same_project(numbers: "Numbers", kept: "Numbers") -> bool:
    return replace(numbers.query, matching=None) == replace(kept.query, matching=None)


def _is_exact(count: Counted | None) -> bool:
    return count is not None and count.certainty is Certainty.EXACT


def _disproves(seen: Counted | None, kept: int) -> bool:
    """Whether there are more by now than were counted then."""
    return seen is not None and seen.certainty is Certainty.CAPPED and seen.number > kept


def _as_old(numbers: "Numbers", kept: "Numbers") -> "Numbers":
    return replace(numbers, taken_at=min(numbers.taken_at, kept.taken_at))
