from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.model import GenerationJob, JobStatus
from tests.tui.support import NOON, make_job
from tui.arrange import NEWEST_FIRST, Sort, SortColumn, arrange, total_seconds

sorts = st.builds(Sort, column=st.sampled_from(SortColumn), descending=st.booleans())


def numbers(jobs: tuple[GenerationJob, ...]) -> list[int]:
    return [job.id.int for job in jobs]


@pytest.mark.parametrize("needle", ["LIFE", "style", "FAILED", "$3.07", "quota", "autumn", str(UUID(int=7)), "  life "])
def test_a_needle_finds_what_the_row_shows_whatever_the_case(needle: str) -> None:
    found = make_job(
        7,
        mode="Lifestyle",
        status=JobStatus.FAILED,
        cost_cents=307,
        error='{"message": "Quota exceeded", "requestId": "secret"}',
        project_id=UUID(int=5),
    )
    jobs = [make_job(1), found, make_job(3)]

    assert arrange(jobs, needle=needle, sort=NEWEST_FIRST, now=NOON, project_names={UUID(int=5): "Autumn"}) == (found,)


@pytest.mark.parametrize("needle", ["secret", "requestid", "lifestyle$3.07", "white\n", "%", "[@click"])
def test_a_needle_does_not_find_what_no_column_shows(needle: str) -> None:
    job = make_job(7, mode="lifestyle", cost_cents=307, error='{"message": "Quota exceeded", "requestId": "secret"}')

    assert arrange([job], needle=needle, sort=NEWEST_FIRST, now=NOON) == ()


def test_no_needle_finds_all() -> None:
    assert numbers(arrange([make_job(2), make_job(1)], needle=" ", sort=NEWEST_FIRST, now=NOON)) == [1, 2]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (SortColumn.CREATED, [4, 3, 2, 1]),
        (SortColumn.UPDATED, [3, 4, 2, 1]),
        (SortColumn.COST, [3, 1, 2, 4]),
        (SortColumn.STATUS, [1, 2, 3, 4]),
        (SortColumn.MODE, [2, 3, 1, 4]),
    ],
)
def test_each_column_sorts_upwards(column: SortColumn, expected: list[int]) -> None:
    jobs = [
        make_job(1, mode="lifestyle", cost_cents=-5),
        make_job(2, mode="", cost_cents=2, status=JobStatus.RUNNING),
        make_job(3, mode="Feature", cost_cents=-100, status=JobStatus.SUCCEEDED, updated_at=NOON - timedelta(days=1)),
        make_job(4, mode="packaging", cost_cents=100, status=JobStatus.FAILED),
    ]

    assert numbers(arrange(jobs, needle="", sort=Sort(column=column, descending=False), now=NOON)) == expected


def test_the_total_of_finished_and_of_running_jobs_is_one_order() -> None:
    jobs = [
        make_job(1, status=JobStatus.RUNNING),
        make_job(2, status=JobStatus.FAILED, updated_at=NOON + timedelta(hours=1)),
        make_job(3, status=JobStatus.SUCCEEDED),
    ]
    sort = Sort(column=SortColumn.TOTAL, descending=True)

    assert numbers(arrange(jobs, needle="", sort=sort, now=NOON)) == [2, 1, 3]


@pytest.mark.parametrize("descending", [False, True])
def test_jobs_without_a_total_come_last_in_both_directions(descending: bool) -> None:
    jobs = [make_job(1), make_job(2, status=JobStatus.RUNNING), make_job(3)]
    sort = Sort(column=SortColumn.TOTAL, descending=descending)

    assert arrange(jobs, needle="", sort=sort, now=NOON)[0].status is JobStatus.RUNNING


def test_the_total_runs_on_while_the_job_runs() -> None:
    later = NOON + timedelta(minutes=1)

    assert total_seconds(make_job(1), later) is None
    assert total_seconds(make_job(1, status=JobStatus.RUNNING), later) == 120
    assert total_seconds(make_job(1, status=JobStatus.FAILED, updated_at=NOON), later) == 60


@given(sort=sorts, order=st.permutations(range(1, 7)))
def test_the_order_does_not_depend_on_the_one_the_jobs_came_in(sort: Sort, order: list[int]) -> None:
    same = [make_job(number, created_at=NOON, updated_at=NOON) for number in order]
    upwards = list(range(1, 7))

    assert numbers(arrange(same, needle="", sort=sort, now=NOON)) == (upwards[::-1] if sort.descending else upwards)


@pytest.mark.parametrize("column", SortColumn)
def test_infinite_times_can_be_sorted(column: SortColumn) -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    jobs = [
        make_job(1, created_at=first, updated_at=last, status=JobStatus.FAILED),
        make_job(2, created_at=last, updated_at=first, status=JobStatus.RUNNING),
    ]

    assert len(arrange(jobs, needle="", sort=Sort(column=column, descending=True), now=NOON)) == 2
