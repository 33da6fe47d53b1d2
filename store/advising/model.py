"""What a list costs, by the planner's estimate, and the index that it lacks. Pure."""

from dataclasses import dataclass
from enum import StrEnum

DEAR_FROM = 20_000.0
"""In the planner's unit, a page read in sequence: from so many on a list is dear.

Where the settings are Postgres' own and the table is in memory, a unit takes about 10 µs, so that this is a fifth of
a second; from a disk it takes ten times as long.
"""
SECONDS_A_UNIT = 1e-5
SHARE_OF_TIME = 50
"""A dear list is read again after so many times as long as it takes, by the estimate."""
LONGEST_INTERVAL = 60.0


class Verdict(StrEnum):
    CHEAP = "cheap"
    DEAR = "dear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """An index that would read the list in its order, as a migration would make it."""

    columns: str
    """As they stand in the statement, in their order."""
    sql: str
    """Blocks no writer while it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCost:
    """What reading the first rows of a list costs. A guess, and never a reason to refuse what somebody asks for."""

    cost: float
    """In the planner's unit: see DEAR_FROM. Of reading to the end, where how soon rows are found is not known."""
    seconds: float | None
    """The same as time, where a page takes as long as in DEAR_FROM; None with a user's eyes, whom it would tell of rows
    that they do not see."""
    reads_all: bool
    """Whether all jobs are read one after the other, or so many are sorted, before the first row is there."""
    advice: Advice | None
    """None where no index is missing, or none would help."""

    @property
    def verdict(self) -> Verdict:
        return Verdict.DEAR if self.cost >= DEAR_FROM else Verdict.CHEAP

    def least_interval(self, took: float) -> float:
        """Seconds between two looks at it, of which one took so many; 0 where it is cheap.

        A look that took less than the estimate proves it wrong: under row level security the planner expects the rows
        of a project to be rare among a user's own, and the whole to be read.
        """
        if self.verdict is Verdict.CHEAP:
            return 0.0
        return min(min(self.cost * SECONDS_A_UNIT, took) * SHARE_OF_TIME, LONGEST_INTERVAL)
