"""Keys as a terminal sends them: nobody waits until one is handled."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from textual import events
from textual.app import App
from textual.keys import _character_to_key

from gjobs.tui.dashboard.terminal.terminal_input import LenientParser
from tests.tui.app_waits import settle
from tests.tui.dashboard.dashboard_driver import Driver
from tests.tui.jobs_database import JobsDatabase


def send(app: App[int], *keys: str, at: float | None = None) -> None:
    """Send keys as the terminal does, without waiting. `at` is when they were typed, by the monotonic clock."""
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 else key
        event = events.Key(name, key if len(key) == 1 else "\r" if key == "enter" else None)
        event.time = at or event.time
        app.post_message(event)


async def type_slowly(driver: Driver, *keys: str, pause: float) -> None:
    """Type each key `pause` seconds after the previous one, once that one is handled. The keys carry these times, so
    this function does not wait.
    """
    began = time.monotonic()
    for number, key in enumerate(keys):
        send(driver.app, key, at=began + number * pause)
        await rest(driver)


def type_into(app: App[int], sent: str) -> None:
    """What a terminal sends in one piece."""
    for message in LenientParser().feed(sent):
        app.post_message(message)


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311


@asynccontextmanager
async def busy_loop(dice: random.Random) -> AsyncIterator[None]:
    """Something else keeps the event loop from answering at once."""

    async def hog() -> None:
        while True:
            time.sleep(dice.uniform(0, 0.02))  # noqa: ASYNC251
            await asyncio.sleep(dice.uniform(0, 0.01))

    hogging = asyncio.create_task(hog())
    try:
        yield
    finally:
        hogging.cancel()


def statuses(jobs_db: JobsDatabase) -> dict[UUID, str]:
    return dict(jobs_db.sql("select id, status from generation_jobs"))


async def pass_seeing_time(driver: Driver) -> None:
    """Let the time pass in which keys are dropped."""
    await rest(driver)
    driver.app.key_queue._unseen_until = driver.app.key_queue._refused_until = 0.0


async def rest(driver: Driver) -> None:
    """Wait until all keys are handled and all work that they started has ended."""

    def is_resting() -> bool:
        app = driver.app
        return app.key_queue.is_idle and not app.tasks.is_opening and not app.tasks.is_writing

    await settle(driver.app)
    await driver.until(is_resting)
    await settle(driver.app)
