"""What was counted exactly is not lost with what was looked at: it is shown again, as old as it is."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from store.filters.filter_text import parse
from store.job_list.list_query import ListOrder, ListQuery, OrderColumn
from store.jobs.job import JobStatus
from store.statistics.statistics import DayCost, JobStatistic, JobStatistics
from store.statistics.totals import Count, Precision, ProjectTotals, Totals, TotalsQuery, exact_counts
from store.users.actor import OPERATOR
from tests.tui.support import NOON
from tui.dashboard.memory import MOST_KEPT, TotalsCache

STATISTICS = JobStatistics(
    by_status=(JobStatistic(status=JobStatus.FAILED, count=12_000, total_cost_cents=24_000, avg_cost_cents=2.0),)
)

ALL = TotalsQuery()

FAILED = TotalsQuery.of_list(ListQuery(job_filter=parse("error:timeout", now=NOON)))

SLOW = TotalsQuery.of_list(ListQuery(job_filter=parse("took:>1h", now=NOON)))

CAPPED = Count(number=10_000, precision=Precision.CAPPED)

LATER = NOON + timedelta(minutes=3)


def exact(query: TotalsQuery = ALL) -> Totals:
    return Totals(
        query=query,
        counts=exact_counts(STATISTICS),
        statistics=STATISTICS,
        days=(DayCost(day=NOON.date(), job_count=1, total_cost_cents=2),),
        projects={UUID(int=1): ProjectTotals(job_count=12_000, total_cost_cents=24_000)},
        matching=Count(number=11_000) if query.matching else None,
        taken_at=NOON,
        actor=OPERATOR,
    )


def in_part(query: TotalsQuery = ALL) -> Totals:
    """As it is counted by itself, later."""
    return replace(
        exact(query),
        counts={JobStatus.FAILED: CAPPED},
        statistics=None,
        days=None,
        projects=None,
        matching=CAPPED if query.matching else None,
        taken_at=LATER,
    )


@pytest.fixture
def kept() -> TotalsCache:
    return TotalsCache()


@pytest.mark.parametrize("query", [ALL, FAILED])
def test_exact_totals_are_kept_with_their_age(kept: TotalsCache, query: TotalsQuery) -> None:
    kept.keep(exact(query))
    shown = kept.keep(in_part(query))
    assert (shown, shown.taken_at) == (exact(query), NOON)
    assert kept.keep(in_part(query)).taken_at == NOON


def test_project_totals_outlive_the_filter_they_were_counted_with(kept: TotalsCache) -> None:
    kept.keep(exact(FAILED))
    kept.keep(in_part(ALL))
    assert kept.keep(in_part(SLOW)) == replace(exact(SLOW), matching=CAPPED)
    assert kept.keep(in_part(FAILED)) == exact(FAILED)


def test_new_exact_totals_replace_kept_ones(kept: TotalsCache) -> None:
    kept.keep(replace(exact(), statistics=JobStatistics(by_status=()), counts={}))
    shown = kept.keep(replace(exact(), taken_at=LATER))
    assert (shown, shown.taken_at) == (exact(), LATER)


def test_fresh_exact_count_is_not_replaced_by_a_kept_one(kept: TotalsCache) -> None:
    kept.keep(exact())
    running = Count(number=3)
    shown = kept.keep(replace(in_part(), counts={JobStatus.RUNNING: running}))
    assert (shown.count(JobStatus.RUNNING), shown.count(JobStatus.FAILED)) == (running, Count(number=12_000))


def test_kept_totals_below_the_current_count_are_dropped(kept: TotalsCache) -> None:
    kept.keep(exact(FAILED))
    more = Count(number=20_000, precision=Precision.CAPPED)
    shown = kept.keep(replace(in_part(FAILED), counts={JobStatus.FAILED: more}, matching=more))
    assert (shown.statistics, shown.count(JobStatus.FAILED), shown.matching) == (None, more, more)
    assert shown.days is not None


def test_another_project_reuses_only_the_totals_per_project(kept: TotalsCache) -> None:
    kept.keep(exact())
    other = TotalsQuery(project_id=UUID(int=2))
    shown = kept.keep(in_part(other))
    assert (shown.statistics, shown.days, shown.projects) == (None, None, exact().projects)
    assert kept.best_totals(TotalsQuery(project_id=UUID(int=3))) is None


def test_recall_returns_kept_totals_of_an_earlier_query(kept: TotalsCache) -> None:
    assert kept.best_totals(FAILED) is None
    kept.keep(exact(FAILED))
    assert kept.best_totals(FAILED) == exact(FAILED)
    assert kept.best_totals(ALL) == exact(ALL)
    assert kept.best_totals(SLOW) == exact(ALL), "how many are slow is still to be counted"


def test_recall_ignores_the_order_of_the_list(kept: TotalsCache) -> None:
    kept.keep(exact(FAILED))
    dearest = replace(FAILED.matching or ListQuery(), order=ListOrder(column=OrderColumn.COST))
    assert kept.best_totals(TotalsQuery.of_list(dearest)) == exact(FAILED)


def test_totals_cache_drops_the_oldest_entries(kept: TotalsCache) -> None:
    kept.keep(exact())
    for number in range(MOST_KEPT):
        kept.keep(replace(in_part(), query=TotalsQuery(project_id=UUID(int=number + 1))))
    assert kept.best_totals(ALL) is None
