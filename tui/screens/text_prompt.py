"""Asks for a line of text and sends it."""

from collections.abc import Callable, Coroutine
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from tui.screens.dialog import ResultType
from tui.screens.form import FormDialog
from tui.screens.problem import Problem
from tui.widgets.text_field import TextField


class TextPrompt(FormDialog[ResultType]):
    """`submit` sends the text and raises a StoreError where that fails. Answers what it returns."""

    def __init__(
        self,
        *,
        title: str,
        lines: tuple[str, ...],
        label: str,
        agree: str,
        submit: Callable[[str], Coroutine[Any, Any, ResultType]],
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
            yield Static(Content("\n".join(self._lines)), markup=False)
            yield Static(Content(self._label), classes="label", markup=False)
            yield TextField(id="text", placeholder=self._placeholder)
            yield Problem(id="problem")
            yield self.buttons(agree=f"{self._agree} (enter)")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def read(self) -> Coroutine[Any, Any, ResultType] | None:
        text = self.query_one(Input).value
        if text.strip():
            return self._submit(text)
        self.complain("text", f"{self._label} is empty.")
        return None
