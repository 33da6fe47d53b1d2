"""The lines of the cost panel, at every width."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.job_list.list_query import ListQuery
from store.jobs.job import AnyStatus, JobStatus
from store.statistics.statistics import DayCost, JobStatistic, JobStatistics
from store.statistics.totals import Count, Precision, Totals, TotalsQuery, exact_counts
from store.users.actor import OPERATOR, ActingUser
from tests.store.support import ADA, NOW
from tui.dashboard.statistics.costs_panel import cost_lines
from tui.dashboard.statistics.count_text import count_words, is_whole, totals_note
from tui.text.format import Span

amounts = st.integers(-(10**6), 10**9)


def numbers(shown: Sequence[DayCost], **rows: tuple[int, int]) -> Totals:
    """Of `queued=(6, 1200)` are six jobs for twelve dollars."""
    statistics = JobStatistics(
        by_status=tuple(
            JobStatistic(
                status=JobStatus(status), count=count, total_cost_cents=cents, avg_cost_cents=round(cents / count, 2)
            )
            for status, (count, cents) in rows.items()
        )
    )
    return Totals(
        query=TotalsQuery(),
        counts=exact_counts(statistics),
        statistics=statistics,
        days=tuple(shown),
        projects={},
        matching=None,
        taken_at=NOW,
        actor=OPERATOR,
    )


def days(*cents: int) -> list[DayCost]:
    first = date(2026, 11, 1)
    return [
        DayCost(day=first + timedelta(days=number), job_count=1, total_cost_cents=amount)
        for number, amount in enumerate(cents)
    ]


USUAL = numbers(days(0, 100, 700), queued=(6, 1200), running=(2, 450), succeeded=(104, 24875), failed=(9, 1800))


def texts(lines: list[list[Span]]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def test_wide_cost_panel_shows_every_figure() -> None:
    assert texts(cost_lines(USUAL, width=110, height=4)) == [
        "◌ queued 6       ▸ running 2      ✓ succeeded 104      ✗ failed 9       Total 121",
        "$12.00           $4.50            $248.75              $18.00           $283.25",
        "$2.00 a job      $2.25 a job      $2.39 a job          $2.00 a job      $2.34 a job",
        "92 % of the finished succeed   86 % of all   ▁▂█   3 days, $7.00 today",
    ]


@pytest.mark.parametrize(
    ("width", "height", "lines"),
    [
        (
            80,
            3,
            [
                "◌ queued 6 ▸ running 2 ✓ succeeded 104 ✗ failed 9 Total 121",
                "$12.00 $4.50 $248.75 $18.00 $283.25",
                "92 % of the finished succeed 86 % of all ▁▂█ 3 days, $7.00 today",
            ],
        ),
        (56, 2, ["◌ 6 ▸ 2 ✓ 104 ✗ 9 Total 121", "$12.00 $4.50 $248.75 $18.00 $283.25"]),
        (36, 2, ["▸ 2 ✓ 104 ✗ 9 Total 121", "$4.50 $248.75 $18.00 $283.25"]),
        (
            64,
            4,
            [
                "◌ 6 ▸ 2 ✓ 104 ✗ 9 Total 121",
                "$12.00 $4.50 $248.75 $18.00 $283.25",
                "$2.00 a job $2.25 a job $2.39 a job $2.00 a job $2.34 a job",
                "92 % of the finished succeed ▁▂█ 3 days, $7.00 today",
            ],
        ),
        (
            36,
            4,
            [
                "▸ 2 ✓ 104 ✗ 9 Total 121",
                "$4.50 $248.75 $18.00 $283.25",
                "92 % of the finished succeed",
                "▁▂█ 3 days, $7.00 today",
            ],
        ),
        (9, 2, ["Total 121", "$283.25"]),
    ],
)
def test_narrow_cost_panel_drops_the_least_important_figures(width: int, height: int, lines: list[str]) -> None:
    shown = texts(cost_lines(USUAL, width=width, height=height))

    assert [" ".join(line.split()) for line in shown] == lines
    assert max(map(len, shown)) <= width


def test_cost_panel_without_jobs_shows_zeros_and_no_averages() -> None:
    assert texts(cost_lines(numbers(days(0, 0)), width=110, height=4)) == [
        "◌ queued 0      ▸ running 0      ✓ succeeded 0      ✗ failed 0      Total 0",
        "$0.00           $0.00            $0.00              $0.00           $0.00",
        "–               –                –                  –               –",
        "nothing has finished   ▁▁   2 days, $0.00 today",
    ]


@given(
    st.dictionaries(st.sampled_from([status.value for status in JobStatus]), st.tuples(st.integers(1, 10**7), amounts)),
    st.integers(45, 200),
    st.integers(2, 4),
)
def test_cost_lines_fill_the_panel_and_none_is_wider(rows: dict[str, tuple[int, int]], width: int, height: int) -> None:
    lines = cost_lines(numbers(days(*[100] * 14), **rows), width=width, height=height)

    assert len(lines) == height
    assert all(len(line) <= width for line in texts(lines))


def known_in_part(counts: Mapping[AnyStatus, Count]) -> Totals:
    return replace(USUAL, counts=counts, statistics=None, days=None, projects=None)


SOME = Count(number=10_000, precision=Precision.CAPPED)

CAPPED = known_in_part({JobStatus.QUEUED: SOME, JobStatus.RUNNING: Count(number=2)})

FILTERED = TotalsQuery(matching=ListQuery())

ESTIMATED = known_in_part(
    {
        status: SOME if status is JobStatus.RUNNING else Count(number=412_000, precision=Precision.ESTIMATED)
        for status in JobStatus
    }
)


def test_unknown_costs_are_not_shown_as_zero() -> None:
    assert texts(cost_lines(CAPPED, width=110, height=4)) == [
        "◌ queued ≥ 10,000      ▸ running 2      ✓ succeeded –      ✗ failed –      Total ≥ 10,002",
        "–                      –                –                  –               –",
        "costs not added up",
        "days not counted",
    ]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (None, "–"),
        (Count(number=0), "0"),
        (Count(number=1_234), "1,234"),
        (SOME, "≥ 10,000"),
        (Count(number=412_345, precision=Precision.ESTIMATED), "~412,000"),
        (Count(number=7_998_984, precision=Precision.ESTIMATED), "~8,000,000"),
        (Count(number=12_060, precision=Precision.ESTIMATED), "~12,100"),
        (Count(number=998, precision=Precision.ESTIMATED), "~998"),
    ],
)
def test_count_is_shown_with_its_precision_mark(number: Count | None, words: str) -> None:
    assert count_words(number) == words


@pytest.mark.parametrize(
    ("numbers", "seconds", "words"),
    [
        (USUAL, 3, "exact · just now · as the operator"),
        (
            replace(USUAL, actor=ActingUser(id=ADA, email="ada@example.com")),
            43.0,
            "exact · 40 s old · as ada@example.com",
        ),
        (USUAL, 300.0, "exact · stale: 5 min old · as the operator · = counts anew"),
        (CAPPED, 3, "≥ counted so far · just now · as the operator · = counts exactly"),
        (ESTIMATED, 3, "~ estimated · just now · as the operator · = counts exactly"),
        (replace(USUAL, days=None), 3, "exact · just now · as the operator · = counts exactly"),
        (replace(USUAL, query=FILTERED, matching=Count(number=7)), 3, "exact · just now · as the operator"),
        (
            replace(USUAL, query=FILTERED, matching=SOME),
            3,
            "exact · filter ≥ counted so far · just now · as the operator · = counts exactly",
        ),
        (
            replace(CAPPED, query=FILTERED, matching=SOME),
            3,
            "≥ counted so far · just now · as the operator · = counts exactly",
        ),
        (
            replace(USUAL, query=FILTERED, matching=None),
            3,
            "exact · filter not counted · just now · as the operator · = counts exactly",
        ),
    ],
)
def test_totals_show_their_precision_age_and_actor(numbers: Totals, seconds: float, words: str) -> None:
    assert totals_note(numbers, seconds=seconds, key="=") == words


def test_totals_are_complete_only_when_matching_jobs_are_counted_exactly() -> None:
    assert is_whole(replace(USUAL, query=FILTERED, matching=Count(number=7)))
    assert not is_whole(replace(USUAL, query=FILTERED, matching=SOME))
    assert not is_whole(replace(USUAL, query=FILTERED, matching=None))
