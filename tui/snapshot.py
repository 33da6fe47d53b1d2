"""One frame of the dashboard without a terminal: for a script, a README, a ticket."""

import asyncio
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from store.errors import TimedOut
from store.settings import Settings
from tui.app import GjobsApp
from tui.opening import session_opener
from tui.setup import setup_of

_PATIENCE_SECONDS = 60.0


def snapshot(settings: Settings, size: tuple[int, int], svg: bool) -> str:
    """`size` is columns by rows. Plain text, a line a row, or an SVG picture. Raises a StoreError."""
    app = GjobsApp(session_opener(settings), state_path=None, setup=setup_of(settings))
    app.animation_level = "none"
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
    # Textual has no public way to read a frame as text.
    return "\n".join(line.text for line in app.screen._compositor.render_strips())  # noqa: SLF001
