"""What all dialogs share: a box over the dimmed dashboard, a title, fields, buttons, and escape to leave."""

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button

from tui.keys.moved_keys import inherited_bindings, key_of
from tui.words.text import clean_cell, shorten

ResultType = TypeVar("ResultType")

_NAME_CELLS = 40


class DialogBox(Vertical):
    """Takes the title as it is: clean it before. Which database it is about stands on the lower border."""

    def __init__(self, *, title: str, database: str) -> None:
        super().__init__(id="dialog")
        self.border_title = Content(title)
        if database:
            self.border_subtitle = Content(f" {shorten(clean_cell(database, _NAME_CELLS), _NAME_CELLS)} ")


class Dialog(ModalScreen[ResultType | None]):
    """Leaving it by escape answers None."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: $background 60%;

        #dialog {
            width: 76;
            max-width: 96%;
            height: auto;
            max-height: 96%;
            border: round $primary;
            border-title-color: $text-primary;
            border-title-style: bold;
            background: $surface;
            padding: 1 2;
            overflow-y: auto;
            scrollbar-size-vertical: 1;
        }
        .buttons {
            height: 1;
            margin-top: 1;
            align-horizontal: right;

            Button { margin-left: 2; min-width: 12; padding: 0 1; }
        }
        .label { color: $foreground-muted; margin-top: 1; }
        .label.-first { margin-top: 0; }
        .problem { color: $text-error; display: none; }
        .problem.-shown { display: block; }
        .warning { color: $text-warning; text-style: bold; margin-top: 1; }

        VerticalScroll { scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
        Select.-textual-compact {
            & > SelectCurrent { padding: 0 1; background: $foreground 8%; }
            &:focus > SelectCurrent { background: $primary-muted; background-tint: $foreground 0%; }
        }
        OptionList {
            height: auto;
            border: none;
            padding: 0;
            background: $surface;
            scrollbar-size-vertical: 1;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="dialog.leave", tooltip="Close the dialog without doing anything"),
    ]

    def box(self, title: str) -> DialogBox:
        return DialogBox(title=title, database=self.app.sub_title)

    def key(self, binding_id: str) -> str:
        """What the first key of one of the dialog's bindings is called."""
        return key_of(self.app, inherited_bindings(type(self)), binding_id)

    def keys_line(self, keys: Mapping[str, str]) -> Content:
        """What keys do, by their bindings' ids."""
        return Content("  ".join(f"{self.key(name)} {what}" for name, what in keys.items()))

    def buttons(self, *, agree: str, cancel_key: str = "dialog.leave", is_dangerous: bool = False) -> Horizontal:
        """The labels name the keys, too: that of the binding that leaves; `agree` is for the dialog to handle."""
        cancel = f"Cancel ({self.key(cancel_key)})"
        return Horizontal(
            Button(Content(cancel), id="cancel", compact=True, action="screen.leave"),
            Button(Content(agree), id="agree", compact=True, variant="error" if is_dangerous else "primary"),
            classes="buttons",
        )

    def compose(self) -> ComposeResult:
        raise NotImplementedError

    @property
    def is_open(self) -> bool:
        """Whether its widgets are there: not yet while it comes up, no longer once it was left."""
        return self.is_mounted and self in self.app.screen_stack

    def action_leave(self) -> None:
        self.dismiss(None)
