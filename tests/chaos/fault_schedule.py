"""What is to happen to the workers and to their database, and when: by a seed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    KILL = "kill"
    """A worker, with SIGKILL; another takes its place."""
    FREEZE = "freeze"
    """A worker, for longer than its leases last; then it goes on as if nothing were."""
    CUT = "cut"
    """All links at one place, and for a moment every new one."""
    SILENCE = "silence"
    """At one place nothing passes for longer than leases last, and nobody is told; then all that was held back does."""
    RESTART = "restart"
    """The server, stopped at once, without a word to anybody, and started again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    jobs: int
    workers: int
    kills: int
    freezes: int
    cuts: int
    restarts: int
    silences: int = 0
    lease: int = 2
    """Seconds."""
    seed: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Planned:
    after: int
    """When so many attempts have ended."""
    fault: Fault
    place: int
    """Of the worker, or a number by which to choose something else."""


def planned(plan: Plan) -> Sequence[Planned]:
    """In order, all before the last fifth of the jobs. Each worker is hit before one is hit again."""
    random = Random(plan.seed)  # noqa: S311
    numbers = {
        Fault.KILL: plan.kills,
        Fault.FREEZE: plan.freezes,
        Fault.CUT: plan.cuts,
        Fault.SILENCE: plan.silences,
        Fault.RESTART: plan.restarts,
    }
    return sorted(
        Planned(random.randrange(plan.jobs * 8 // 10), fault, number % plan.workers)
        for fault, times in numbers.items()
        for number in range(times)
    )
