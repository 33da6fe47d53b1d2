"""The choices of a demo, and what its keys change."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gjobs.store.sample.simulated_clock import SimulatedClock

if TYPE_CHECKING:
    from gjobs.tui.demo.demo_activity import DemoActivity
    from gjobs.tui.demo.scenario import Scenario

_SPEEDS = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0)


class DemoControl:
    def __init__(self, *, speed: float = 2.0, seed: int = 0, scenario: "Scenario | None" = None) -> None:
        self.seed = seed
        self.scenario = scenario
        self.clock = SimulatedClock(speed=speed)
        self.activity: DemoActivity | None = None
        """What runs in the open database; None while none is open."""

    def start_over(self) -> None:
        """Let simulated time begin again. The speed stays."""
        self.clock = SimulatedClock(speed=self.clock.speed)

    @contextmanager
    def running(self, activity: "DemoActivity") -> Iterator[None]:
        """Have this activity while the body runs. If the next database's activity is already set when the body ends,
        it stays.
        """
        self.activity = activity
        try:
            yield
        finally:
            if self.activity is activity:
                self.activity = None

    def change_speed(self, direction: int) -> None:
        """Take the next speed: a faster one for 1, a slower one for -1."""
        speed = self.clock.speed
        others = [one for one in _SPEEDS if (one - speed) * direction > 0]
        if others:
            self.clock.set_speed(min(others, key=lambda one: abs(one - speed)))

    @property
    def state(self) -> str:
        """The state for the status line."""
        return "simulation paused" if self.clock.is_paused else f"speed {self.clock.speed:g}×"
