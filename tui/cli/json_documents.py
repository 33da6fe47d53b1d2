"""JSON documents that scripts rely on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.jobs.job import GenerationJob, JobStatus, why_refused
from gjobs.store.jobs.job_results import (
    AlreadyRetried,
    Applied,
    Missing,
    Refused,
    Retried,
    RetryOutcome,
    TransitionOutcome,
)
from gjobs.store.moments.moment import job_row
from gjobs.store.projects.project import Project, User
from gjobs.store.statistics.statistics import (
    JobStatistics,
    JobSummary,
    JobTimings,
    ModeTimings,
    Percentiles,
    Waste,
    WasteRow,
)
from gjobs.store.values.formats import plain_row, plain_time
from gjobs.tui.export.export_files import Json, document, plain

if TYPE_CHECKING:
    from gjobs.migrations.verification import Verification
    from gjobs.store.embedded.server import ServerStatus
    from gjobs.store.retention.retention import CleanupPreview, RetentionPolicy

Row = GenerationJob | Project | User | JobSummary
"""Rows whose fields have the same names in Python, in the table and in JSON."""


def row(value: Row) -> Mapping[str, Json]:
    return job_row(value) if isinstance(value, GenerationJob) else plain_row(value)


def job(value: GenerationJob, moment: datetime | None) -> Mapping[str, Json]:
    """Return a job. A job of an earlier moment always has the names of unrecorded values."""
    return row(value) if moment is None else {"unrecorded": [], **row(value)}


def transition(outcome: TransitionOutcome, target: JobStatus) -> dict[str, Json]:
    match outcome:
        case Applied(job=job):
            return {"applied": True, "job": row(job), "reason": None}
        case Refused(job=job, current=current):
            return {"applied": False, "job": row(job), "reason": why_refused(current, target)}
        case Missing(job_id=job_id):
            return {"applied": False, "job": None, "reason": no_such_job(job_id)}


def retry(outcome: RetryOutcome) -> dict[str, Json]:
    """`job` is the new job. `repeated_by` is an earlier retry of the same job."""
    job = row(outcome.job) if isinstance(outcome, Retried) else None
    by = str(outcome.repeated_by) if isinstance(outcome, AlreadyRetried) else None
    match outcome:
        case Refused(job=refused):
            failed = refused.id
        case Retried(repeats=failed) | AlreadyRetried(job_id=failed) | Missing(job_id=failed):
            pass
    return {"repeats": str(failed), "applied": job is not None, "job": job, "repeated_by": by}


def no_such_job(job_id: UUID) -> str:
    return f"There is no job {job_id}, or this user does not see it."


def deletion(*, deleted: Sequence[UUID] = (), missing: Sequence[UUID] = ()) -> dict[str, Json]:
    return {"deleted": [str(job_id) for job_id in deleted], "missing": [str(job_id) for job_id in missing]}


def statistics(value: JobStatistics, *, partial_claims: Sequence[str] = ()) -> dict[str, Json]:
    """`partial_claims` are claims that policies read and that gjobs does not know for the actor."""
    totals = ("total_count", "total_cost_cents", "avg_cost_cents", "success_rate", "success_rate_finished")
    names = ("by_status", *totals, "exact", "partial_claims", "includes_archive")
    return document(value, *names, by_status=tuple(value), exact=not partial_claims, partial_claims=partial_claims)


def clean_up(
    value: "CleanupPreview", *, is_dry: bool, done: int = 0, left: int | None = None, is_stopped: bool = False
) -> dict[str, Json]:
    """`left` is the number of remaining jobs. None means all that were found."""
    chosen = document(value.expired, "created_before", "project_id")
    result = {"done": done, "left": value.found if left is None else left, "stopped": is_stopped}
    more = {"dry_run": is_dry, **chosen, "by_status": value.counts, **result}
    return document(value, "action", "dry_run", *chosen, "by_status", "found", **more)


def monitoring(value: JobTimings) -> dict[str, Json]:
    """Durations are in seconds."""
    return {
        "window_seconds": value.window.total_seconds(),
        "taken_at": plain_time(value.taken_at),
        "finished_per_hour": round(value.per_hour, 2),
        "capped": value.is_capped,
        "all": _work(value.of_all),
        "by_mode": [{"mode": work.mode, **_work(work)} for work in value.by_mode],
    }


def _work(value: ModeTimings) -> dict[str, Json]:
    spreads = {name: _spread(getattr(value, name)) for name in ("waiting", "running", "total")}
    return document(value, "succeeded", "failed", "failure_rate", *spreads, "queued", "oldest_queued_at", **spreads)


def _spread(value: Percentiles | None) -> dict[str, Json] | None:
    if value is None:
        return None
    return {"median": round(value.median, 3), "percentile_95": round(value.percentile_95, 3)}


_NAMES = {"group": "fingerprint", "project": "name", "user": "email"}
"""The JSON key for the name of a waste row, by `--by` value."""


def waste(value: Waste) -> dict[str, Json]:
    by = value.by.value
    rows = [
        {by: plain(row.key), **({_NAMES[by]: row.name} if by in _NAMES else {}), **_wasted(row)} for row in value.rows
    ]
    names = ("by", "rows", "total", "has_more", "days", "knows_retries", "exact", "read_limit")
    return document(value, *names, rows=rows, total=_wasted(value.total), exact=value.is_exact)


def _wasted(row: WasteRow) -> dict[str, Json]:
    names = ("failed_count", "failed_cents", "retry_count", "retry_cents", "waste_cents", "all_cents", "share")
    return document(row, *names)


def policy(value: "RetentionPolicy") -> dict[str, Json]:
    names = ("id", "project_id", "statuses", "older_than_seconds", "action", "created_at", "applied_at")
    return document(value, *names, older_than_seconds=round(value.older_than.total_seconds()))


def server_status(value: "ServerStatus") -> dict[str, Json]:
    return document(value, "running", "url", "data_dir", "version", "pid", url=value.uri)


def verification(value: "Verification") -> dict[str, Json]:
    names = ("kind", "name", "state", "required", "expected", "found")
    objects = [
        *((one.kind, one.title, "ok", one.is_required, one.definition, one.definition) for one in value.confirmed),
        *((one.object, one.name, one.kind, one.required, one.expected, one.found) for one in value.differences),
    ]
    return document(
        value, "revision", "matches", "adoptable", objects=[dict(zip(names, row, strict=True)) for row in objects]
    )
