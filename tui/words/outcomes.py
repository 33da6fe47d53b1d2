"""What the result of an action is called: words for toasts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never
from uuid import UUID

from store.capabilities.off import Off
from store.errors import StoreError, TimedOut, Unreachable
from store.listing.query import ListOrder
from store.model import Applied, GenerationJob, JobStatus, Missing, Refused, TransitionOutcome
from store.transitions import sources, why_refused
from tui.words.format import count, money, short_id
from tui.words.text import clean

Severity = Literal["information", "warning", "error"]

DOING = {JobStatus.RUNNING: "Starting", JobStatus.SUCCEEDED: "Completing", JobStatus.FAILED: "Failing"}
DONE = {
    JobStatus.RUNNING: "Started",
    JobStatus.SUCCEEDED: "Completed",
    JobStatus.FAILED: "Failed",
    JobStatus.QUEUED: "Queued",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Toast:
    text: str
    severity: Severity = "information"


def job_name(job: GenerationJob) -> str:
    """Enough to recognise a job by: mode and the id's first characters."""
    return f"{clean(job.mode, limit=40)} {short_id(job.id)}"


def jobs_name(jobs: Sequence[GenerationJob]) -> str:
    return job_name(jobs[0]) if len(jobs) == 1 else jobs_count(len(jobs))


def jobs_count(number: int) -> str:
    return f"{count(number)} {'job' if number == 1 else 'jobs'}"


def error_toast(error: StoreError) -> Toast:
    """The error's sentence, and what to do about it."""
    return Toast(text=error_words(error), severity="error")


def unwritten_toast(error: StoreError) -> Toast:
    """Of one write that was not kept: why, and that nothing came of it where the error itself does not tell."""
    toast = error_toast(error)
    if isinstance(error, (Unreachable, TimedOut)):
        return replace(toast, text=f"Nothing was changed. {toast.text}")
    return toast


def error_words(error: StoreError) -> str:
    return clean(f"{error.message} {error.hint or ''}".rstrip(), limit=400)


def not_permitted_toast(jobs: Sequence[GenerationJob], target: JobStatus) -> Toast:
    """For jobs none of which may become `target`."""
    if len(jobs) == 1:
        return Toast(text=why_refused(jobs[0].status, target), severity="warning")
    needed = " or ".join(sources(target))
    done = DONE[target].lower()
    return Toast(text=f"Only {needed} jobs can be {done}; none of these {count(len(jobs))} is.", severity="warning")


def transition_toast(
    job: GenerationJob, outcome: TransitionOutcome, target: JobStatus, *, if_missing: str = "is gone or hidden"
) -> Toast:
    match outcome:
        case Applied():
            return Toast(text=f"{DONE[target]} {job_name(job)}.")
        case Refused(current=current):
            return Toast(text=f"{why_refused(current, target)} ({job_name(job)})", severity="warning")
        case Missing():
            return Toast(
                text=f"{job_name(job)} {clean(if_missing, limit=100)}: nothing was changed.", severity="warning"
            )
    assert_never(outcome)


def deleted_toast(jobs: Sequence[GenerationJob]) -> Toast:
    return Toast(text=f"Deleted {jobs_name(jobs)}.")


def restored_toast(jobs: Sequence[GenerationJob]) -> Toast:
    return Toast(text=f"{jobs_name(jobs)} {'is' if len(jobs) == 1 else 'are'} back.")


def created_toast(job: GenerationJob, *, project: str) -> Toast:
    return Toast(text=f"Queued {job_name(job)} for {money(job.cost_cents)} in {clean(project, limit=60)}.")


def cursor_lost_toast(job_id: UUID) -> Toast:
    """The cursor is on no job until it is moved, so that no key acts on a neighbour."""
    return Toast(text=f"The job {short_id(job_id)} under the cursor left this list.", severity="warning")


def order_off_toast(order: ListOrder, off: Off) -> Toast:
    """An order that would make the database read the whole list each time."""
    return Toast(text=f"Not sorted by {order.column}: {clean(off.words, limit=400)}", severity="warning")


def marks_lost_toast(jobs: int) -> Toast:
    """Marked jobs that are no longer listed, so that no key acts on them."""
    left = "1 marked job" if jobs == 1 else f"{jobs} marked jobs"
    return Toast(text=f"{left} left this list.", severity="warning")
