"""The line of keys: the bindings that are shown, where they were moved to; a click presses one."""

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from tests.tui.settling import settle
from tui.dashboard.keys.bindings import KeyHints


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


@pytest.mark.parametrize(
    ("focus", "keymap", "hints"),
    [
        pytest.param("", {}, "s start  / find  f5 again", id="each shown action with its first key"),
        pytest.param("#pane", {}, "o open  s start  / find  f5 again", id="those of the focused pane"),
        pytest.param("", {"start": "f5"}, "f5 start  / find", id="the configured key"),
        pytest.param("#field", {}, "^s start  f5 again", id="none that the focused field types"),
    ],
)
async def test_key_hints_follow_focus_and_keymap(
    pilot: Pilot[None], focus: str, keymap: dict[str, str], hints: str
) -> None:
    pilot.app.set_focus(pilot.app.query_one(focus) if focus else None)
    pilot.app.set_keymap(keymap)
    await settle(pilot.app)
    assert str(pilot.app.query_one(KeyHints).render()).strip() == hints


@pytest.mark.parametrize(
    ("column", "pressed"),
    [(0, []), (1, ["start"]), (7, ["start"]), (8, []), (9, []), (10, ["find"]), (15, ["find"]), (16, [])],
)
async def test_click_on_a_key_hint_runs_its_action(pilot: Pilot[None], column: int, pressed: list[str]) -> None:
    app = pilot.app
    assert isinstance(app, KeysApp)
    app.set_focus(None)
    await settle(pilot.app)
    await pilot.click(KeyHints, offset=(column, 0))
    await settle(pilot.app)
    assert app.pressed == pressed
