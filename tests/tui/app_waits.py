"""Waits until an app in a test has nothing left to do, as reported by the event loop and not guessed from time."""

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Any

from textual import _wait
from textual._compositor import Compositor
from textual.app import App
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot
from textual.screen import Screen

from tests.event_loop import IdleAwareLoop, running_loop
from tui.dashboard.run import frame_text

PATIENCE = 60.0  # seconds until a test gives up: far more than anything takes, on a busy machine as well

render_update = Compositor.render_update

_parse_rules = Stylesheet._parse_rules

POLL = 0.02  # seconds between checks for changes that do not wake the app


async def press(app: App[Any], *keys: str) -> None:
    """Each key when the one before it is answered."""
    for key in keys:
        await app._press_keys([key])
        await settle(app)


async def settle(app: App[Any]) -> None:
    """Wait until each message and the messages that it causes are handled, and all is drawn.

    Not for what the database or a timer will bring: that a test waits for, by what it changes.
    """
    await running_loop().idle()
    while drawn_soon := [screen for screen in app._screen_stack if app._running and _is_to_draw(screen)]:
        for screen in drawn_soon:
            screen._on_timer_update()
        await running_loop().idle()
    if app._running:
        draw(app.screen)


def draw(screen: Screen[Any]) -> None:
    """All that has changed since it was last drawn, and may draw nothing."""
    with screen.app._context():
        render_update(screen._compositor, screen_stack=screen.app._background_screens)


def draw_when_settled(compositor: Compositor, *_: object, **options: object) -> None:
    """In place of Textual's: what nobody looks at is kept for the frame that a test waits for."""


async def until(condition: Callable[[], object], describe: Callable[[], str]) -> None:
    """`describe` says what there is instead where it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain; {describe()}"
        await running_loop().woken(within=POLL)


async def resize(pilot: Pilot[Any], width: int, height: int) -> None:
    """Textual waits whether another size follows soon."""
    await pilot.resize_terminal(width, height)
    await until(lambda: pilot.app._resize_timer is None, lambda: f"the size: {pilot.app.size}")
    await settle(pilot.app)


class AppDriver:
    """Presses keys in a running app, and waits until it has nothing left to do."""

    def __init__(self, app: App[Any], pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def text(self) -> str:
        return frame_text(self.app)

    @property
    def messages(self) -> object:
        """What the app has reported beside its screen."""
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
    """Replaces Textual's, which every app asks again. Rules do not change once they are read."""
    key = (tuple(stylesheet._variables.values()), source, tuple(options.values()))
    if key not in _parsed:
        _parsed[key] = _parse_rules(stylesheet, *source, **options)  # type: ignore[arg-type]
    return _parsed[key]


async def wait_for_idle(min_sleep: float = 0, max_sleep: float = 1) -> None:
    """In place of Textual's, which looks at the clock; that is left to what brings a loop of its own, as a command."""
    loop = asyncio.get_running_loop()
    await (loop.idle() if isinstance(loop, IdleAwareLoop) else _wait.wait_for_idle(min_sleep, max_sleep))


def _is_to_draw(screen: Screen[Any]) -> bool:
    """Whether it waits for the time of its next frame."""
    return screen._running and screen.is_current and screen._update_timer._active.is_set()
