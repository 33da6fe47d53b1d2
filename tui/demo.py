"""gjobs demo: a temporary database with simulated workers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import Any

from store.configuration.settings import EMBEDDED_USER, EmbeddedTarget, Settings
from store.database.database import Database
from store.database.write_access import WriteMode
from store.embedded.data_dir import throw_away_dir
from store.embedded.server import open_server
from store.errors import StoreError
from store.sample.simulation import end_running_jobs, queue_jobs, simulated
from store.store import Store
from store.worker.worker import Worker
from tui.session import Report, Session, prepare, session_on

log = logging.getLogger(__name__)

_GRACE_SECONDS = 1.0
_PACE = 2.0
"""Runs twice as fast as real time."""
_SLOTS = 2
"""Per worker. So few that jobs wait in the queue, and a person can start one before a worker does."""


@asynccontextmanager
async def open_demo(report: Report) -> AsyncIterator[Session]:
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
            activity(embedded_server.conninfo),
        ):
            yield replace(session, restart_if_dead=embedded_server.revive)
    finally:
        embedded_server.release()


@asynccontextmanager
async def activity(conninfo: Mapping[str, str | int], *, pace: float = _PACE) -> AsyncIterator[None]:
    """Simulate customers and workers. None of them writes a journal.

    The worker `studio` acts as the signed-in user, so the user sees it. It can't keep up with the user's jobs, so they
    wait as long as all others.
    """
    async with Store(Database(conninfo)) as operator:
        user = await operator.acting_as_user(EMBEDDED_USER)
        random = Random(0)  # noqa: S311
        stores = {"studio": user, "render-1": operator, "render-2": operator}
        workers = [
            Worker(store, simulated(random, pace=pace), name=name, concurrency=_SLOTS) for name, store in stores.items()
        ]
        activities = [
            queue_jobs(operator, random, pace=pace),
            end_running_jobs(operator, random, pace=pace),
            *(worker.run() for worker in workers),
        ]
        tasks = [asyncio.create_task(_logged(activity)) for activity in activities]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for end in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(end, Exception):
                    raise end


async def _logged(activity: Coroutine[Any, Any, None]) -> None:
    """Log a StoreError instead of raising it. The dashboard keeps running, and its list of workers shows which one
    stopped.
    """
    try:
        await activity
    except StoreError as error:
        log.warning("A part of the demo stopped: %s", error)
