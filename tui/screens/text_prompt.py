"""Asks for a line of text and sends it; what was typed stays until the sending succeeded."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Input, Static

from store.errors import StoreError
from tui.screens.dialog import Dialog
from tui.screens.problem import Problem


class TextPrompt(Dialog[str]):
    """`submit` sends the text and raises a StoreError where that fails. Answers the text that was sent."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "send", "Send", id="prompt.send", tooltip="Send what was typed"),
    ]

    def __init__(
        self,
        *,
        title: str,
        lines: tuple[str, ...],
        label: str,
        agree: str,
        submit: Callable[[str], Awaitable[None]],
        placeholder: str = "",
    ) -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._label = label
        self._agree = agree
        self._submit = submit
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        with self.box(self._title):
            if self._lines:
                yield Static(Content("\n".join(self._lines)), markup=False)
            yield Static(Content(self._label), classes="label", markup=False)
            yield Input(placeholder=self._placeholder, id="text")
            yield Problem(id="problem")
            with Horizontal(classes="buttons"):
                yield Button("Cancel (esc)", id="cancel")
                yield Button(Content(f"{self._agree} (enter)"), id="agree", variant="primary")

    @on(Input.Changed)
    def _forget_problem(self) -> None:
        self.query_one(Problem).clear()

    @on(Input.Submitted)
    @on(Button.Pressed, "#agree")
    def action_send(self) -> None:
        text = self.query_one(Input).value
        if not text.strip():
            self.query_one(Problem).say(f"{self._label} is empty.")
            self.query_one(Input).focus()
            return
        self._send(text)

    @work(exclusive=True, group="send")
    async def _send(self, text: str) -> None:
        try:
            await self._submit(text)
        except StoreError as error:
            self.query_one(Problem).say(f"{error.message} {error.hint or ''}".strip())
            self.query_one(Input).focus()
        else:
            self.dismiss(text)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_leave()
