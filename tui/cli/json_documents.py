"""JSON documents that scripts rely on."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from store.budgets.budget import CheckedBudget
from store.formats import plain_row, plain_time
from store.jobs.job import GenerationJob, JobStatus, why_refused
from store.jobs.job_results import (
    AlreadyRetried,
    Applied,
    Missing,
    Refused,
    Retried,
    RetryLinks,
    RetryOutcome,
    TransitionOutcome,
)
from store.moments.moment import job_row
from store.projects.project import Project, User
from store.statistics.statistics import JobStatistics, JobSummary
from tui.text.shared_documents import Json

if TYPE_CHECKING:
    from migrations.rollups import RollupCheck
    from migrations.status import MigrationStatus
    from migrations.verification import Verification
    from store.doctor.findings import DoctorReport
    from store.embedded.control import ServerStatus
    from store.journal.write_record import JournalEntry
    from store.retention.retention import ArchivedJob, CleanupPreview, RetentionPolicy
    from store.statistics.statistics import JobTimings, ModeTimings, Percentiles
    from store.statistics.waste import Waste, WasteRow

Row = GenerationJob | Project | User | JobSummary
"""Rows whose fields have the same names in Python, in the table and in JSON."""


def row(value: Row) -> Mapping[str, Json]:
    return job_row(value) if isinstance(value, GenerationJob) else plain_row(value)


def past_row(job: GenerationJob) -> Mapping[str, Json]:
    """Return a job of an earlier moment, always with the names of unrecorded values."""
    return {"unrecorded": [], **row(job)}


def rows(values: Sequence[Row]) -> list[Json]:
    return [row(value) for value in values]


time = plain_time


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
        case Retried(repeats=failed):
            pass
        case Refused(job=refused):
            failed = refused.id
        case AlreadyRetried(job_id=failed) | Missing(job_id=failed):
            pass
    return {"repeats": str(failed), "applied": job is not None, "job": job, "repeated_by": by}


def links(value: RetryLinks) -> dict[str, Json]:
    return {
        "repeats": str(value.repeats) if value.repeats else None,
        "repeated_by": [str(job_id) for job_id in value.repeated_by],
    }


def no_such_job(job_id: UUID) -> str:
    return f"There is no job {job_id}, or this user does not see it."


def deletion(*, deleted: Sequence[UUID] = (), missing: Sequence[UUID] = ()) -> dict[str, Json]:
    return {"deleted": [str(job_id) for job_id in deleted], "missing": [str(job_id) for job_id in missing]}


def statistics(value: JobStatistics, *, partial_claims: Sequence[str] = ()) -> dict[str, Json]:
    """`partial_claims` are claims that policies read and that gjobs does not know for the actor."""
    return {
        "by_status": [
            {
                "status": entry.status.value,
                "count": entry.count,
                "total_cost_cents": entry.total_cost_cents,
                "avg_cost_cents": entry.avg_cost_cents,
            }
            for entry in value
        ],
        "total_count": value.total_count,
        "total_cost_cents": value.total_cost_cents,
        "avg_cost_cents": value.avg_cost_cents,
        "success_rate": value.success_rate,
        "success_rate_finished": value.success_rate_finished,
        "exact": not partial_claims,
        "partial_claims": list(partial_claims),
        "includes_archive": value.includes_archive,
    }


def clean_up(
    value: "CleanupPreview", *, is_dry: bool, done: int = 0, left: int | None = None, is_stopped: bool = False
) -> dict[str, Json]:
    """`left` is the number of remaining jobs. None means all that were found."""
    expired = value.expired
    return {
        "action": value.action.value,
        "dry_run": is_dry,
        "created_before": time(expired.created_before),
        "project_id": str(expired.project_id) if expired.project_id else None,
        "by_status": [
            {
                "status": row.status.value,
                "count": row.count,
                "total_cost_cents": row.total_cost_cents,
                "oldest_at": time(row.oldest_at),
            }
            for row in value.counts
        ],
        "found": value.found,
        "done": done,
        "left": value.found if left is None else left,
        "stopped": is_stopped,
    }


def monitoring(value: "JobTimings") -> dict[str, Json]:
    """Durations are in seconds."""
    return {
        "window_seconds": value.window.total_seconds(),
        "taken_at": time(value.taken_at),
        "finished_per_hour": round(value.per_hour, 2),
        "capped": value.is_capped,
        "all": _work(value.of_all),
        "by_mode": [{"mode": work.mode, **_work(work)} for work in value.by_mode],
    }


def _work(value: "ModeTimings") -> dict[str, Json]:
    return {
        "succeeded": value.succeeded,
        "failed": value.failed,
        "failure_rate": value.failure_rate,
        "waiting": _spread(value.waiting),
        "running": _spread(value.running),
        "total": _spread(value.total),
        "queued": value.queued,
        "oldest_queued_at": time(value.oldest_queued_at) if value.oldest_queued_at else None,
    }


def _spread(value: "Percentiles | None") -> dict[str, Json] | None:
    if value is None:
        return None
    return {"median": round(value.median, 3), "percentile_95": round(value.percentile_95, 3)}


_NAMES = {"group": "fingerprint", "project": "name", "user": "email"}
"""The JSON key for the name of a waste row, by `--by` value."""


def waste(value: "Waste") -> dict[str, Json]:
    return {
        "by": value.by.value,
        "rows": [
            {
                value.by.value: row.key if isinstance(row.key, str | None) else str(row.key),
                **({_NAMES[value.by.value]: row.name} if value.by.value in _NAMES else {}),
                **_wasted(row),
            }
            for row in value.rows
        ],
        "total": _wasted(value.total),
        "has_more": value.has_more,
        "days": value.days,
        "exact": value.is_exact,
        "read_limit": value.read_limit,
    }


def _wasted(row: "WasteRow") -> dict[str, Json]:
    return {
        "failed_count": row.failed_count,
        "failed_cents": row.failed_cents,
        "retry_count": row.retry_count,
        "retry_cents": row.retry_cents,
        "waste_cents": row.waste_cents,
        "all_cents": row.all_cents,
        "share": row.share,
    }


def checked_budget(value: CheckedBudget) -> dict[str, Json]:
    return {
        "budget_id": str(value.budget_id),
        "period": value.period.value,
        "limit_cents": value.limit_cents,
        "spent_cents": value.spent_cents,
        "asked_cents": value.asked_cents,
        "allowed": value.is_allowed,
    }


def archived(value: "ArchivedJob") -> dict[str, Json]:
    return {**row(value.job), "archived_at": time(value.archived_at)}


def restoration(
    *, found: int, done: int, left: int, is_stopped: bool, dropped_columns: "Sequence[str]" = ()
) -> dict[str, Json]:
    return {
        "found": found,
        "done": done,
        "left": left,
        "stopped": is_stopped,
        "dropped_columns": list(dropped_columns),
    }


def policy(value: "RetentionPolicy") -> dict[str, Json]:
    return {
        "id": str(value.id),
        "project_id": str(value.project_id) if value.project_id else None,
        "statuses": [status.value for status in value.statuses],
        "older_than_seconds": round(value.older_than.total_seconds()),
        "action": value.action.value,
        "created_at": time(value.created_at),
        "applied_at": time(value.applied_at) if value.applied_at else None,
    }


def server_status(value: "ServerStatus") -> dict[str, Json]:
    return {
        "running": value.running,
        "url": value.uri,
        "data_dir": str(value.data_dir),
        "version": value.version,
        "pid": value.pid,
    }


def migration_status(value: "MigrationStatus") -> dict[str, Json]:
    return {"current": value.current, "head": value.head, "pending": list(value.pending), "managed": value.managed}


def verification(value: "Verification") -> dict[str, Json]:
    return {
        "revision": value.revision,
        "matches": value.matches,
        "adoptable": value.adoptable,
        "objects": [
            *(
                _verified(
                    one.kind, one.title, "ok", required=one.is_required, expected=one.definition, found=one.definition
                )
                for one in value.confirmed
            ),
            *(
                _verified(one.object, one.name, one.kind, required=one.required, expected=one.expected, found=one.found)
                for one in value.differences
            ),
        ],
    }


def rollup_check(value: "RollupCheck") -> dict[str, Json]:
    return {
        "matches": value.matches,
        "count": value.count,
        "differences": [
            {
                "kind": one.kind,
                "user_id": str(one.user_id),
                "project_id": str(one.project_id),
                "status": one.status,
                "mode": one.mode,
                "day": one.day,
                "error_group": one.error_group,
                "counted_jobs": one.counted_jobs,
                "kept_jobs": one.kept_jobs,
                "counted_cents": one.counted_cents,
                "kept_cents": one.kept_cents,
            }
            for one in value.differences
        ],
    }


def _verified(
    kind: str, name: str, state: str, *, required: bool, expected: str | None, found: str | None
) -> dict[str, Json]:
    return {
        "kind": str(kind),
        "name": name,
        "state": str(state),
        "required": required,
        "expected": expected,
        "found": found,
    }


def journal_entry(entry: "JournalEntry") -> dict[str, Json]:
    return {
        "id": str(entry.id),
        "time": time(entry.at),
        "database": entry.database,
        "actor": entry.actor,
        "actor_id": str(entry.actor_id) if entry.actor_id else None,
        "signed_in_user": entry.signed_in_user,
        "reason": entry.reason,
        "what": entry.what,
        "ids": [str(identifier) for identifier in entry.ids],
        "before": entry.before,
        "after": entry.after,
        "transaction_id": entry.transaction_id,
        "outcome": entry.outcome.value,
    }


def report(value: "DoctorReport", *, database: str) -> dict[str, Json]:
    """Return the doctor's report. New kinds of findings may be added; the keys stay."""
    return {
        "database": database,
        "ok": value.is_well,
        "counts": {severity.value: number for severity, number in value.counts.items()},
        "findings": [
            {
                "section": finding.section.value,
                "name": finding.name,
                "severity": finding.severity.value,
                "sentence": finding.sentence,
                "sql": finding.sql,
                "hint": finding.hint,
            }
            for finding in value.findings
        ],
        "next_steps": list(value.next_steps),
    }
