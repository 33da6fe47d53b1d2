"""gjobs demo: a temporary database with simulated workers and customers."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import EMBEDDED_USER, EmbeddedTarget, Settings, WriteMode
from gjobs.store.embedded.server import open_server
from gjobs.store.embedded.server_files import throw_away_dir
from gjobs.store.sample.simulation import SimulatedClock
from gjobs.tui.demo.demo_activity import DemoActivity
from gjobs.tui.session import Report, Session, prepare, session_on

if TYPE_CHECKING:
    from gjobs.tui.demo.scenario_steps import Scenario


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


_GRACE_SECONDS = 1.0


@asynccontextmanager
async def open_demo(report: Report, control: DemoControl) -> AsyncIterator[Session]:
    """Open a demo session. The last process that uses the server removes the directory, however this process ends."""
    data_dir = throw_away_dir()
    settings = Settings(
        target=EmbeddedTarget(data_dir=data_dir),
        data_dir=data_dir,
        act_as=EMBEDDED_USER,
        write_rule=WriteMode.OPEN,
    )
    embedded_server = await asyncio.to_thread(
        open_server,
        data_dir,
        report=report,
        settings={"fsync": "off"},
        grace=_GRACE_SECONDS,
        remove_after=True,
    )
    try:
        await prepare(embedded_server, report)
        async with (
            session_on(settings, embedded_server.conninfo, "demo") as session,
            activity_for(control, embedded_server.conninfo) as activity,
        ):
            with control.running(activity):
                yield replace(session, restart_if_dead=embedded_server.revive)
    finally:
        embedded_server.release()


def activity_for(control: DemoControl, conninfo: Mapping[str, str | int]) -> DemoActivity:
    """Return the activity of the scenario, or the usual one. In a scenario, workers crash only when it says so."""
    scenario = control.scenario
    if scenario is None:
        return DemoActivity(conninfo, control.clock, seed=control.seed)
    return DemoActivity(
        conninfo,
        control.clock,
        seed=control.seed,
        workers=scenario.workers,
        has_customers=scenario.has_customers,
        has_crashes=False,
    )
