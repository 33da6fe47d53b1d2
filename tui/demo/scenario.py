"""A scenario and its steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

USUAL_PROJECT = "Autumn catalog"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Wait until the time has passed, or the person continues."""

    seconds: float


Awaited = Literal["failure", "takeover"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFor:
    """Wait until a worker's job has failed or was taken over, and point at it. The person can only hurry it."""

    what: Awaited
    seconds: float
    """The longest wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Show a caption. Without seconds, wait until the person continues."""

    text: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Queue a job, and name it for later steps."""

    name: str
    mode: str
    project: str
    cost_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Start, complete or fail a job of an earlier step."""

    name: str
    to: Literal["start", "complete", "fail"]
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Queue several jobs at once."""

    count: int
    mode: str | None
    """None for different modes."""
    project: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Let all jobs of a mode fail for some simulated seconds."""

    mode: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KillWorker:
    """Kill this worker while it runs a job of the scenario. Its jobs are taken over once their leases have expired."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActAs:
    """Let the dashboard act as a user or as the operator."""

    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointAt:
    """Move the cursor to a job of an earlier step."""

    name: str


Step = Wait | WaitFor | Say | Create | Change | Burst | Outage | KillWorker | ActAs | PointAt


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    title: str
    workers: Sequence[str]
    has_customers: bool
    """Whether simulated customers queue jobs, too."""
    steps: Sequence[Step]
