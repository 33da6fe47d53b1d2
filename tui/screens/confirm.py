"""A question before something that is hard to undo. It owns what it asks about: no refresh changes it."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Button, Static

from tui.screens.dialog import Dialog
from tui.words.confirmations import Confirmation


class ConfirmDialog(Dialog[bool]):
    """Answers True only for a plain yes; the button that does nothing has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "agree", "Yes", id="confirm.yes", tooltip="Yes, do it"),
        Binding("n", "leave", "No", id="confirm.no", tooltip="No, do nothing"),
        Binding("left,right", "app.focus_next", "Other button", id="confirm.other", tooltip="Go to the other button"),
    ]

    def __init__(self, confirmation: Confirmation) -> None:
        super().__init__()
        self._confirmation = confirmation

    def compose(self) -> ComposeResult:
        confirmation = self._confirmation
        with self.box(confirmation.title):
            yield Static(Content("\n".join(confirmation.lines)), markup=False)
            if confirmation.warning:
                yield Static(Content(confirmation.warning), classes="warning", markup=False)
            agree = f"{confirmation.agree} ({self.key('confirm.yes')})"
            yield self.buttons(agree=agree, cancel_key="confirm.no", is_dangerous=confirmation.is_dangerous)

    def on_mount(self) -> None:
        # What was told before would lie over the warning and the buttons, on a small screen.
        self.app.clear_notifications()
        self.query_one("#cancel", Button).focus()

    @on(Button.Pressed, "#agree")
    def action_agree(self) -> None:
        self.dismiss(True)
