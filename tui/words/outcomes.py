"""What the result of an action is called: words for toasts. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, assert_never

from store.listing.query import ListOrder
from store.model import Applied, GenerationJob, JobStatus, Missing, Refused, Repeated, RetryOutcome, TransitionOutcome
from store.transitions import sources, why_refused
from tui.words.format import count, money
from tui.words.job_names import job_name, jobs_name
from tui.words.text import clean
from tui.words.toast import Toast

if TYPE_CHECKING:
    from store.capabilities.off import Off
    from tui.words.why_left import WhyLeft

DOING = {JobStatus.RUNNING: "Starting", JobStatus.SUCCEEDED: "Completing", JobStatus.FAILED: "Failing"}
DONE = {
    JobStatus.RUNNING: "Started",
    JobStatus.SUCCEEDED: "Completed",
    JobStatus.FAILED: "Failed",
    JobStatus.QUEUED: "Queued",
}


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


def retry_toast(job: GenerationJob, outcome: RetryOutcome, why: "WhyLeft | None") -> Toast:
    if isinstance(outcome, Repeated):
        return Toast(text=f"Queued {job_name(outcome.job)}, which repeats {job_name(job)}.")
    if isinstance(outcome, Refused):
        return only_failed_toast([job])
    left = clean(why.one, limit=100) if why else "was left"
    return Toast(text=f"{job_name(job)} {left}: nothing was changed.", severity="warning")


def only_failed_toast(jobs: Sequence[GenerationJob]) -> Toast:
    """For jobs none of which can be repeated."""
    which = f"this one is {jobs[0].status}" if len(jobs) == 1 else f"none of these {count(len(jobs))} is"
    return Toast(text=f"Only a failed job can be retried; {which}.", severity="warning")


def deleted_toast(jobs: Sequence[GenerationJob]) -> Toast:
    return Toast(text=f"Deleted {jobs_name(jobs)}.")


def restored_toast(jobs: Sequence[GenerationJob]) -> Toast:
    return Toast(text=f"{jobs_name(jobs)} {'is' if len(jobs) == 1 else 'are'} back.")


def created_toast(job: GenerationJob, *, project: str) -> Toast:
    return Toast(text=f"Queued {job_name(job)} for {money(job.cost_cents)} in {clean(project, limit=60)}.")


def order_off_toast(order: ListOrder, off: "Off") -> Toast:
    """An order that would make the database read the whole list each time."""
    return Toast(text=f"Not sorted by {order.column}: {clean(off.words, limit=400)}", severity="warning")
