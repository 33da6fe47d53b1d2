"""What stands above the list of jobs, and in place of its rows."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from store.model import JobStatistic, JobStatistics, JobStatus, Overview, OverviewQuery, Page, PageKey, Project
from tests.tui.support import NOON, make_job
from tests.tui.test_lens_words import LENS
from tui.arrange import NEWEST_FIRST, Sort, SortColumn
from tui.words.job_list_title import job_list_title, why_empty

PROJECT = Project(
    id=UUID(int=2), user_id=UUID(int=1), name="P", created_at=NOON, updated_at=NOON, job_count=1, total_cost_cents=1
)


def overview(
    *, status: JobStatus | None = None, held: int = 3, failed: int = 2, queued: int = 1, projects: int = 1
) -> Overview:
    """With so many jobs at hand of all that the statistics count."""
    total = failed if status else failed + queued
    key = PageKey(created_at=NOON, id=UUID(int=9)) if held < total else None
    counts = ((JobStatus.FAILED, failed), (JobStatus.QUEUED, queued))
    return Overview(
        query=OverviewQuery(project_id=PROJECT.id, status=status),
        jobs=Page(items=tuple(make_job(number) for number in range(held)), next_key=key),
        statistics=JobStatistics(
            by_status=tuple(
                JobStatistic(status=name, count=count, total_cost_cents=0, avg_cost_cents=0.0)
                for name, count in counts
                if count
            )
        ),
        days=(),
        projects=(PROJECT,) * projects,
        taken_at=NOON + timedelta(0),
    )


@pytest.mark.parametrize(
    ("seen", "shown", "needle", "title"),
    [
        (None, 0, "", "Jobs"),
        (overview(), 3, "", "Jobs · 3, newest first"),
        (overview(failed=2000, held=500), 500, "", "Jobs · newest 500 of 2,001, newest first"),
        (overview(status=JobStatus.FAILED, held=2), 2, "", "Failed jobs · 2, newest first"),
        (
            overview(status=JobStatus.FAILED, held=500, failed=501),
            500,
            "",
            "Failed jobs · newest 500 of 501, newest first",
        ),
        (overview(), 1, " time ", "Jobs · 1 with “time” of 3, newest first"),
        (overview(), 0, "\x1b[2J" + "x" * 99, f"Jobs · 0 with “␛[2J{'x' * 26}…” of 3, newest first"),
    ],
)
def test_the_title_says_how_many_of_how_many(seen: Overview | None, shown: int, needle: str, title: str) -> None:
    assert job_list_title(seen, shown=shown, needle=needle, sort=NEWEST_FIRST) == title


@pytest.mark.parametrize(
    ("held", "needle", "title"),
    [
        (None, "", "Jobs · ana@example.com sees 37 of 41, newest first"),
        (None, "time", "Jobs · 1 with “time” of 41 · ana@example.com sees 37 of 41, newest first"),
        (2, "", "Jobs · newest 2 · ana@example.com sees 37 of 41, newest first"),
        (2, "time", "Jobs · 1 with “time” of newest 2 · ana@example.com sees 37 of 41, newest first"),
    ],
)
def test_through_the_lens_the_title_says_who_sees_how_many(held: int | None, needle: str, title: str) -> None:
    jobs = LENS.jobs if held is None else replace(LENS.jobs, next_key=PageKey(created_at=NOON, id=UUID(int=9)))
    seen = replace(overview(), lens=replace(LENS, jobs=jobs))
    assert job_list_title(seen, shown=1, needle=needle, sort=NEWEST_FIRST) == title


def test_every_order_has_words_of_its_own() -> None:
    orders = [Sort(column=column, descending=descending) for column in SortColumn for descending in (True, False)]
    titles = {job_list_title(overview(), shown=3, needle="", sort=order) for order in orders}

    assert len(titles) == len(orders)


@pytest.mark.parametrize(
    ("seen", "needle", "sentence"),
    [
        (
            overview(),
            "dead",
            "No row holds what you look for. Enter looks for that id everywhere. Press esc to show all rows again.",
        ),
        (replace(overview(), lens=LENS), "", "Nothing to see here, for ana@example.com or for the operator."),
        (overview(), "x", "No row holds what you look for. Press esc to show all rows again."),
        (overview(projects=0), "", "No projects found. Press P to create one first."),
        (overview(status=JobStatus.RUNNING), "", "No running jobs."),
        (overview(), " ", "Press n to create your first generation job."),
    ],
)
def test_an_empty_list_says_why(seen: Overview, needle: str, sentence: str) -> None:
    assert why_empty(seen, needle) == sentence
