"""Which of the jobs at hand are listed, and in which order. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from store.finding.id_prefix import IdRange, id_range
from store.model import GenerationJob, JobStatus
from store.transitions import is_final
from tui.words.format import error_summary, money


class SortColumn(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    COST = "cost"
    TOTAL = "total"
    STATUS = "status"
    MODE = "mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    column: SortColumn
    descending: bool


NEWEST_FIRST = Sort(column=SortColumn.CREATED, descending=True)

_STATUS_ORDER = {status: place for place, status in enumerate(JobStatus)}


def total_seconds(job: GenerationJob, now: datetime) -> float | None:
    """From creation to the end, or up to `now` while the job runs; None for a queued one."""
    if job.status is JobStatus.QUEUED:
        return None
    end = job.updated_at if is_final(job.status) else now
    return (end - job.created_at).total_seconds()


def arrange(
    jobs: Iterable[GenerationJob],
    *,
    needle: str,
    sort: Sort,
    now: datetime,
    project_names: Mapping[UUID, str] | None = None,
) -> tuple[GenerationJob, ...]:
    """The jobs whose row contains the needle, whatever its case, or that have or use what it is the id of; sorted.

    Equal jobs are ordered by id, in the same direction, so that the order never depends on the one they came in. Jobs
    that have no value in the column come last in both directions. `now` is needed for the running jobs' total time.
    """
    needle = needle.strip().casefold()
    ids = id_range(needle)
    found = [job for job in jobs if needle in _haystack(job, project_names or {}) or (ids and _is_of(job, ids))]
    value = _VALUES[sort.column]
    valued = [job for job in found if value(job, now) is not None]
    rest = [job for job in found if value(job, now) is None]
    valued.sort(key=lambda job: (value(job, now), job.id), reverse=sort.descending)
    rest.sort(key=lambda job: job.id, reverse=sort.descending)
    return (*valued, *rest)


def _haystack(job: GenerationJob, project_names: Mapping[UUID, str]) -> str:
    """What the row shows, a line each so that no match spans two columns."""
    shown = (
        str(job.id),
        job.status,
        job.mode,
        money(job.cost_cents),
        project_names.get(job.project_id, ""),
        error_summary(job.error),
    )
    return "\n".join(shown).casefold()


def _is_of(job: GenerationJob, ids: IdRange) -> bool:
    """Whether the job, or the asset that it was made from, has such an id."""
    return any(ids.low <= known <= ids.high for known in (job.id, job.input_asset_id) if known is not None)


_Value = datetime | float | tuple[str, str]

_VALUES: Mapping[SortColumn, Callable[[GenerationJob, datetime], _Value | None]] = {
    SortColumn.CREATED: lambda job, _now: job.created_at,
    SortColumn.UPDATED: lambda job, _now: job.updated_at,
    SortColumn.COST: lambda job, _now: job.cost_cents,
    SortColumn.TOTAL: total_seconds,
    SortColumn.STATUS: lambda job, _now: _STATUS_ORDER[job.status],
    SortColumn.MODE: lambda job, _now: (job.mode.casefold(), job.mode),
}
"""What each column sorts by; None where a job has no value."""
