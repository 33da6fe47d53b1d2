"""One frame of the dashboard without a terminal: for a script, a README, a ticket."""

import asyncio
import io
import os
from typing import Any

from rich.console import Console
from textual.app import App
from textual.pilot import Pilot

from store.errors import TimedOut
from store.settings import Settings
from tui.app import GjobsApp
from tui.opening import session_opener
from tui.setup import setup_of

_PATIENCE_SECONDS = 60.0


def snapshot(settings: Settings, size: tuple[int, int], svg: bool) -> str:
    """`size` is columns by rows. Plain text with a line end after each row, or an SVG picture. Raises a StoreError."""
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    app = GjobsApp(session_opener(settings), state_path=None, setup=setup_of(settings))
    return asyncio.run(_frame(app, size, svg))


async def _frame(app: GjobsApp, size: tuple[int, int], svg: bool) -> str:
    frames: list[str] = []

    async def take(pilot: Pilot[object]) -> None:
        try:
            await _until_shown(app, pilot)
            frames.append(app.export_screenshot() if svg else frame_text(app))
        finally:
            app.exit()

    await app.run_async(headless=True, size=size, auto_pilot=take)
    if app.mistake is not None:
        raise app.mistake
    if app.connection.failure is not None:
        raise app.connection.failure.error
    return frames[0]


async def _until_shown(app: GjobsApp, pilot: Pilot[object]) -> None:
    try:
        await asyncio.wait_for(app.settled.wait(), _PATIENCE_SECONDS)
    except TimeoutError:
        raise TimedOut(f"Nothing was shown within {_PATIENCE_SECONDS:g} s.") from None
    await pilot.pause()


def frame_text(app: App[Any]) -> str:
    """What stands on the screen, without colours."""
    width, height = app.size
    console = Console(width=width, height=height, file=io.StringIO(), record=True, legacy_windows=False)
    # Textual has no public way to read a frame as text; its own screenshot is made like this.
    console.print(app.screen._compositor.render_update(full=True))  # noqa: SLF001
    return console.export_text()
