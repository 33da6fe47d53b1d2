"""gjobs demo: a temporary database with simulated workers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from gjobs.store.configuration.settings import EMBEDDED_USER, EmbeddedTarget, Settings
from gjobs.store.database.write_access import WriteMode
from gjobs.store.embedded.data_dir import throw_away_dir
from gjobs.store.embedded.server import open_server
from gjobs.tui.demo.demo_activity import DemoActivity
from gjobs.tui.demo.demo_control import DemoControl
from gjobs.tui.session import Report, Session, prepare, session_on

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
