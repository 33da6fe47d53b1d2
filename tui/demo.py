"""A database to show around: sample projects and jobs on a throw-away server, and simulated workers that move them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from store.database import Database
from store.embedded import open_server, throw_away_dir
from store.settings import EMBEDDED_USER, EmbeddedTarget, Settings
from store.simulation import Simulation
from store.store import Store
from store.writing.write_access import WriteRule
from tui.session import Report, Session, prepare, session_on

_GRACE_SECONDS = 1.0
_PACE = 2.0
"""Twice as fast as life, for those who look on."""


@asynccontextmanager
async def open_demo(report: Report) -> AsyncIterator[Session]:
    """The server's directory goes with the last that uses it, however this process ends."""
    data_dir = throw_away_dir()
    settings = Settings(
        target=EmbeddedTarget(data_dir=data_dir),
        data_dir=data_dir,
        act_as=EMBEDDED_USER,
        write_rule=WriteRule.OPEN,
    )
    lease = await asyncio.to_thread(
        open_server,
        data_dir,
        report=report,
        settings={"fsync": "off"},
        grace=_GRACE_SECONDS,
        remove_after=True,
    )
    try:
        await prepare(lease, report)
        async with (
            session_on(settings, lease.conninfo, "demo") as session,
            # What the workers do is no write of a person's, and stands in no journal.
            Store(Database(lease.conninfo)) as workers,
        ):
            simulation = asyncio.create_task(Simulation(workers, pace=_PACE).run())
            try:
                yield replace(session, revive=lease.revive)
            finally:
                simulation.cancel()
                with suppress(asyncio.CancelledError):
                    await simulation
    finally:
        lease.release()
