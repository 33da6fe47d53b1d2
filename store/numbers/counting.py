"""Counting: exactly within a time limit, and where that is too short, as far as it goes.

Where a database keeps sums they are read in place of the jobs, however many those are. Each part that is counted stands
for itself: that one of them cost too much takes nothing from the others.
"""

import time
from collections.abc import Callable, Hashable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Any

from store.actor import ActingUser, Actor
from store.advising.indexes import is_guessed
from store.advising.plans import read_plan
from store.budgets.model import Budget, named_for
from store.database import Database, Query
from store.database.explaining import explained
from store.errors import Locked, TimedOut
from store.filters.keys import Key
from store.listing.query import NEWEST_FIRST, ListQuery
from store.model import JobStatus
from store.numbers.allowance import Allowance, TooDear
from store.numbers.certainty import Certainty, Counted, exact_counts
from store.numbers.model import Numbers
from store.numbers.query import NumbersQuery
from store.statements import budgets, counts, rollups, statistics
from store.statements.budgets import Readable

MOST_PROJECTS = 500
"""So many are named by a listing."""
MOST_BUDGETS = 20
"""So many are shown beside the numbers."""
MOST_SUMMED = 10_000
"""Those that a listing names are among so many whose sums the database keeps."""


class Part(Enum):
    STATISTICS = auto()
    DAYS = auto()
    PROJECTS = auto()
    MATCHING = auto()
    MATCHING_AT_MOST = auto()
    BUDGETS = auto()


What = Part | JobStatus
"""What is counted for itself: a status, and the list up to the cap, are where the whole costs too much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What the database offers to the actor."""

    has_projects: bool
    """Whether projects may be read themselves."""
    has_sums: bool
    """Whether the database keeps sums beside the jobs, so that nothing has to be counted."""
    readable: Set[Key]
    """The names that the filter may look up."""
    may_estimate: bool
    """Whether the actor sees every row: the planner counts those that are hidden, too."""
    budgets: Readable | None = None
    """What tells their names; None where the database keeps none."""


