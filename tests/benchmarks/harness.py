"""What a benchmark is made of: contestants that take turns, their series of values, and what these should reach."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles

Contestant = Callable[[], Awaitable[float]]

"""Does the work once and returns what it took, in the finding's unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured. `quick` shows that a benchmark works, not what it measures."""

    quick: bool
    minutes: float = 10.0
    """How long the dashboard is used without a break."""

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


@dataclass(frozen=True, slots=True)
class AtMost:
    bound: float

    def __str__(self) -> str:
        return f"≤ {self.bound:g}"

    def holds(self, value: float) -> bool:
        return value <= self.bound


@dataclass(frozen=True, slots=True)
class AtLeast:
    bound: float

    def __str__(self) -> str:
        return f"≥ {self.bound:g}"

    def holds(self, value: float) -> bool:
        return value >= self.bound


Reach = AtMost | AtLeast


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One contestant's values over another's of the same rounds."""

    ours: str
    rival: str
    reach: Reach | None = None
    """Of the median; None where it is only shown."""

    def of(self, series: Mapping[str, Series]) -> Series:
        pairs = zip(series[self.ours].values, series[self.rival].values, strict=True)
        return Series(tuple(ours / rival for ours, rival in pairs))

    def reached(self, series: Mapping[str, Series]) -> bool | None:
        return None if self.reach is None else self.reach.holds(self.of(series).median)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was measured of several contestants."""

    title: str
    unit: str
    settings: Mapping[str, object]
    series: Mapping[str, Series]
    ratios: tuple[Ratio, ...] = field(default=())
    limits: Mapping[str, Reach] = field(default_factory=dict)
    """What the median of a contestant's values should be by itself."""

    def within_limit(self, contestant: str) -> bool | None:
        reach = self.limits.get(contestant)
        return None if reach is None else reach.holds(self.series[contestant].median)

    @property
    def reached(self) -> bool:
        """Whether all that should be reached was."""
        answers = [ratio.reached(self.series) for ratio in self.ratios]
        return False not in [*answers, *map(self.within_limit, self.limits)]


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
