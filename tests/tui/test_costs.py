"""The lines of the cost panel, at every width."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.model import DayCost, JobStatistic, JobStatistics, JobStatus
from tui.words.costs import Span, cost_lines

amounts = st.integers(-(10**6), 10**9)


def statistics(**rows: tuple[int, int]) -> JobStatistics:
    """`statistics(queued=(6, 1200))` are six jobs for twelve dollars."""
    return JobStatistics(
        by_status=tuple(
            JobStatistic(
                status=JobStatus(status), count=count, total_cost_cents=cents, avg_cost_cents=round(cents / count, 2)
            )
            for status, (count, cents) in rows.items()
        )
    )


def days(*cents: int) -> list[DayCost]:
    first = date(2026, 11, 1)
    return [
        DayCost(day=first + timedelta(days=number), job_count=1, total_cost_cents=amount)
        for number, amount in enumerate(cents)
    ]


USUAL = statistics(queued=(6, 1200), running=(2, 450), succeeded=(104, 24875), failed=(9, 1800))


def texts(lines: list[list[Span]]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def test_with_room_everything_is_shown() -> None:
    assert texts(cost_lines(USUAL, days(0, 100, 700), width=110, height=4)) == [
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
        (36, 4, ["▸ 2 ✓ 104 ✗ 9 Total 121", "$4.50 $248.75 $18.00 $283.25", "92 % of the finished succeed ▁▂█"]),
        (9, 2, ["Total 121", "$283.25"]),
    ],
)
def test_without_room_the_least_is_left_out(width: int, height: int, lines: list[str]) -> None:
    shown = texts(cost_lines(USUAL, days(0, 100, 700), width=width, height=height))

    assert [" ".join(line.split()) for line in shown] == lines
    assert max(map(len, shown)) <= width


def test_without_jobs_there_are_zeros_and_no_averages() -> None:
    assert texts(cost_lines(statistics(), days(0, 0), width=110, height=4)) == [
        "◌ queued 0      ▸ running 0      ✓ succeeded 0      ✗ failed 0      Total 0",
        "$0.00           $0.00            $0.00              $0.00           $0.00",
        "–               –                –                  –               –",
        "- of the finished succeed   - of all   ▁▁   2 days, $0.00 today",
    ]


@given(
    st.dictionaries(st.sampled_from([status.value for status in JobStatus]), st.tuples(st.integers(1, 10**7), amounts)),
    st.integers(45, 200),
    st.integers(2, 4),
)
def test_no_line_is_wider_than_the_panel(rows: dict[str, tuple[int, int]], width: int, height: int) -> None:
    lines = cost_lines(statistics(**rows), days(*[100] * 14), width=width, height=height)

    assert len(lines) <= height
    assert all(len(line) <= width for line in texts(lines))
