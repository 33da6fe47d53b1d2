"""Form that stays open until its data is stored; one-line prompt."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.content import Content, ContentText
from textual.widgets import Button, Input, Static

from gjobs.store.errors import InvalidValue, StoreError
from gjobs.store.formats import cents, money
from gjobs.tui.dashboard.dialogs.dialog import Dialog
from gjobs.tui.dashboard.message_board import show_message
from gjobs.tui.dashboard.widgets import LEAVING_KEYS, ResultType, TextField
from gjobs.tui.dashboard.worker_groups import WRITES
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import ReportedError, error_message, error_words

_LONGEST_AMOUNT = 20
"""Characters, with spaces. No amount that can be stored is longer."""


class FieldProblem(Static):
    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id, classes="problem", markup=False)

    def say(self, sentence: str) -> None:
        """Show the problem. An empty sentence hides it."""
        self.update(Content(f"✗ {clean(sentence, limit=400)}"))
        self.set_class(bool(sentence), "-shown")

    def clear(self) -> None:
        self.say("")


class AmountLabel(Static):
    """A label above an amount field. It shows how the typed amount is read."""

    def __init__(self, name: str, *, field: str) -> None:
        super().__init__(classes="label", markup=False)
        self.field = field
        self._name = name

    def follow(self, typed: str) -> None:
        amount = typed_cents(typed)
        understood = "" if amount is None else f": {money(amount)}"
        self.update(Content(f"{self._name}, as $2.50 or in cents{understood}"))


def typed_cents(typed: str) -> int | None:
    """Return None if the text is not an amount. The store checks the limit."""
    return cents(typed.strip()) if len(typed) <= _LONGEST_AMOUNT else None


class FormDialog(Dialog[ResultType]):
    """A form that sends its data and returns the result. It sends only one write at a time.

    Enter in any field sends the form, as the button "agree" does. The user can close the form before the answer
    arrives; a message then reports the outcome. A subclass has a `FieldProblem` with the id "problem".
    """

    FIELDS: ClassVar[Mapping[str, str]] = {}
    """Column to field id. Each field has a `FieldProblem` with the id FIELD-problem."""

    sending_verb: ClassVar[str] = "Saving"
    """What the form does until the answer arrives."""
    closed_words: ClassVar[str] = "Saved the data from the closed form."
    """What is said if the form was closed before the answer arrived."""

    _is_sending = False
    _was_asked_to_wait = False

    def read(self) -> Coroutine[Any, Any, ResultType] | None:
        """Return the write to send. Return None if a field has a problem, which is then shown beside it."""
        raise NotImplementedError

    def on_mount(self) -> None:
        for label in self.query(AmountLabel):
            label.follow(self.query_one(f"#{label.field}", Input).value)

    @on(Input.Changed)
    def _typed_into(self, event: Input.Changed) -> None:
        self._problem_of(event.input.id).clear()
        for label in self.query(AmountLabel):
            if label.field == event.input.id:
                label.follow(event.value)

    @on(Input.Submitted)
    @on(Button.Pressed, "#agree")
    def _send(self) -> None:
        if (sending := self.read()) is not None:
            self.send(sending)

    def send(self, sending: Coroutine[Any, Any, ResultType]) -> None:
        """Send the write. `sending` raises a StoreError if nothing was stored."""
        if self._is_sending:
            sending.close()
            return
        self._is_sending, self._was_asked_to_wait = True, False
        self.problem.clear()
        agree = self.query_one("#agree", Button)
        label, agree.label = agree.label, Content(f"{self.sending_verb} …")
        # The app owns this worker, because the write can outlive the dialog.
        self.app.run_worker(self._await(sending, label), group=WRITES)

    @property
    def problem(self) -> FieldProblem:
        """The problem that concerns no single field."""
        return self.query_one("#problem", FieldProblem)

    def explain(self, error: StoreError) -> None:
        if isinstance(error, InvalidValue) and error.field in self.FIELDS:
            self.complain(self.FIELDS[error.field], error_words(error))
        else:
            self.problem.say(error_words(error))

    def complain(self, field: str, sentence: str) -> None:
        """Show the problem beside the field and focus the field."""
        self._problem_of(field).say(sentence)
        self.query_one(f"#{field}").focus()

    def _problem_of(self, field: str | None) -> FieldProblem:
        """Return the problem of the field. A form with one field uses its own problem."""
        return self.query_one(f"#{field}-problem", FieldProblem) if field in self.FIELDS.values() else self.problem

    async def _await(self, sending: Coroutine[Any, Any, ResultType], label: ContentText) -> None:
        try:
            answer = await sending
        except ReportedError as error:
            if error.may_retry and self.is_open:
                self.problem.say(error.report.text)
            else:
                show_message(self.app, error.report)
                self._leave_with(None)
        except StoreError as error:
            if self.is_open:
                self.explain(error)
            else:
                show_message(self.app, error_message(error))
        else:
            if not self._leave_with(answer):
                show_message(self.app, self.closed_words)
        finally:
            self._is_sending = False
            if self.is_open:
                self.query_one("#agree", Button).label = label

    def _leave_with(self, answer: ResultType | None) -> bool:
        """Return whether the form was still open."""
        if is_open := self.is_open:
            self.dismiss(answer)
        return is_open

    def takes_key(self, event: events.Event) -> bool:
        """While sending, hold other keys for the next screen. The form itself ignores a second enter."""
        return not self._is_sending or (isinstance(event, events.Key) and event.key in {*LEAVING_KEYS, "enter"})

    def action_leave(self) -> None:
        if self._is_sending and not self._was_asked_to_wait:
            self._was_asked_to_wait = True
            key = self.key("dialog.leave")
            self.problem.say(
                f"{self.sending_verb}. Wait for the result, or press {key} again to close this dialog. A message will"
                " show the result."
            )
        else:
            super().action_leave()


class TextPrompt(FormDialog[ResultType]):
    """Ask for one text. `submit` sends it and raises a StoreError on failure. Return its result."""

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
            yield FieldProblem(id="problem")
            yield self.buttons(agree=f"{self._agree} (enter)")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def read(self) -> Coroutine[Any, Any, ResultType] | None:
        text = self.query_one(Input).value
        if text.strip():
            return self._submit(text)
        self.complain("text", f"{self._label} is empty.")
        return None
