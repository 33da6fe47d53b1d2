"""What a benchmark is made of: contestants that take turns, their series of values, and ratios of pairs."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

Contestant = Callable[[], Awaitable[float]]
"""Does the work once and returns what it took, in the finding's unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured. `quick` shows that a benchmark works, not what it measures."""

    quick: bool

    def choose(self, usual: int, *, quick: int) -> int:
        return quick if self.quick else usual


@dataclass(frozen=True, slots=True)
class Series:
    """A contestant's values, a round each."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The lower and the upper."""
        if len(self.values) == 1:
            return self.values[0], self.values[0]
        lower, _, upper = quantiles(self.values, n=4, method="inclusive")
        return lower, upper


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One contestant's values over another's of the same rounds."""

    ours: str
    rival: str
    reach: float | None = None
    """What the ratio should not exceed; None where it is only shown."""

    def of(self, series: Mapping[str, Series]) -> Series:
        pairs = zip(series[self.ours].values, series[self.rival].values, strict=True)
        return Series(tuple(ours / rival for ours, rival in pairs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was measured of several contestants."""

    title: str
    unit: str
    settings: Mapping[str, object]
    series: Mapping[str, Series]
    ratios: tuple[Ratio, ...] = field(default=())


Benchmark = Callable[[Effort], Coroutine[Any, Any, list[Finding]]]


async def take_turns(contestants: Mapping[str, Contestant], *, rounds: int, warm_up: int = 1) -> dict[str, Series]:
    """Each contestant once a round, in an order that rotates, so that what drifts or comes first favours none."""
    names = list(contestants)
    values: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            value = await contestants[name]()
            if number >= 0:
                values[name].append(value)
    return {name: Series(tuple(taken)) for name, taken in values.items()}
