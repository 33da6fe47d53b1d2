"""Decide how a job ends after an attempt."""

from dataclasses import dataclass, replace
from math import isnan
from random import Random

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import JobStatus
from gjobs.store.leases.lease import ClaimedJob, Ending, JobFinish, Rescheduled
from gjobs.store.worker.handlers import HandlerSpec, Retry

MAX_ERROR = 10_000
LONGEST_WAIT = 365 * 86_400.0
"""Limit of a requested wait in seconds, because the database's times have a maximum."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The handler returned normally."""


@dataclass(frozen=True, slots=True)
class Raised:
    error: BaseException


@dataclass(frozen=True, slots=True)
class AttemptTimedOut:
    """The attempt took longer than its time-out."""


Outcome = Returned | Raised | AttemptTimedOut


def out_of_attempts(claimed: ClaimedJob, spec: HandlerSpec) -> JobFinish | None:
    """Return the end of a job that has no attempts left, or None if it may be attempted."""
    if claimed.attempt <= spec.attempts:
        return None
    lost = f"the worker {claimed.lost_by} lost its lease" if claimed.lost_by else None
    why = claimed.note or lost or "the outcome of the last attempt is unknown"
    error = f"Given up after {_attempts(claimed.attempt - 1)}: {why}"
    return _finish(claimed, JobStatus.FAILED, error=error, cost_cents=None)


def decide_end(
    claimed: ClaimedJob, spec: HandlerSpec, outcome: Outcome, *, cost_cents: int | None, random: Random
) -> Ending:
    match outcome:
        case Returned():
            return _finish(claimed, JobStatus.SUCCEEDED, error=None, cost_cents=cost_cents)
        case AttemptTimedOut():
            error, may_retry, after = f"Timed out after {spec.time_out:g} s", True, None
        case Raised(error=raised):
            error = error_text(raised)
            may_retry = isinstance(raised, (Retry, *spec.retry_on))
            after = raised.after if isinstance(raised, Retry) else None
    if may_retry and claimed.attempt < spec.attempts:
        if after is None or (isinstance(after, float) and isnan(after)):
            wait = spec.backoff.wait(claimed.attempt, random)
        else:
            wait = _within_limits(after)
        return Rescheduled(
            job_id=claimed.job.id, attempt=claimed.attempt, error=error, cost_cents=cost_cents, wait=wait
        )
    if may_retry and claimed.attempt > 1:
        error = f"Given up after {_attempts(claimed.attempt)}: {error}"
    return _finish(claimed, JobStatus.FAILED, error=error, cost_cents=cost_cents)


def _within_limits(after: float) -> float:
    """Clamp a wait. Compares first, as some numbers are too large to be converted to a float."""
    return 0.0 if after < 0 else LONGEST_WAIT if after > LONGEST_WAIT else float(after)


def failed(claimed: ClaimedJob, error: Exception, *, cost_cents: int | None) -> JobFinish:
    """Return the failure of a job whose handler set unusable values."""
    return _finish(claimed, JobStatus.FAILED, error=error_text(error), cost_cents=cost_cents)


def refused(ending: Ending, error: StoreError) -> JobFinish | None:
    """Return how a job fails if the database refuses its end, or None if it can't even fail.

    The cost of the attempt is kept. The database records the cost of a failed job even beyond its budget.
    """
    match ending:
        case JobFinish(status=JobStatus.SUCCEEDED):
            return replace(
                ending,
                status=JobStatus.FAILED,
                error=f"The handler succeeded, but the database refused its result: {error}",
            )
        case Rescheduled():
            return JobFinish(
                job_id=ending.job_id,
                attempt=ending.attempt,
                status=JobStatus.FAILED,
                error=f"{ending.error}. The database refused another attempt: {error}",
                cost_cents=ending.cost_cents,
            )
    return None


def _finish(claimed: ClaimedJob, status: JobStatus, *, error: str | None, cost_cents: int | None) -> JobFinish:
    return JobFinish(job_id=claimed.job.id, attempt=claimed.attempt, status=status, error=error, cost_cents=cost_cents)


def error_text(error: BaseException) -> str:
    """Return the stored text of an error: its message, with its type unless that adds nothing."""
    kind = type(error).__name__
    try:
        message = str(error).replace("\0", "").encode(errors="replace").decode()
    except BaseException as raised:  # Handlers define their own exceptions, whose text may raise anything.
        message = f"its message cannot be read ({type(raised).__name__})"
    text = message if isinstance(error, Retry) and message else f"{kind}: {message}" if message else kind
    return text if len(text) <= MAX_ERROR else f"{text[: MAX_ERROR - 1]}…"


def _attempts(number: int) -> str:
    return f"{number} attempt" if number == 1 else f"{number} attempts"
