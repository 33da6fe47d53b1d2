"""Counting a table of any size exactly, because somebody asked for it: bit by bit, within one snapshot.

So it says how far it has come, can be stopped, and is as exact as one statement would be. Each page is read once.
"""

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from store.actor import ActingUser, Actor
from store.budgets.model import named_for
from store.database import Database, TimeLimits
from store.errors import Locked, TimedOut
from store.model import DayCost, JobStatistic, JobStatistics
from store.numbers.certainty import Counted, exact_counts
from store.numbers.counting import MOST_PROJECTS, Offered, of_numbers
from store.numbers.model import Numbers, ProjectSums
from store.numbers.query import NumbersQuery
from store.statements import counts, page_counts, statistics
from store.statements.page_counts import Pages, Sum

K = TypeVar("K", bound=Hashable)

BUDGET = 60.0
"""Seconds, of all together: a snapshot that is kept for long keeps the server from tidying up."""
PAGES_AT_ONCE = 4_096
"""32 MB: some hundredths of a second from memory."""

Report = Callable[[int, int], object]
"""Receives how many pages have been counted, and how many there are."""


async def count_exactly(
    database: Database,
    actor: Actor,
    query: NumbersQuery,
    offered: Offered,
    *,
    at: datetime | None,
    report: Report,
    budget: float = BUDGET,
    pages_at_once: int = PAGES_AT_ONCE,
    clock: Callable[[], float] = time.monotonic,
) -> Numbers:
    """Raises TimedOut where the budget was not enough. To be stopped, it is cancelled."""
    ends_at = clock() + budget
    sums: list[Sum] = []
    matching = 0
    with _told(budget):
        async with database.snapshot(limits=TimeLimits(statement=budget)) as snapshot:
            ((taken_at,), listed, (pages,), *budgets) = await snapshot.read(
                actor,
                statistics.clock(at),
                counts.listed_projects(
                    has_projects=offered.has_projects, of_one_user=isinstance(actor, ActingUser), limit=MOST_PROJECTS
                ),
                page_counts.PAGES,
                *([of_numbers(query, offered.budgets, at=at)] if offered.budgets else []),
            )
            for some in ranges(pages, pages_at_once):
                left = ends_at - clock()
                if left <= 0:
                    raise _too_long(budget)
                report(some.first, pages)
                asked = page_counts.sums(some, project_id=query.project_id, project_ids=listed, days=query.days, at=at)
                if query.matching is None:
                    (found,) = await snapshot.read(actor, asked, within=left)
                else:
                    further = page_counts.matching(some, query.matching, readable=offered.readable)
                    found, (number,) = await snapshot.read(actor, asked, further, within=left / 2)
                    matching += number
                sums += found
    report(pages, pages)
    found_statistics = _statistics(sums)
    return Numbers(
        query=query,
        counts=exact_counts(found_statistics),
        statistics=found_statistics,
        days=statistics.without_gaps(_days(sums), today=taken_at.date(), days=query.days),
        projects=_projects(sums),
        matching=None if query.matching is None else Counted(number=matching),
        budgets=named_for(actor, budgets[0]) if budgets else None,
        taken_at=taken_at,
        actor=actor,
    )


@contextmanager
def _told(budget: float) -> Iterator[None]:
    """A statement that was stopped was so because the budget was used up; a lock, or a dead link, is something else."""
    try:
        yield
    except TimedOut as error:
        if isinstance(error, Locked) or error.sqlstate is None:
            raise
        raise _too_long(budget) from error


def _too_long(budget: float) -> TimedOut:
    return TimedOut(f"Counting took longer than {budget:g} s, and was given up.")


def ranges(pages: int, at_once: int) -> Iterator[Pages]:
    """All pages, and whatever lies beyond them."""
    firsts = range(0, max(pages, 1), at_once)
    for first in firsts:
        yield Pages(first, None if first == firsts[-1] else first + at_once)


def _statistics(sums: list[Sum]) -> JobStatistics:
    number, cents = _added(sums, lambda one: one.status)
    return statistics.in_workflow_order(
        [
            JobStatistic(
                status=status,
                count=number[status],
                total_cost_cents=cents[status],
                avg_cost_cents=round(cents[status] / number[status], 2),
            )
            for status in number
        ]
    )


def _days(sums: list[Sum]) -> list[DayCost]:
    number, cents = _added(sums, lambda one: one.day)
    return [DayCost(day=day, job_count=number[day], total_cost_cents=cents[day]) for day in number]


def _projects(sums: list[Sum]) -> Mapping[UUID, ProjectSums]:
    number, cents = _added(sums, lambda one: one.project_id)
    return {one: ProjectSums(job_count=number[one], total_cost_cents=cents[one]) for one in number}


def _added(sums: list[Sum], of: Callable[[Sum], K | None]) -> tuple[Counter[K], Counter[K]]:
    """The jobs and the cents of each."""
    number: Counter[K] = Counter()
    cents: Counter[K] = Counter()
    for one in sums:
        if (what := of(one)) is not None:
            number[what] += one.job_count
            cents[what] += one.total_cost_cents
    return number, cents
