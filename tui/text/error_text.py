"""Messages, errors as messages, and marked mistakes in a filter."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len

from gjobs.store.errors import Conflict, OutcomeUnknown, RowMissing, StoreError
from gjobs.tui.text.clean_text import ELLIPSIS, clean, shorten, visible_cells

if TYPE_CHECKING:
    from gjobs.store.filters.job_filter import FilterError

Severity = Literal["information", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message on screen, as plain text."""

    text: str
    advice: str = ""
    """What to do in the dashboard. It is shown after the text, and not printed after quitting."""
    severity: Severity = "information"
    keys: str = ""
    """Keys that follow up a success, such as "U undo"."""


class ReportedError(Exception):
    """A failed write, with the message that reports it."""

    def __init__(self, message: Message, *, may_retry: bool) -> None:
        """`may_retry` is true only if nothing was written, so the same form may be sent again."""
        super().__init__(message.text)
        self.report = message
        self.may_retry = may_retry


def left_rows_as_shown(error: Exception) -> bool:
    """Return whether the failed write changed nothing, and no other session had changed its rows. False if unknown."""
    if isinstance(error, ReportedError):
        return error.may_retry
    return isinstance(error, StoreError) and not isinstance(error, (OutcomeUnknown, Conflict, RowMissing))


def error_message(error: StoreError, *, unchanged: str = "Nothing was changed") -> Message:
    """Return the error's sentence and what to do about it. After a failed write, say what was not changed."""
    return Message(
        text=f"{unchanged}. {error_words(error)}" if error.changed_nothing else error_words(error), severity="error"
    )


def error_words(error: StoreError) -> str:
    return clean(f"{error.message} {error.hint or ''}".rstrip(), limit=400)


_MARK = "^"
_CELLS_BEFORE, _CELLS_OF, _CELLS_AFTER = 30, 30, 18
"""Limits that fit both lines into any terminal, however long the filter is."""
_LONGEST_SENTENCE = 400


def marked(error: "FilterError") -> str:
    """Return the filter, harmless and cut around the mistake, with a mark below. A missing part is marked with one
    sign.
    """
    before = clean(error.text[: error.start])
    wrong = shorten(clean(error.text[error.start : error.end]), _CELLS_OF)
    after = shorten(clean(error.text[error.end :]), _CELLS_AFTER)
    before = _last(before, _CELLS_BEFORE)
    return f"{before}{wrong}{after}\n{' ' * cell_len(before)}{_MARK * max(cell_len(wrong), 1)}"


def beneath(error: "FilterError", cells: int, *, is_below: bool) -> str:
    """Return the lines below the field, this many cells wide: the mark, and what is wrong.

    `is_below` is true if the field shows the text from its beginning, so the mark lines up. Otherwise the text around
    the mistake is repeated.
    """
    sentence = " ".join(filter(None, (str(error), error.hint)))
    sentence = clean(sentence, limit=_LONGEST_SENTENCE)
    start = visible_cells(error.text[: error.start])
    mark = _MARK * max(visible_cells(error.text[error.start : error.end]), 1)
    if not is_below or start + len(mark) > cells:
        return f"{marked(error)}\n{sentence}"
    line = f"{' ' * start}{mark}"
    return f"{line} {sentence}" if len(line) + 1 + cell_len(sentence) <= cells else f"{line}\n{sentence}"


def still_listed(text: str) -> str:
    """Say what is still listed while the new filter is wrong."""
    return f"Still showing results for “{clean(text, limit=60)}”." if text else "Still showing all jobs."


def _last(text: str, cells: int) -> str:
    """Return the end of a cleaned text, at most this many cells wide."""
    if cell_len(text) <= cells:
        return text
    kept = text[-cells:]
    while cell_len(kept) > cells - 1:
        kept = kept[1:]
    return ELLIPSIS + kept
