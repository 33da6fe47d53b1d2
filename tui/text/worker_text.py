"""Worker events as text, for gjobs worker."""

from typing import assert_never

from gjobs.store.leases.lease import ClaimedJob, Ending, JobFinish, Released, Rescheduled
from gjobs.store.values import formats
from gjobs.store.worker import worker_events
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.format import duration, jobs_count
from gjobs.tui.text.retention_text import done_word, result, why_left


def worker_words(worker_event: worker_events.WorkerEvent) -> str:
    """Return a line; empty if there is nothing to say."""
    match worker_event:
        case worker_events.WorkerRegistered(worker=worker):
            modes = "all modes" if worker.modes is None else ", ".join(map(clean, worker.modes))
            return f"Worker {worker.id}: {modes}."
        case worker_events.AttemptStarted() | worker_events.HandlerRaised():
            return ""
        case worker_events.HandlerAbandoned(claimed=claimed):
            return (
                f"{_job(claimed)}: its handler does not stop. The worker no longer waits for it."
                " The handler keeps its slot until it ends."
            )
        case worker_events.AttemptEnded(claimed=claimed, ending=ending, seconds=seconds):
            return f"{_job(claimed)} {_ending_words(ending)} ({duration(seconds)})"
        case worker_events.LeaseLost(claimed=claimed):
            return f"{_job(claimed)}: this worker lost the lease."
        case worker_events.FinishRejected(claimed=claimed, error=error):
            return f"{_job(claimed)}: the database refused its result: {clean(str(error))}"
        case worker_events.FinishDelayed(claimed=claimed, error=error, wait=wait):
            return (
                f"{_job(claimed)}: its result is kept. The next try to save it is in {wait:.0f} s: {clean(str(error))}"
            )
        case worker_events.EventLoopBlocked(seconds=seconds):
            return (
                f"A handler blocked the event loop for {seconds:.0f} s. The worker kept its jobs, but ran nothing else."
                " Use 'await' in the handler. Or define it without 'async', so that it runs in a thread."
            )
        case worker_events.DatabaseUnavailable(error=error):
            return f"Waiting for the database: {clean(str(error))}"
        case worker_events.DatabaseRecovered():
            return "The database answers again."
        case worker_events.RetentionApplied():
            return _retention_words(worker_event)
        case worker_events.RetentionFailed(error=error):
            return f"Retention policies failed and will run when they are next due: {clean(str(error))}"
    assert_never(worker_event)


def stopping_words(grace: float, *, again: bool) -> str:
    """Return the message for a stop signal. `again` is true for a second one. `grace` is in seconds."""
    if again:
        return "Releasing the running jobs."
    return f"Stopping: running jobs have {grace:g} s to finish. Stop again to release them at once."


def postponed_words(number: int) -> str:
    wait, them = ("waits", "it") if number == 1 else ("wait", "them")
    return f"{jobs_count(number)} {wait} for another attempt. Any running worker can claim {them}."


def _job(claimed: ClaimedJob) -> str:
    return f"{claimed.job.id} {clean(claimed.job.mode)}"


def _retention_words(tidied: worker_events.RetentionApplied) -> str:
    policy, progress = tidied.policy, tidied.progress
    project = "all other projects" if policy.project_id is None else f"project {policy.project_id}"
    age = formats.format_duration(round(policy.older_than.total_seconds()))
    done = f"{result(done_word(policy.action), progress)} Policy: older than {age}, {project}."
    return " ".join([done, *why_left(progress, progress.refused)])


def _ending_words(ending: Ending) -> str:
    match ending:
        case JobFinish(status=status, error=error):
            return f"{status}: {clean(error)}" if error else str(status)
        case Rescheduled(error=error, attempt=attempt, wait=wait):
            return f"attempt {attempt} failed, next attempt in {wait:.0f} s: {clean(error)}"
        case Released():
            return "released"
    assert_never(ending)
