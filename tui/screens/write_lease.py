"""Asks for what a write lease takes: a reason, and how long."""

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Button, Input, Select, Static

from tui.screens.dialog import Dialog
from tui.screens.problem import Problem
from tui.widgets.text_field import TextField

MINUTES = (2, 5, 15, 30)
USUAL_MINUTES = 5
LONGEST_REASON = 200
"""Characters: it is to be read on a line, and in the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedLease:
    reason: str
    minutes: int


class WriteLeaseDialog(Dialog[WantedLease]):
    def __init__(self, *, lines: tuple[str, ...]) -> None:
        """`lines` say where one is about to write: clean text."""
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        with self.box("Write on purpose"):
            yield Static(Content("\n".join(self._lines)), markup=False)
            yield Static("Reason, kept in the journal", classes="label", markup=False)
            yield TextField(id="reason", placeholder="Such as: ticket 4711, stuck jobs")
            yield Problem(id="problem")
            yield Static("For how long", classes="label", markup=False)
            yield Select(
                [(f"{minutes} minutes", minutes) for minutes in MINUTES],
                value=USUAL_MINUTES,
                allow_blank=False,
                id="minutes",
                compact=True,
            )
            yield self.buttons(agree="Write (enter)")

    def on_mount(self) -> None:
        self.query_one("#reason", Input).focus()

    @on(Input.Changed)
    def _forget_problem(self) -> None:
        self.query_one(Problem).clear()

    @on(Input.Submitted)
    @on(Button.Pressed, "#agree")
    def _take(self) -> None:
        reason = self.query_one("#reason", Input).value.strip()
        minutes = self.query_one("#minutes", Select).value
        if not reason:
            self.query_one(Problem).say("Writing here takes a reason.")
            self.query_one("#reason", Input).focus()
        elif len(reason) > LONGEST_REASON:
            self.query_one(Problem).say(f"At most {LONGEST_REASON} characters; these are {len(reason)}.")
        elif isinstance(minutes, int):
            self.dismiss(WantedLease(reason=reason, minutes=minutes))
