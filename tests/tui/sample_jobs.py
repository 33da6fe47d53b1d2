"""Jobs with fixed ids and times."""

from collections.abc import Iterable
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast
from uuid import UUID

from gjobs.store.job_list.list_query import (
    NEWEST_FIRST,
    Anchor,
    End,
    Listing,
    ListingQuery,
    ListOrder,
    ListQuery,
    ProjectName,
    RowWindow,
    RowWindowQuery,
)
from gjobs.store.jobs.job import GenerationJob, JobStatus, ListedJob
from gjobs.store.statistics.statistics import JobStatistics, Totals, TotalsQuery, exact_counts
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.text.format import Span

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def make_job(number: int, **fields: Any) -> GenerationJob:
    """Return a queued job with this number as its id, created that many minutes before noon."""
    created_at = NOON - timedelta(minutes=number)
    job = GenerationJob(
        id=UUID(int=number),
        user_id=UUID(int=1),
        project_id=UUID(int=2),
        status=JobStatus.QUEUED,
        mode="main_white",
        input_asset_id=None,
        error=None,
        cost_cents=250,
        created_at=created_at,
        updated_at=created_at,
    )
    return replace(job, **fields)


def make_listed(number: int, **fields: Any) -> ListedJob:
    """Return the job of `make_job` as a row of a list."""
    job = make_job(number, **fields)
    return ListedJob(**{field.name: getattr(job, field.name) for field in dataclass_fields(job)})


FIRST = 1_000  # the newest job of a long list at first; jobs with lower numbers are added later


@cache
def listed_job(number: int) -> ListedJob:
    return make_listed(number, updated_at=NOON)


def window_of(
    jobs: Iterable[GenerationJob], *, order: ListOrder = NEWEST_FIRST, anchor: Anchor = End.FIRST, is_whole: bool = True
) -> RowWindow:
    """Return these rows. Without `is_whole`, the list has rows before and after them."""
    return RowWindow(
        query=RowWindowQuery(listed=ListQuery(order=order), anchor=anchor),
        jobs=cast("tuple[ListedJob, ...]", tuple(jobs)),
        has_before=not is_whole,
        has_after=not is_whole,
    )


def make_totals(statistics: JobStatistics, **fields: Any) -> Totals:
    """Return exact totals, counted at noon by the operator."""
    return replace(
        Totals(
            query=TotalsQuery(),
            counts=exact_counts(statistics),
            statistics=statistics,
            days=(),
            projects={},
            matching=None,
            taken_at=NOON,
            actor=OPERATOR,
        ),
        **fields,
    )


def make_listing(listed: ListQuery, *, held: int = 0, has_after: bool = False, **fields: Any) -> Listing:
    """Return the first `held` jobs of a list, read at noon."""

    query = RowWindowQuery(listed=listed)
    jobs = tuple(make_listed(number) for number in range(held))
    window = RowWindow(query=query, jobs=jobs, has_before=False, has_after=has_after)
    project = ProjectName(id=UUID(int=2), user_id=UUID(int=1), name="P")
    listing = Listing(
        query=ListingQuery(window=query), window=window, projects=(project,), has_project=True, taken_at=NOON
    )
    return replace(listing, **fields)


def texts(lines: Iterable[Iterable[Span]]) -> list[str]:
    """Return the text of each line without trailing blanks."""
    return ["".join(text for text, _ in line).rstrip() for line in lines]
