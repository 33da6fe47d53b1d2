"""A question before something that is hard to undo. It owns what it asks about: no refresh changes it."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Static

from tui.confirmations import Confirmation
from tui.screens.dialog import Dialog


class ConfirmDialog(Dialog[bool]):
    """Answers True only for a plain yes; the button that does nothing has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "agree", "Yes", id="confirm.yes", tooltip="Do it"),
        Binding("n", "leave", "No", id="confirm.no", tooltip="Do nothing"),
        Binding("left,right", "app.focus_next", "Other button", show=False, id="confirm.other"),
    ]

    def __init__(self, confirmation: Confirmation) -> None:
        super().__init__()
        self._confirmation = confirmation

    def compose(self) -> ComposeResult:
        confirmation = self._confirmation
        with self.box(confirmation.title):
            yield Static(Content("\n".join(confirmation.lines)), markup=False)
            if confirmation.warning:
                yield Static(Content(f"\n{confirmation.warning}"), classes="warning", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel (n)", id="cancel")
                yield Button(Content(f"{confirmation.agree} (y)"), id="agree", variant="error")

    def on_mount(self) -> None:
        self.query_one("#cancel", Button).focus()

    @on(Button.Pressed, "#agree")
    def action_agree(self) -> None:
        self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_leave()
