"""A dialog that sends what was typed: it closes when that was stored, and keeps all of it when not."""

from collections.abc import Coroutine
from typing import Any

from textual import work

from store.errors import StoreError
from tui.actions.certainty import Learned, learned_toast
from tui.actions.errands import WRITES
from tui.say import say
from tui.screens.dialog import Dialog, ResultType
from tui.screens.problem import Problem
from tui.words.outcomes import Toast, error_words


class FormDialog(Dialog[ResultType]):
    """Answers what the sending returned. While it sends it neither sends again nor closes: a write has one answer.

    Has a `Problem` with the id "problem".
    """

    _is_sending = False

    def send(self, sending: Coroutine[Any, Any, ResultType]) -> None:
        """`sending` raises a StoreError where nothing was stored."""
        if self._is_sending:
            sending.close()
            return
        self._is_sending = True
        self.problem.clear()
        self._await(sending)

    @property
    def problem(self) -> Problem:
        """What concerns no single field."""
        return self.query_one("#problem", Problem)

    def explain(self, error: StoreError) -> None:
        self.problem.say(error_words(error))

    @work(group=WRITES)
    async def _await(self, sending: Coroutine[Any, Any, ResultType]) -> None:
        try:
            answer = await sending
        except Learned as learned:
            if learned.was_made is not False:
                # It is done, or nobody can tell: sending it once more would not be the same.
                self.dismiss_with(learned_toast(learned))
            elif self.is_open:
                self.explain(learned)
        except StoreError as error:
            if self.is_open:
                self.explain(error)
        else:
            if self.is_open:
                self.dismiss(answer)
        finally:
            self._is_sending = False

    def dismiss_with(self, toast: Toast) -> None:
        say(self.app, toast)
        if self.is_open:
            self.dismiss(None)

    def action_leave(self) -> None:
        if self._is_sending:
            self.problem.say("This is being stored: wait for the answer.")
        else:
            super().action_leave()
