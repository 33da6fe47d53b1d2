"""The line of key hints: it shows the active bindings, and a click runs one."""

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from gjobs.tui.dashboard.panels.footer import KeyHints
from tests.tui.app_waits import settle


class Pane(Static, can_focus=True):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("o", "press('open')", "open")]


class KeysApp(App[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s,ctrl+s", "app.press('start')", "start", id="start"),
        Binding("slash", "app.press('find')", "find"),
        Binding("f5", "app.press('again')", "again"),
        Binding("x", "app.press('hidden')", "hidden", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.pressed: list[str] = []

    def compose(self) -> ComposeResult:
        yield Pane(id="pane")
        yield Button("another pane")
        yield Input(id="field")
        yield KeyHints()

    def action_press(self, what: str) -> None:
        self.pressed.append(what)


@pytest.fixture
async def pilot() -> AsyncIterator[Pilot[None]]:
    async with KeysApp().run_test(size=(40, 8)) as pilot:
        yield pilot


async def test_key_hints_follow_focus_and_keymap(pilot: Pilot[None]) -> None:
    app = pilot.app
    for focus, keymap, hints in (
        (None, {}, "s start  / find  f5 again"),
        ("#pane", {}, "o open  s start  / find  f5 again"),
        (None, {"start": "f5"}, "f5 start  / find"),
        ("#field", {}, "^s start  f5 again"),
    ):
        app.set_focus(app.query_one(focus) if focus else None)
        app.set_keymap(keymap)
        await settle(app)
        assert str(app.query_one(KeyHints).render()).strip() == hints, (focus, keymap)


async def test_click_on_a_key_hint_runs_its_action(pilot: Pilot[None]) -> None:
    app = pilot.app
    assert isinstance(app, KeysApp)
    app.set_focus(None)
    await settle(app)
    for column, pressed in (
        (0, []), (1, ["start"]), (7, ["start"]), (8, []), (9, []), (10, ["find"]), (15, ["find"]), (16, []),
    ):  # fmt: skip
        app.pressed.clear()
        await pilot.click(KeyHints, offset=(column, 0))
        await settle(app)
        assert app.pressed == pressed, column