class Counting:
    """With one actor's eyes. Remembers what took too long, so that not every look runs into the limit again."""

    def __init__(
        self,
        database: Database,
        actor: Actor,
        *,
        allowance: Allowance | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._actor = actor
        self._allowance = allowance or Allowance()
        self._dear = TooDear(clock)

    async def count(self, query: NumbersQuery, offered: Offered, *, at: datetime | None) -> Numbers:
        whole = _whole(query, offered, at, of_one_user=isinstance(self._actor, ActingUser))
        taken_at, answers = await self._in_time(query, whole, at)
        by_status, days, projects = (answers.get(part) for part in (Part.STATISTICS, Part.DAYS, Part.PROJECTS))
        found = None if by_status is None else statistics.in_workflow_order(by_status)
        lists: dict[What, ListQuery] = {}
        if found is None:
            lists |= {status: ListQuery(project_id=query.project_id, status=status) for status in JobStatus}
        if query.matching is not None and Part.MATCHING not in answers:
            lists[Part.MATCHING_AT_MOST] = query.matching
        lengths = await self._lengths(query, lists, offered)
        some = {status: length for status, length in lengths.items() if isinstance(status, JobStatus)}
        return Numbers(
            query=query,
            counts=some if found is None else exact_counts(found),
            statistics=found,
            days=None if days is None else statistics.without_gaps(days, today=taken_at.date(), days=query.days),
            projects=None if projects is None else dict(projects),
            matching=_exact(answers.get(Part.MATCHING)) or lengths.get(Part.MATCHING_AT_MOST),
            budgets=named_for(self._actor, answers[Part.BUDGETS]) if Part.BUDGETS in answers else None,
            taken_at=taken_at,
            actor=self._actor,
        )

    async def _lengths(
        self, query: NumbersQuery, lists: Mapping[What, ListQuery], offered: Offered
    ) -> Mapping[What, Counted]:
        """How long each list is, as far as that can be known."""
        cap = self._allowance.cap
        asked = {
            what: counts.matching_at_most(listed, most=cap + 1, readable=offered.readable)
            for what, listed in lists.items()
        }
        _, answers = await self._in_time(query, asked, None)
        capped: dict[What, int] = {what: number for what, (number,) in answers.items()}
        estimates = await self._estimates(
            {what: listed for what, listed in lists.items() if capped.get(what, cap + 1) > cap}, offered
        )
        lengths = {what: _length(capped.get(what), estimates.get(what), cap) for what in lists}
        return {what: length for what, length in lengths.items() if length is not None}

    async def _estimates(self, lists: Mapping[What, ListQuery], offered: Offered) -> Mapping[What, int]:
        """None for whom they would count what is hidden, nor of what the planner has no statistics of."""
        lists = {what: listed for what, listed in lists.items() if not is_guessed(listed)}
        if not offered.may_estimate or not lists:
            return {}
        planned = [explained(counts.matching(listed, readable=offered.readable)) for listed in lists.values()]
        plans = await self._database.read_together(self._actor, *planned, limits=self._allowance.limits)
        return {what: read_plan(plan).rows for what, (plan,) in zip(lists, plans, strict=True)}

    async def _in_time(
        self, query: NumbersQuery, parts: Mapping[What, Query[Any]], at: datetime | None
    ) -> tuple[datetime, dict[What, list[Any]]]:
        """The server's time, and the rows of those parts that came back in time: of one snapshot where all did."""
        tried = {what: asked for what, asked in parts.items() if not self._dear.is_resting(_scope(what, query))}
        try:
            taken_at, answers = await self._read(tried, at)
        except TimedOut as error:
            _raise_unless_dear(error)
            taken_at, _ = await self._read({}, at)
            answers = await self._one_by_one(tried, at)
        for what in tried:
            (self._dear.forget if what in answers else self._dear.note)(_scope(what, query))
        return taken_at, answers

    async def _one_by_one(self, parts: Mapping[What, Query[Any]], at: datetime | None) -> dict[What, list[Any]]:
        answers: dict[What, list[Any]] = {}
        for what, asked in parts.items():
            try:
                answers |= (await self._read({what: asked}, at))[1]
            except TimedOut as error:
                _raise_unless_dear(error)
        return answers

    async def _read(
        self, parts: Mapping[What, Query[Any]], at: datetime | None
    ) -> tuple[datetime, dict[What, list[Any]]]:
        (taken_at,), *rows = await self._database.read_together(
            self._actor, statistics.clock(at), *parts.values(), limits=self._allowance.limits
        )
        return taken_at, dict(zip(parts, rows, strict=True))


def _whole(query: NumbersQuery, offered: Offered, at: datetime | None, *, of_one_user: bool) -> dict[What, Query[Any]]:
    """What is exact or is not there, in the order in which it is taken."""
    whole: dict[What, Query[Any]]
    if offered.has_sums:
        whole = {
            Part.STATISTICS: rollups.by_status(query.project_id),
            Part.DAYS: rollups.by_day(query.project_id, days=query.days, at=at),
            Part.PROJECTS: rollups.by_project(limit=MOST_SUMMED),
        }
    else:
        whole = {
            Part.STATISTICS: statistics.by_status(query.project_id),
            Part.DAYS: statistics.by_day(query.project_id, days=query.days, at=at),
            Part.PROJECTS: counts.of_projects(
                has_projects=offered.has_projects, of_one_user=of_one_user, limit=MOST_PROJECTS
            ),
        }
    if query.matching is not None:
        whole[Part.MATCHING] = counts.all_matching(query.matching, readable=offered.readable)
    if offered.budgets is not None:
        whole[Part.BUDGETS] = of_numbers(query, offered.budgets, at=at)
    return whole


def of_numbers(query: NumbersQuery, readable: Readable, *, at: datetime | None) -> Query[Budget]:
    """Of the query's project, or those with the least left of all."""
    return budgets.described(query.project_id, limit=MOST_BUDGETS, readable=readable, at=at)


def _exact(answer: list[Any] | None) -> Counted | None:
    """None where it did not come in time."""
    return None if answer is None else Counted(number=answer[0])


def _length(capped: int | None, estimate: int | None, cap: int) -> Counted | None:
    """The best that is known of it: `capped` is what was counted, no more than one beyond the cap."""
    if capped is not None and capped <= cap:
        return Counted(number=capped)
    # An estimate below what was counted is worth nothing.
    if estimate is not None and (capped is None or estimate > cap):
        return Counted(number=estimate, certainty=Certainty.ESTIMATED)
    return None if capped is None else Counted(number=cap, certainty=Certainty.CAPPED)


def _scope(what: What, query: NumbersQuery) -> Hashable:
    """All that its cost depends on."""
    if what is Part.PROJECTS:
        return what
    if what in (Part.MATCHING, Part.MATCHING_AT_MOST) and query.matching is not None:
        return what, replace(query.matching, order=NEWEST_FIRST)
    return what, query.project_id


def _raise_unless_dear(error: TimedOut) -> None:
    """A lock, or a dead link, says nothing of what counting costs."""
    if isinstance(error, Locked) or error.sqlstate is None:
        raise error
