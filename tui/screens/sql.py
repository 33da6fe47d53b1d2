"""SQL to be read, and copied: it is never run from here."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.say import say
from tui.screens.dialog import Dialog
from tui.words.text import clean_block
from tui.words.toast import Toast


class SqlDialog(Dialog[None]):
    """`sql` are statements that may quote names out of the database."""

    DEFAULT_CSS = """
    SqlDialog {
        #dialog { width: 132; }
        VerticalScroll { height: auto; max-height: 100%; }
        #hint { color: $foreground-muted; margin-bottom: 1; }
        #keys { color: $foreground-muted; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,enter", "leave", "Close", id="sql.close", tooltip="Close the SQL"),
        Binding("y", "copy", "Copy", id="sql.copy", tooltip="Copy the SQL"),
    ]

    def __init__(self, sql: str, *, hint: str) -> None:
        super().__init__()
        self._sql = clean_block(sql)
        self._hint = hint

    def compose(self) -> ComposeResult:
        with self.box("SQL"), VerticalScroll():
            yield Static(Content(self._hint), id="hint", markup=False)
            yield Static(Content(self._sql), markup=False)
            yield Static(Content(f"{self.key('sql.copy')} copy  {self.key('dialog.leave')} close"), id="keys")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._sql)
        say(self.app, Toast(text="Copied the SQL."))
