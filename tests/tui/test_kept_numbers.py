"""What was counted exactly is not lost with what was looked at: it is shown again, as old as it is."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from store.filters.filter_text import parse
from store.job_list.list_query import ListOrder, ListQuery, OrderColumn
from store.jobs.job import JobStatus
from store.statistics.statistics import DayCost, JobStatistic, JobStatistics
from store.statistics.totals import Certainty, Counted, Numbers, NumbersQuery, ProjectSums, exact_counts
from store.users.actor import OPERATOR
from tests.tui.support import NOON
from tui.dashboard.memory import MOST_KEPT, KeptNumbers

STATISTICS = JobStatistics(
    by_status=(JobStatistic(status=JobStatus.FAILED, count=12_000, total_cost_cents=24_000, avg_cost_cents=2.0),)
)

ALL = NumbersQuery()

FAILED = NumbersQuery.of_list(ListQuery(job_filter=parse("error:timeout", now=NOON)))

SLOW = NumbersQuery.of_list(ListQuery(job_filter=parse("took:>1h", now=NOON)))

CAPPED = Counted(number=10_000, certainty=Certainty.CAPPED)

LATER = NOON + timedelta(minutes=3)


def exact(query: NumbersQuery = ALL) -> Numbers:
    return Numbers(
        query=query,
        counts=exact_counts(STATISTICS),
        statistics=STATISTICS,
        days=(DayCost(day=NOON.date(), job_count=1, total_cost_cents=2),),
        projects={UUID(int=1): ProjectSums(job_count=12_000, total_cost_cents=24_000)},
        matching=Counted(number=11_000) if query.matching else None,
        taken_at=NOON,
        actor=OPERATOR,
    )


def in_part(query: NumbersQuery = ALL) -> Numbers:
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
def kept() -> KeptNumbers:
    return KeptNumbers()


@pytest.mark.parametrize("query", [ALL, FAILED])
def test_exact_numbers_stay_and_keep_their_age(kept: KeptNumbers, query: NumbersQuery) -> None:
    kept.keep(exact(query))
    shown = kept.keep(in_part(query))
    assert (shown, shown.taken_at) == (exact(query), NOON)
    assert kept.keep(in_part(query)).taken_at == NOON


def test_the_projects_numbers_outlast_the_filter_beside_which_they_were_counted(kept: KeptNumbers) -> None:
    kept.keep(exact(FAILED))
    kept.keep(in_part(ALL))
    assert kept.keep(in_part(SLOW)) == replace(exact(SLOW), matching=CAPPED)
    assert kept.keep(in_part(FAILED)) == exact(FAILED)


def test_what_is_exact_by_itself_is_shown_as_new(kept: KeptNumbers) -> None:
    kept.keep(replace(exact(), statistics=JobStatistics(by_status=()), counts={}))
    shown = kept.keep(replace(exact(), taken_at=LATER))
    assert (shown, shown.taken_at) == (exact(), LATER)


def test_a_count_that_came_in_time_is_not_replaced(kept: KeptNumbers) -> None:
    kept.keep(exact())
    running = Counted(number=3)
    shown = kept.keep(replace(in_part(), counts={JobStatus.RUNNING: running}))
    assert (shown.count(JobStatus.RUNNING), shown.count(JobStatus.FAILED)) == (running, Counted(number=12_000))


def test_what_cannot_be_true_any_more_is_not_shown(kept: KeptNumbers) -> None:
    kept.keep(exact(FAILED))
    more = Counted(number=20_000, certainty=Certainty.CAPPED)
    shown = kept.keep(replace(in_part(FAILED), counts={JobStatus.FAILED: more}, matching=more))
    assert (shown.statistics, shown.count(JobStatus.FAILED), shown.matching) == (None, more, more)
    assert shown.days is not None


def test_of_another_project_nothing_is_taken_but_the_sums_of_all(kept: KeptNumbers) -> None:
    kept.keep(exact())
    other = NumbersQuery(project_id=UUID(int=2))
    shown = kept.keep(in_part(other))
    assert (shown.statistics, shown.days, shown.projects) == (None, None, exact().projects)
    assert kept.recall(NumbersQuery(project_id=UUID(int=3))) is None


def test_what_is_looked_at_again_is_known_at_once(kept: KeptNumbers) -> None:
    assert kept.recall(FAILED) is None
    kept.keep(exact(FAILED))
    assert kept.recall(FAILED) == exact(FAILED)
    assert kept.recall(ALL) == exact(ALL)
    assert kept.recall(SLOW) == exact(ALL), "how many are slow is still to be counted"


def test_the_order_of_a_list_changes_nothing(kept: KeptNumbers) -> None:
    kept.keep(exact(FAILED))
    dearest = replace(FAILED.matching or ListQuery(), order=ListOrder(column=OrderColumn.COST))
    assert kept.recall(NumbersQuery.of_list(dearest)) == exact(FAILED)


def test_memory_is_bounded(kept: KeptNumbers) -> None:
    kept.keep(exact())
    for number in range(MOST_KEPT):
        kept.keep(replace(in_part(), query=NumbersQuery(project_id=UUID(int=number + 1))))
    assert kept.recall(ALL) is None
