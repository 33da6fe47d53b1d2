"""What counting may cost, and the memory of what cost more."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from store.database import TimeLimits

MOST_REMEMBERED = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Of one look at the numbers."""

    limits: TimeLimits = field(default_factory=lambda: TimeLimits(statement=1.0))
    """Of each statement."""
    cap: int = 10_000
    """So many are counted where all are too many."""


@dataclass(slots=True)
class _Rest:
    until: float
    seconds: float


class TooDear:
    """What did not come back in time is left for some minutes, for longer each time that it fails again."""

    def __init__(
        self, clock: Callable[[], float], *, shortest_rest: float = 300.0, longest_rest: float = 3_600.0
    ) -> None:
        self._clock = clock
        self._shortest_rest = shortest_rest
        self._longest_rest = longest_rest
        self._rests: OrderedDict[Hashable, _Rest] = OrderedDict()

    def is_resting(self, what: Hashable) -> bool:
        rest = self._rests.get(what)
        return rest is not None and self._clock() < rest.until

    def note(self, what: Hashable) -> None:
        before = self._rests.pop(what, None)
        seconds = min(before.seconds * 2, self._longest_rest) if before else self._shortest_rest
        self._rests[what] = _Rest(until=self._clock() + seconds, seconds=seconds)
        if len(self._rests) > MOST_REMEMBERED:
            self._rests.popitem(last=False)

    def forget(self, what: Hashable) -> None:
        """It came back in time."""
        self._rests.pop(what, None)
