"""Wait until an app in a test is idle, as reported by its event loop. No wait depends on a time."""

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Any
from weakref import WeakKeyDictionary

from textual import _wait
from textual._compositor import Compositor
from textual._context import visible_screen_stack
from textual.app import App
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot
from textual.screen import Screen

from gjobs.tui.dashboard.list.job_table import JobTable
from gjobs.tui.dashboard.terminal.appearance import frame_text
from tests.event_loop import IdleAwareLoop, running_loop

PATIENCE = 60.0  # seconds until a wait fails; a busy machine needs far less

render_update = Compositor.render_update

_parse_rules = Stylesheet._parse_rules

POLL = 0.02  # seconds between checks for changes that do not wake the app


async def press(app: App[Any], *keys: str) -> None:
    """Press each key after the app has handled the one before."""
    for key in keys:
        await app._press_keys([key])
        await settle(app)


async def settle(app: App[Any]) -> None:
    """Wait until all messages, and the messages that they cause, are handled and drawn.

    This does not wait for the database or a timer. For those, wait for the change with `until`.
    """
    await running_loop().idle()
    while pending := [screen for screen in app._screen_stack if app._running and _has_pending_frame(screen)]:
        for screen in pending:
            screen._on_timer_update()
        await running_loop().idle()


_texts: WeakKeyDictionary[Compositor, str] = WeakKeyDictionary()
"""The last frame of each screen."""


def text_on(screen: Screen[Any]) -> str:
    """Return the text of the screen. Draw it only if something has changed since the last frame.

    Drawing takes longer than most keys, so frames that no test reads are not drawn.
    """
    compositor = screen._compositor
    # If a test draws immediately, no region is marked as changed, so always draw here.
    draws: object = Compositor.render_update
    if draws is not draw_when_settled or compositor._dirty_regions or compositor not in _texts:
        with screen.app._context():
            visible_screen_stack.set(screen.app._background_screens)
            _texts[compositor] = frame_text(screen.app)
        compositor._dirty_regions.clear()
    return _texts[compositor]


def draw_when_settled(compositor: Compositor, *_: object, **options: object) -> None:
    """Replace Textual's `render_update`: keep changes for the frame that a test reads.

    The job table counts its lines as drawn, as in a terminal.
    """
    for widget in compositor.visible_widgets:
        if isinstance(widget, JobTable):
            widget.record_frame(None)


async def until(condition: Callable[[], object], describe: Callable[[], str]) -> None:
    """Wait for a condition. `describe` returns the state to print if it never holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"the condition did not hold in time; {describe()}"
        await running_loop().woken(within=POLL)


async def resize(pilot: Pilot[Any], width: int, height: int) -> None:
    """Resize the terminal and wait until Textual applies the size, which it delays."""
    await pilot.resize_terminal(width, height)
    await until(lambda: pilot.app._resize_timer is None, lambda: f"the size: {pilot.app.size}")
    await settle(pilot.app)


class AppDriver:
    """Press keys in a running app and wait until it is idle."""

    def __init__(self, app: App[Any], pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def text(self) -> str:
        return text_on(self.app.screen)

    @property
    def messages(self) -> object:
        """Messages of the app that are not on its screen, for failure reports."""
        return []

    async def press(self, *keys: str) -> None:
        await press(self.app, *keys)

    async def settle(self) -> None:
        await settle(self.app)

    async def resize(self, width: int, height: int) -> None:
        await resize(self.pilot, width, height)

    async def until(self, condition: Callable[[], object]) -> None:
        await until(condition, lambda: f"the screen:\n{self.text}\nmessages: {self.messages}")


_parsed: dict[Hashable, list[RuleSet]] = {}


def parse_once(stylesheet: Stylesheet, *source: Hashable, **options: Hashable) -> list[RuleSet]:
    """Replace Textual's `_parse_rules` with a cached one, because every app parses the same rules."""
    key = (tuple(stylesheet._variables.values()), source, tuple(options.values()))
    if key not in _parsed:
        _parsed[key] = _parse_rules(stylesheet, *source, **options)  # type: ignore[arg-type]
    return _parsed[key]


async def wait_for_idle(min_sleep: float = 0, max_sleep: float = 1) -> None:
    """Replace Textual's wait, which polls the clock. Code with its own event loop keeps Textual's."""
    loop = asyncio.get_running_loop()
    await (loop.idle() if isinstance(loop, IdleAwareLoop) else _wait.wait_for_idle(min_sleep, max_sleep))


def _has_pending_frame(screen: Screen[Any]) -> bool:

    return screen._running and screen.is_current and screen._update_timer._active.is_set()
