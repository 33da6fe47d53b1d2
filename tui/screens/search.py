"""Picks one of many things that are searched for by the server while one types."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from textual.timer import Timer
from textual.widgets import OptionList

from store.errors import StoreError
from tui.screens.pick import Choice, PickDialog
from tui.words.toast import error_words

Search = Callable[[str], Awaitable[Sequence[Choice]]]
"""From what was typed to the choices. May raise a StoreError."""

_STILL_TYPING_SECONDS = 0.15
_PATIENCE_SECONDS = 0.3
"""After so long it is said that an answer is waited for."""
_SEARCHES = "searches"


class SearchDialog(PickDialog):
    """Open at once, with the keys that follow. Only the newest search counts, and none makes the typing wait."""

    def __init__(
        self,
        *,
        title: str,
        search: Search,
        placeholder: str,
        chosen: str | None = None,
        beside: Callable[[str], Sequence[Choice]] = lambda _needle: (),
        remark: str = "",
    ) -> None:
        super().__init__(title=title, choices=(), chosen=chosen, placeholder=placeholder, beside=beside, remark=remark)
        self._ask = search
        self._needle = ""
        self._is_answered = False
        """Whether what is listed is what the present needle finds."""
        self._enter_waits = False
        self._waits: list[Timer] = []

    def look_for(self, needle: str) -> None:
        self._needle, self._is_answered, self._enter_waits = needle, False, False
        self._stop_waits()
        self._waits = [self.set_timer(_STILL_TYPING_SECONDS + _PATIENCE_SECONDS, self._say_searching)]
        if needle:
            self._waits.append(self.set_timer(_STILL_TYPING_SECONDS, partial(self._start, needle)))
        else:
            self._start(needle)

    def take_highlighted(self) -> None:
        """What is listed may have been found by less than was typed: then the answer is waited for."""
        if self._is_answered:
            super().take_highlighted()
        else:
            self._enter_waits = True

    def _start(self, needle: str) -> None:
        self.run_worker(self._find(needle), group=_SEARCHES, exclusive=True)

    async def _find(self, needle: str) -> None:
        try:
            found, problem = await self._ask(needle), ""
        except StoreError as error:
            found, problem = (), error_words(error)
        if self.is_open and needle == self._needle:
            self._answer(found, problem)

    def _answer(self, found: Sequence[Choice], problem: str) -> None:
        self._stop_waits()
        self._is_answered = True
        self.offer(found, self._needle)
        if problem:
            self.note(problem)
        if self._enter_waits and self._is_clear(found):
            self.take_highlighted()
        self._enter_waits = False

    def _is_clear(self, found: Sequence[Choice]) -> bool:
        """Whether there is only one to take: of several nobody has seen which is the first."""
        return len(found) == 1 or (not found and self.query_one(OptionList).option_count == 1)

    def _say_searching(self) -> None:
        if self.is_open:
            self.note("Searching …")

    def _stop_waits(self) -> None:
        for timer in self._waits:
            timer.stop()
