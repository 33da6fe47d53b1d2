"""What a worker tells of itself while it works. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from store.errors import StoreError
from store.retention.model import Progress, RetentionPolicy
from store.worker.model import Claimed, Ending, WorkerFacts


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
