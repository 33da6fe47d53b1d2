"""Shows what the dashboard costs the network, the database and this machine."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from tui.dashboard.dialogs.dialog import Dialog, DialogBox
from tui.dashboard.widgets import SteadyText
from tui.text.load_text import ShownLoad

_REFRESH_SECONDS = 1.0
"""As often as the header."""


class LoadDialog(Dialog[None]):
    """Refreshes while it is open."""

    DEFAULT_CSS = """
    LoadDialog {
        .line {
            height: auto;

            .name { width: 12; color: $foreground-muted; }
            .value { width: 1fr; }
        }
        #keys { color: $foreground-muted; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,enter,L", "leave", "Close", id="load.close", tooltip="Close the load"),
    ]

    def __init__(self, load: ShownLoad, read_load: Callable[[], ShownLoad | None]) -> None:
        """`read_load` returns the present load. It returns None without a session; the last load then stays."""
        super().__init__()
        self._load = load
        self._read_load = read_load

    def compose(self) -> ComposeResult:
        with self.box(self._load.title):
            for name, value in self._load.lines:
                with Horizontal(classes="line"):
                    yield Static(name, classes="name", markup=False)
                    text = SteadyText(classes="value")
                    text.say(Content(value))
                    yield text
            yield Static(self.keys_line({"dialog.leave": "close"}), id="keys", markup=False)

    def on_mount(self) -> None:
        self.set_interval(_REFRESH_SECONDS, self._draw)

    async def _draw(self) -> None:
        load, before = self._read_load(), self._load
        if not self.is_open or load is None or load == before:
            return
        self._load = load
        if [name for name, _ in load.lines] != [name for name, _ in before.lines]:
            await self.recompose()
            return
        self.query_one(DialogBox).border_title = Content(load.title)
        for text, (_, value) in zip(self.query(".value").results(SteadyText), load.lines, strict=True):
            text.say(Content(value))
