"""What a worker reports; back-off while the database is away."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from store.errors import Conflict, OutcomeUnknown, ReadOnly, ServerFailure, StoreError, TimedOut, Unreachable
from store.leases.lease import ClaimedJob, Ending, WorkerInfo
from store.retention.retention import BatchProgress, RetentionPolicy
from store.worker.handlers import Backoff


@dataclass(frozen=True, slots=True)
class WorkerRegistered:
    """The database knows the worker, which claims from now on."""

    worker: WorkerInfo


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    claimed: ClaimedJob


@dataclass(frozen=True, slots=True)
class HandlerRaised:
    """Anything but a `Retry`, whatever becomes of the job."""

    claimed: ClaimedJob
    error: BaseException


@dataclass(frozen=True, slots=True)
class HandlerAbandoned:
    """The handler does not stop although it was cancelled. It is waited for no more, and keeps its slot."""

    claimed: ClaimedJob


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """The database has it."""

    claimed: ClaimedJob
    ending: Ending
    seconds: float
    """From its start here to the end of its attempt."""


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """The job is another's by now, or ended or deleted by somebody: what was done of it here counts for nothing."""

    claimed: ClaimedJob


@dataclass(frozen=True, slots=True)
class FinishRejected:
    """The database does not take the end of the job. It stays running until its lease expires."""

    claimed: ClaimedJob
    error: StoreError


@dataclass(frozen=True, slots=True)
class FinishDelayed:
    """The server fails at the end of this job. The result is kept, and saved as soon as the server can."""

    claimed: ClaimedJob
    error: StoreError
    wait: float
    """Seconds until it is tried again."""


@dataclass(frozen=True, slots=True)
class EventLoopBlocked:
    """A coroutine kept the event loop to itself, so that leases had to be renewed by another thread."""

    seconds: float


@dataclass(frozen=True, slots=True)
class DatabaseUnavailable:
    """The database could not be worked with just now. It is tried again."""

    error: StoreError


@dataclass(frozen=True, slots=True)
class DatabaseRecovered:
    """It can again."""


@dataclass(frozen=True, slots=True)
class RetentionApplied:
    """So much was done by a retention policy that was due."""

    policy: RetentionPolicy
    progress: BatchProgress


@dataclass(frozen=True, slots=True)
class RetentionFailed:
    """Retention policies could not be applied to the end. They are again when they are due."""

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
"""The class of SQLSTATE of what a concurrent transaction makes fail."""


def is_transient(error: StoreError) -> bool:
    """Whether the same may succeed later on. A server may be read-only for as long as it is replaced by another."""
    if isinstance(error, Conflict):
        return (error.sqlstate or "").startswith(_ROLLBACKS)
    return isinstance(error, (Unreachable, TimedOut, OutcomeUnknown, ReadOnly, ServerFailure))


class OutageBackoff:
    """How long to wait after each failure in a row. Tells of the first of them, and of their end."""

    def __init__(self, report: Report, random: Random) -> None:
        self._report = report
        self._random = random
        self._failures = 0

    def failed(self, error: StoreError) -> float:
        """Seconds until the next attempt. Raises the error where none would help."""
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
