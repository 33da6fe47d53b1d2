"""What all dialogs share: a box over the dimmed dashboard, a title, and escape to leave."""

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

ResultType = TypeVar("ResultType")


class DialogBox(Vertical):
    """Takes the title as it is: clean it before."""

    def __init__(self, *, title: str) -> None:
        super().__init__(id="dialog")
        self.border_title = Content(title)


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
        }
        .buttons {
            height: auto;
            margin-top: 1;
            align-horizontal: right;

            Button { margin-left: 2; min-width: 12; }
        }
        .label { color: $foreground-muted; margin-top: 1; }
        .hint { color: $foreground-muted; }
        .problem { color: $text-error; display: none; }
        .problem.-shown { display: block; }
        .warning { color: $text-warning; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="dialog.leave", tooltip="Close without doing anything"),
    ]

    def box(self, title: str) -> DialogBox:
        return DialogBox(title=title)

    def compose(self) -> ComposeResult:
        raise NotImplementedError

    def action_leave(self) -> None:
        self.dismiss(None)
