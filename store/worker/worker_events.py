"""What a worker reports; back-off while the database is away."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from store.errors import Conflict, OutcomeUnknown, ReadOnly, StoreError, TimedOut, Unreachable
from store.leases.lease import Claimed, Ending, WorkerFacts
from store.retention.retention import Progress, RetentionPolicy
from store.worker.handlers import Backoff


@dataclass(frozen=True, slots=True)
class Arrived:
    """The database knows the worker, which claims from now on."""

    worker: WorkerFacts


@dataclass(frozen=True, slots=True)
class Started:
    claimed: Claimed


@dataclass(frozen=True, slots=True)
class HandlerRaised:
    """Anything but a `Retry`, whatever becomes of the job."""

    claimed: Claimed
    error: BaseException


@dataclass(frozen=True, slots=True)
class Ended:
    """The database has it."""

    claimed: Claimed
    ending: Ending
    seconds: float
    """From its start here to the end of its attempt."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The job is another's by now, or ended or deleted by somebody: what was done of it here counts for nothing."""

    claimed: Claimed


@dataclass(frozen=True, slots=True)
class Refused:
    """The database does not take the end of the job. It stays running until its lease expires."""

    claimed: Claimed
    error: StoreError


@dataclass(frozen=True, slots=True)
class Trouble:
    """The database could not be worked with just now. It is tried again."""

    error: StoreError


@dataclass(frozen=True, slots=True)
class Recovered:
    """It can again."""


@dataclass(frozen=True, slots=True)
class Tidied:
    """So much was done by a retention policy that was due."""

    policy: RetentionPolicy
    progress: Progress


@dataclass(frozen=True, slots=True)
class NotTidied:
    """Retention policies could not be applied to the end. They are again when they are due."""

    error: StoreError


Happening = Arrived | Started | HandlerRaised | Ended | Lost | Refused | Trouble | Recovered | Tidied | NotTidied
Report = Callable[[Happening], None]

_WAITS = Backoff(first=0.2, longest=10.0)
_ROLLBACKS = "40"
"""The class of SQLSTATE of what a concurrent transaction makes fail."""


def passes(error: StoreError) -> bool:
    """Whether the same may succeed later on. A server may be read-only for as long as it is replaced by another."""
    if isinstance(error, Conflict):
        return (error.sqlstate or "").startswith(_ROLLBACKS)
    return isinstance(error, (Unreachable, TimedOut, OutcomeUnknown, ReadOnly))


class Patience:
    """How long to wait after each failure in a row. Tells of the first of them, and of their end."""

    def __init__(self, report: Report, random: Random) -> None:
        self._report = report
        self._random = random
        self._failures = 0

    def failed(self, error: StoreError) -> float:
        """Seconds until the next attempt. Raises the error where none would help."""
        if not passes(error):
            raise error
        self._failures += 1
        if self._failures == 1:
            self._report(Trouble(error))
        return _WAITS.wait(self._failures, self._random)

    def succeeded(self) -> None:
        if self._failures:
            self._report(Recovered())
        self._failures = 0
