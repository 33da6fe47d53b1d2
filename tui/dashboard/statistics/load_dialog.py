"""Shows what the dashboard costs the network, the database and this machine."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from tui.dashboard.dialogs.dialog import Dialog
from tui.text.load_text import load_lines, load_title

if TYPE_CHECKING:
    from store.database.load_meter import Load


class LoadDialog(Dialog[None]):
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

    def __init__(self, load: "Load", *, pace: str) -> None:
        """`pace` says when the dashboard refreshes."""
        super().__init__()
        self._load = load
        self._pace = pace

    def compose(self) -> ComposeResult:
        with self.box(load_title(self._load)):
            for name, value in (*load_lines(self._load), ("Refresh", self._pace)):
                with Horizontal(classes="line"):
                    yield Static(name, classes="name", markup=False)
                    yield Static(value, classes="value", markup=False)
            yield Static(self.keys_line({"dialog.leave": "close"}), id="keys", markup=False)
