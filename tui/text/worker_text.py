"""What a worker reports, in words, for gjobs worker."""

from typing import assert_never

from store import formats
from store.leases.lease import ClaimedJob, Ending, JobFinish, Released, Rescheduled
from store.worker.worker_events import (
    AttemptEnded,
    AttemptStarted,
    DatabaseRecovered,
    DatabaseUnavailable,
    EventLoopBlocked,
    FinishDelayed,
    FinishRejected,
    HandlerAbandoned,
    HandlerRaised,
    LeaseLost,
    RetentionApplied,
    RetentionFailed,
    WorkerEvent,
    WorkerRegistered,
)
from tui.text.clean_text import clean
from tui.text.format import jobs_count
from tui.text.retention_text import done_word, result, why_left


def worker_words(worker_event: WorkerEvent) -> str:
    """A line; empty where nothing need be said."""
    match worker_event:
        case WorkerRegistered(worker=worker):
            modes = "all modes" if worker.modes is None else ", ".join(map(clean, worker.modes))
            return f"Worker {worker.id}: {modes}."
        case AttemptStarted() | HandlerRaised():
            return ""
        case HandlerAbandoned(claimed=claimed):
            return f"{_job(claimed)}: its handler does not stop, so it is left behind and keeps its slot until it ends."
        case AttemptEnded(claimed=claimed, ending=ending, seconds=seconds):
            return f"{_job(claimed)} {_ending(ending)} ({seconds:.1f} s)"
        case LeaseLost(claimed=claimed):
            return f"{_job(claimed)} is not this worker's any more."
        case FinishRejected(claimed=claimed, error=error):
            return f"{_job(claimed)}: the database refuses its end: {clean(str(error))}"
        case FinishDelayed(claimed=claimed, error=error, wait=wait):
            return f"{_job(claimed)}: its result is kept and saved later, next try in {wait:.0f} s: {clean(str(error))}"
        case EventLoopBlocked(seconds=seconds):
            return (
                f"A handler blocked the event loop for {seconds:.0f} s. Its jobs were kept, but nothing else was done:"
                " let it await, or make it a function without 'async', which gets a thread."
            )
        case DatabaseUnavailable(error=error):
            return f"Waiting for the database: {clean(str(error))}"
        case DatabaseRecovered():
            return "The database is there again."
        case RetentionApplied():
            return _tidied(worker_event)
        case RetentionFailed(error=error):
            return f"Retention policies wait until they are due again: {clean(str(error))}"
    assert_never(worker_event)


def stopping_words(grace: float, *, again: bool) -> str:
    """When it is told to stop; `again` where it had been before. `grace` is seconds."""
    if again:
        return "What is at work is handed back."
    return f"Stopping: what is at work may take {grace:g} s to finish. Told again, it is handed back at once."


def postponed_words(number: int) -> str:
    wait = "waits" if number == 1 else "wait"
    return f"{jobs_count(number)} {wait} for another attempt, which any worker makes that runs then."


def _job(claimed: ClaimedJob) -> str:
    return f"{claimed.job.id} {clean(claimed.job.mode)}"


def _tidied(tidied: RetentionApplied) -> str:
    policy, progress = tidied.policy, tidied.progress
    project = "projects without a policy" if policy.project_id is None else f"project {policy.project_id}"
    age = formats.format_duration(round(policy.older_than.total_seconds()))
    done = f"{result(done_word(policy.action), progress)} Older than {age}, of {project}."
    return " ".join([done, *why_left(progress, progress.refused)])


def _ending(ending: Ending) -> str:
    match ending:
        case JobFinish(status=status, error=error):
            return f"{status}: {clean(error)}" if error else str(status)
        case Rescheduled(error=error, attempt=attempt, wait=wait):
            return f"attempt {attempt} failed, again in {wait:.0f} s: {clean(error)}"
        case Released():
            return "handed back"
    assert_never(ending)
