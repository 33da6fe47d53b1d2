"""Events that a worker reports, and the back-off while the database is unavailable."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from gjobs.store.errors import Conflict, OutcomeUnknown, ReadOnly, ServerFailure, StoreError, TimedOut, Unreachable
from gjobs.store.leases.lease import ClaimedJob, Ending, WorkerInfo
from gjobs.store.retention.retention import BatchProgress, RetentionPolicy
from gjobs.store.worker.handlers import Backoff


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
    """The job was taken over, ended or deleted by someone else. The result of this attempt is discarded."""

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


class OutageBackoff:
    """Calculates the wait after each failure in a row. Reports the first failure and the recovery."""

    def __init__(self, report: Report, random: Random) -> None:
        self._report = report
        self._random = random
        self._failures = 0

    def failed(self, error: StoreError) -> float:
        """Return the seconds until the next try. Raises the error if a retry can't help."""
        if not is_transient(error):
            raise error
        self._failures += 1
        if self._failures == 1:
            self._report(DatabaseUnavailable(error))
        return _WAITS.wait(self._failures, self._random)

    def succeeded(self) -> None:
        if self._failures:
            self._report(DatabaseRecovered())
        self._failures = 0
