"""What all dialogs share: a box over the dimmed dashboard, a title, fields, buttons, and escape to leave."""

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button

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

        VerticalScroll { scrollbar-size-vertical: 1; }
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
        return DialogBox(title=title)

    def buttons(self, *, cancel: str, agree: str, is_dangerous: bool = False) -> Horizontal:
        """The labels name the keys, too; `cancel` leaves, `agree` is for the dialog to handle."""
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
