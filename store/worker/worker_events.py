"""How a job ends after an attempt, the events that a worker reports, and its back-off."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import isnan
from random import Random

from gjobs.store.errors import Conflict, OutcomeUnknown, ReadOnly, ServerFailure, StoreError, TimedOut, Unreachable
from gjobs.store.jobs.job import JobStatus
from gjobs.store.leases.lease import ClaimedJob, Ending, JobFinish, Rescheduled, WorkerInfo
from gjobs.store.retention.retention import BatchProgress, RetentionPolicy
from gjobs.store.worker.handlers import Backoff, HandlerSpec, Retry

MAX_ERROR = 10_000
LONGEST_WAIT = 365 * 86_400.0
"""Limit of a requested wait in seconds, because the database's times have a maximum."""


class AttemptTimedOut(Exception):
    """The attempt took longer than its time-out."""


Outcome = BaseException | None
"""What the handler raised, or AttemptTimedOut. None if it returned."""


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
    if outcome is None:
        return _finish(claimed, JobStatus.SUCCEEDED, error=None, cost_cents=cost_cents)
    is_late = isinstance(outcome, AttemptTimedOut)
    error = f"Timed out after {spec.time_out:g} s" if is_late else error_text(outcome)
    after = outcome.after if isinstance(outcome, Retry) else None
    may_retry = isinstance(outcome, (AttemptTimedOut, Retry, *spec.retry_on))
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


@dataclass(frozen=True, slots=True)
class WorkerRegistered:
    """The worker is registered in the database, and starts to claim jobs."""

    worker: WorkerInfo


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    claimed: ClaimedJob


@dataclass(frozen=True, slots=True)
class HandlerRaised:
    """The handler raised an exception other than `Retry`. The job may still be retried."""

    claimed: ClaimedJob
    error: BaseException


@dataclass(frozen=True, slots=True)
class HandlerAbandoned:
    """A cancelled handler did not stop. The worker no longer waits for it, but it keeps its slot."""

    claimed: ClaimedJob


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """The end of the attempt is saved."""

    claimed: ClaimedJob
    ending: Ending
    seconds: float
    """Duration of the attempt in this worker."""


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """The job was taken over, ended or deleted by someone else, or a crash of the server lost its claim.

    The result of this attempt is discarded.
    """

    claimed: ClaimedJob


@dataclass(frozen=True, slots=True)
class FinishRejected:
    """The database refused the end of the job. It stays running until its lease expires."""

    claimed: ClaimedJob
    error: StoreError


@dataclass(frozen=True, slots=True)
class FinishDelayed:
    """The server failed while saving the end of this job. The result is kept and saved when the server recovers."""

    claimed: ClaimedJob
    error: StoreError
    wait: float
    """Seconds until the next try."""


@dataclass(frozen=True, slots=True)
class EventLoopBlocked:
    """A handler blocked the event loop, so another thread renewed the leases."""

    seconds: float


@dataclass(frozen=True, slots=True)
class DatabaseUnavailable:
    """The database is unavailable. The worker keeps trying."""

    error: StoreError


@dataclass(frozen=True, slots=True)
class DatabaseRecovered:
    """The database is available again."""


@dataclass(frozen=True, slots=True)
class RetentionApplied:
    """A due retention policy was applied."""

    policy: RetentionPolicy
    progress: BatchProgress


@dataclass(frozen=True, slots=True)
class RetentionFailed:
    """Applying retention policies failed. They are retried when they are due again."""

    error: StoreError


WorkerEvent = (
    WorkerRegistered
    | AttemptStarted
    | HandlerRaised
    | HandlerAbandoned
    | AttemptEnded
    | LeaseLost
    | FinishRejected
    | FinishDelayed
    | EventLoopBlocked
    | DatabaseUnavailable
    | DatabaseRecovered
    | RetentionApplied
    | RetentionFailed
)
Report = Callable[[WorkerEvent], None]

_WAITS = Backoff(first=0.2, longest=10.0)
_ROLLBACKS = "40"
"""SQLSTATE class of failures that are caused by concurrent transactions."""


def is_transient(error: StoreError) -> bool:
    """Return whether a retry may succeed. A server may be read-only temporarily, during a failover."""
    if isinstance(error, Conflict):
        return (error.sqlstate or "").startswith(_ROLLBACKS)
    return isinstance(error, (Unreachable, TimedOut, OutcomeUnknown, ReadOnly, ServerFailure))


@dataclass(eq=False, repr=False)
class OutageBackoff:
    """Calculates the wait after each failure in a row. Reports the first failure and the recovery."""

    report: Report
    random: Random
    failures: int = field(default=0, init=False)

    def failed(self, error: StoreError) -> float:
        """Return the seconds until the next try. Raises the error if a retry can't help."""
        if not is_transient(error):
            raise error
        self.failures += 1
        if self.failures == 1:
            self.report(DatabaseUnavailable(error))
        return _WAITS.wait(self.failures, self.random)

    def succeeded(self) -> None:
        if self.failures:
            self.report(DatabaseRecovered())
        self.failures = 0
