"""What the result of an action is called: words for toasts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never
from uuid import UUID

from store.errors import StoreError
from store.model import Applied, GenerationJob, JobStatus, Missing, Refused, TransitionOutcome
from store.transitions import sources, why_refused
from tui.format import count, money, short_id
from tui.text import clean

Severity = Literal["information", "warning", "error"]

_DONE = {
    JobStatus.RUNNING: "Started",
    JobStatus.SUCCEEDED: "Completed",
    JobStatus.FAILED: "Failed",
    JobStatus.QUEUED: "Queued",
}
_MOST_NAMED = 3


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


def error_words(error: StoreError) -> str:
    return clean(f"{error.message} {error.hint or ''}".rstrip(), limit=400)


def not_permitted_toast(jobs: Sequence[GenerationJob], target: JobStatus) -> Toast:
    """For jobs none of which may become `target`."""
    if len(jobs) == 1:
        return Toast(text=why_refused(jobs[0].status, target), severity="warning")
    needed = " or ".join(sources(target))
    done = _DONE[target].lower()
    return Toast(text=f"Only {needed} jobs can be {done}; none of these {len(jobs)} is.", severity="warning")


def transition_toast(jobs: Sequence[GenerationJob], outcomes: Sequence[TransitionOutcome], target: JobStatus) -> Toast:
    """One job: what became of it. Several: how many, and which were left as they are and why."""
    if len(jobs) == 1:
        return _one_transition(jobs[0], outcomes[0], target)
    applied = sum(isinstance(outcome, Applied) for outcome in outcomes)
    text = f"{_DONE[target]} {applied} of {len(jobs)} jobs."
    others = [
        f"{job_name(job)} {_why_not(outcome)}"
        for job, outcome in zip(jobs, outcomes, strict=True)
        if not isinstance(outcome, Applied)
    ]
    if not others:
        return Toast(text=text)
    more = len(others) - _MOST_NAMED
    named = "; ".join(others[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
    return Toast(text=f"{text} Left as they are: {named}.", severity="warning")


def _one_transition(job: GenerationJob, outcome: TransitionOutcome, target: JobStatus) -> Toast:
    match outcome:
        case Applied():
            return Toast(text=f"{_DONE[target]} {job_name(job)}.")
        case Refused(current=current):
            return Toast(text=f"{why_refused(current, target)} ({job_name(job)})", severity="warning")
        case Missing():
            return Toast(text=f"{job_name(job)} {_why_not(outcome)}: nothing was changed.", severity="warning")
    assert_never(outcome)


def _why_not(outcome: TransitionOutcome) -> str:
    match outcome:
        case Refused(current=current):
            return f"is {current}"
        case Missing():
            return "is gone or hidden"
        case Applied():
            return "is done"
    assert_never(outcome)


def interrupted_toast(
    jobs: Sequence[GenerationJob], outcomes: Sequence[TransitionOutcome], target: JobStatus, error: StoreError
) -> Toast:
    """Several jobs, of which those without an outcome were not done."""
    reached, left = len(outcomes), len(jobs) - len(outcomes)
    done = transition_toast(jobs[:reached], outcomes, target).text
    were = "job was" if left == 1 else "jobs were"
    return Toast(text=f"{done} Then it stopped, and {left} {were} not done: {error_words(error)}", severity="error")


def deleted_toast(jobs: Sequence[GenerationJob]) -> Toast:
    return Toast(text=f"Deleted {jobs_name(jobs)}.")


def created_toast(job: GenerationJob, *, project: str) -> Toast:
    return Toast(text=f"Queued {job_name(job)} for {money(job.cost_cents)} in {clean(project, limit=60)}.")


def cursor_lost_toast(job_id: UUID) -> Toast:
    """The cursor is on no job until it is moved, so that no key acts on a neighbour."""
    return Toast(text=f"The job {short_id(job_id)} under the cursor left this list.", severity="warning")


def marks_lost_toast(jobs: int) -> Toast:
    """Marked jobs that are no longer listed, so that no key acts on them."""
    left = "1 marked job" if jobs == 1 else f"{jobs} marked jobs"
    return Toast(text=f"{left} left this list.", severity="warning")
