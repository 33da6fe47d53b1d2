"""The parts of a benchmark: contestants that take turns, their series of values, and targets."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles

Contestant = Callable[[], Awaitable[float]]
"""Does the work once and returns the measured value in the unit of the finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """The amount of measuring. A `quick` run only shows that a benchmark works."""

    quick: bool
    minutes: float = 10.0
    """The time for which the dashboard is used without a break."""

    def choose(self, usual: int, *, quick: int) -> int:
        return quick if self.quick else usual


@dataclass(frozen=True, slots=True)
class Series:
    """The values of a contestant, one for each round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The lower and the upper quartile."""
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
    """The values of one contestant divided by those of another in the same rounds."""

    ours: str
    rival: str
    reach: Reach | None = None
    """The target of the median, or None without a target."""

    def of(self, series: Mapping[str, Series]) -> Series:
        pairs = zip(series[self.ours].values, series[self.rival].values, strict=True)
        return Series(tuple(ours / rival for ours, rival in pairs))

    def reached(self, series: Mapping[str, Series]) -> bool | None:
        return None if self.reach is None else self.reach.holds(self.of(series).median)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A measured quantity of several contestants."""

    title: str
    unit: str
    settings: Mapping[str, object]
    series: Mapping[str, Series]
    ratios: tuple[Ratio, ...] = field(default=())
    limits: Mapping[str, Reach] = field(default_factory=dict)
    """The targets of the medians of contestants."""

    def within_limit(self, contestant: str) -> bool | None:
        reach = self.limits.get(contestant)
        return None if reach is None else reach.holds(self.series[contestant].median)

    @property
    def reached(self) -> bool:
        """Whether all targets are reached."""
        answers = [ratio.reached(self.series) for ratio in self.ratios]
        return False not in [*answers, *map(self.within_limit, self.limits)]


async def take_turns(contestants: Mapping[str, Contestant], *, rounds: int, warm_up: int = 1) -> dict[str, Series]:
    """Run each contestant once per round, in a rotating order, so that neither drift nor order favors one.

    A single round, as in a quick run, proves no figures and has no warm-up.
    """
    warm_up = warm_up if rounds > 1 else 0
    names = list(contestants)
    values: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            value = await contestants[name]()
            if number >= 0:
                values[name].append(value)
    return {name: Series(tuple(taken)) for name, taken in values.items()}
