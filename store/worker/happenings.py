"""What a worker tells of itself while it works. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from store.errors import StoreError
from store.worker.model import Claimed, Ending


@dataclass(frozen=True, slots=True)
class Started:
    claimed: Claimed


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


Happening = Started | Ended | Lost | Refused | Trouble | Recovered
Report = Callable[[Happening], None]
