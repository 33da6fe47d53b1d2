"""Counts the totals exactly, page by page, so that counting can be stopped."""

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from gjobs.store.budgets.budget import named_for
from gjobs.store.database import query as query_module
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, TimeLimits
from gjobs.store.errors import Locked, TimedOut
from gjobs.store.job_list.listing import MOST_LISTED_PROJECTS
from gjobs.store.jobs.job import AnyStatus
from gjobs.store.statistics import count_sql, statistics_sql
from gjobs.store.statistics.count_sql import PageRange, PageTotal
from gjobs.store.statistics.statistics import DayCost, JobStatistic, JobStatistics
from gjobs.store.statistics.totals import Count, ProjectTotals, Totals, TotalsQuery, exact_counts
from gjobs.store.statistics.totals_counter import CountCapabilities, totals_part
from gjobs.store.users.actor import OPERATOR, Actor

K = TypeVar("K", bound=Hashable)

BUDGET = 60.0
"""Seconds for the whole count. A snapshot held for long prevents the server from cleaning up."""
PAGES_AT_ONCE = 4_096
"""This is 32 MB. Reading it from memory takes a few hundredths of a second."""

Report = Callable[[int, int], object]
"""Receives the number of counted pages, and of all pages."""


async def count_totals_exactly(
    database: Database,
    actor: Actor,
    query: TotalsQuery,
    capabilities: CountCapabilities,
    *,
    at: datetime | None,
    report: Report,
    budget: float = BUDGET,
    pages_at_once: int = PAGES_AT_ONCE,
    clock: Callable[[], float] = time.monotonic,
) -> Totals:
    """Count everything in one snapshot. Raises TimedOut if the time limit is not enough. Cancel the call to stop it."""
    ends_at = clock() + budget
    page_totals: list[PageTotal] = []
    matching = 0
    with _raising_timeouts(budget):
        async with database.snapshot(limits=TimeLimits(statement=budget)) as snapshot:
            ((taken_at,), listed, (pages,), *budgets) = await snapshot.read(
                actor, *_read_once(actor, query, capabilities, at)
            )
            for some in ranges(pages, pages_at_once):
                left = ends_at - clock()
                if left <= 0:
                    raise _too_long(budget)
                report(some.first, pages)
                asked = count_sql.totals_on_pages(
                    some, project_id=query.project_id, project_ids=listed, days=query.days, at=at
                )
                further = _matching_on(some, query, capabilities)
                found, *numbers = await snapshot.read(actor, asked, *further, within=left / (1 + len(further)))
                page_totals += found
                matching += sum(number for (number,) in numbers)
    report(pages, pages)
    found_statistics = _statistics(page_totals)
    return Totals(
        query=query,
        counts=exact_counts(found_statistics),
        statistics=found_statistics,
        days=statistics_sql.without_gaps(_days(page_totals), today=taken_at.date(), days=query.days),
        projects=_projects(page_totals),
        matching=None if query.matching is None else Count(number=matching),
        budgets=named_for(actor, budgets[0]) if budgets else None,
        taken_at=taken_at,
        actor=actor,
        partial_claims=capabilities.partial_claims,
    )


def _read_once(
    actor: Actor, query: TotalsQuery, capabilities: CountCapabilities, at: datetime | None
) -> list[Query[Any]]:
    """Return the queries for the time, the projects, the number of pages, and the budgets if the database keeps any."""
    projects = count_sql.listed_projects(
        has_projects=capabilities.has_projects, of_one_user=actor != OPERATOR, limit=MOST_LISTED_PROJECTS
    )
    budgets = [totals_part(query, capabilities.budgets, at=at)] if capabilities.budgets else []
    return [query_module.clock(at), projects, count_sql.PAGE_COUNT, *budgets]


def _matching_on(some: PageRange, query: TotalsQuery, capabilities: CountCapabilities) -> list[Query[int]]:
    """Return the query that counts the jobs of `query.matching` on these pages. Empty without `query.matching`."""
    if query.matching is None:
        return []
    return [count_sql.matching_on_pages(some, query.matching, readable=capabilities.readable)]


@contextmanager
def _raising_timeouts(budget: float) -> Iterator[None]:
    """Report a stopped statement as an exceeded time limit. A lock or a lost connection keeps its own error."""
    try:
        yield
    except TimedOut as error:
        if isinstance(error, Locked) or error.sqlstate is None:
            raise
        raise _too_long(budget) from error


def _too_long(budget: float) -> TimedOut:
    return TimedOut(f"Counting took longer than {budget:g} s and was stopped.")


def ranges(pages: int, at_once: int) -> Iterator[PageRange]:
    """Yield ranges that cover all pages and any that are added later."""
    firsts = range(0, max(pages, 1), at_once)
    for first in firsts:
        yield PageRange(first, None if first == firsts[-1] else first + at_once)


def _statistics(page_totals: list[PageTotal]) -> JobStatistics:
    number: Counter[AnyStatus]
    cents: Counter[AnyStatus]
    number, cents = _added(page_totals, lambda one: one.status)
    return statistics_sql.in_workflow_order(
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


def _days(page_totals: list[PageTotal]) -> list[DayCost]:
    number, cents = _added(page_totals, lambda one: one.day)
    return [DayCost(day=day, job_count=number[day], total_cost_cents=cents[day]) for day in number]


def _projects(page_totals: list[PageTotal]) -> Mapping[UUID, ProjectTotals]:
    number, cents = _added(page_totals, lambda one: one.project_id)
    return {one: ProjectTotals(job_count=number[one], total_cost_cents=cents[one]) for one in number}


def _added(page_totals: list[PageTotal], of: Callable[[PageTotal], K | None]) -> tuple[Counter[K], Counter[K]]:
    """Return the number of jobs, and their cents, for each key that `of` returns."""
    number: Counter[K] = Counter()
    cents: Counter[K] = Counter()
    for one in page_totals:
        if (what := of(one)) is not None:
            number[what] += one.job_count
            cents[what] += one.total_cost_cents
    return number, cents
