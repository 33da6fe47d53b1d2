"""The schedule of faults of workers, connections and server, computed from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    KILL = "kill"
    """Kill a worker with SIGKILL and start another."""
    FREEZE = "freeze"
    """Freeze a worker until its leases have expired, and let it continue."""
    CUT = "cut"
    """Cut all connections of a proxy, and refuse new ones for a moment."""
    SILENCE = "silence"
    """Hold back all data at a proxy until the leases have expired, and then deliver it."""
    RESTART = "restart"
    """Stop the server immediately and start it again."""


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
    """The duration of a lease in seconds."""
    seed: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Planned:
    after: int
    """The number of ended attempts before the fault."""
    fault: Fault
    place: int
    """The number of the worker, or a number that selects the proxy."""


def planned(plan: Plan) -> Sequence[Planned]:
    """Return the faults in order, all before the last fifth of the jobs. Faults hit all workers in turn."""
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
