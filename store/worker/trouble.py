"""What passes by itself, and what does not; and how long to wait meanwhile."""

from random import Random

from store.errors import Conflict, OutcomeUnknown, ReadOnly, StoreError, TimedOut, Unreachable
from store.worker.happenings import Recovered, Report, Trouble
from store.worker.retrying import Backoff

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
