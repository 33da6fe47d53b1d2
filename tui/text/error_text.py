"""Toasts, errors as toasts, mistakes marked in a filter."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len

from store.errors import ServerFailure, StoreError, TimedOut, Unreachable
from tui.text.clean_text import ELLIPSIS, clean, shorten, visible_cells

if TYPE_CHECKING:
    from store.filters.job_filter import FilterError

Severity = Literal["information", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toast:
    text: str
    severity: Severity = "information"


class ToastError(Exception):
    """A write whose outcome the toast reports."""

    def __init__(self, toast: Toast, *, may_retry: bool) -> None:
        """`may_retry` is true only if nothing was written, so that the same form may be sent again."""
        super().__init__(toast.text)
        self.toast = toast
        self.may_retry = may_retry


def error_toast(error: StoreError) -> Toast:
    """The error's sentence, and what to do about it."""
    return Toast(text=error_words(error), severity="error")


def unwritten_toast(error: StoreError) -> Toast:
    """Of one write that was not kept: why, and that nothing came of it where the error itself does not tell."""
    toast = error_toast(error)
    if isinstance(error, (Unreachable, TimedOut, ServerFailure)):
        return replace(toast, text=f"Nothing was changed. {toast.text}")
    return toast


def error_words(error: StoreError) -> str:
    return clean(f"{error.message} {error.hint or ''}".rstrip(), limit=400)


_MARK = "^"
_CELLS_BEFORE, _CELLS_OF, _CELLS_AFTER = 30, 30, 18
"""So that both lines fit any terminal, however long the filter."""
_LONGEST_SENTENCE = 400


def marked(error: "FilterError") -> str:
    """The text, harmless and cut around the mistake, and below it the mark; where something is missing, one sign."""
    before = clean(error.text[: error.start])
    wrong = shorten(clean(error.text[error.start : error.end]), _CELLS_OF)
    after = shorten(clean(error.text[error.end :]), _CELLS_AFTER)
    before = _last(before, _CELLS_BEFORE)
    return f"{before}{wrong}{after}\n{' ' * cell_len(before)}{_MARK * max(cell_len(wrong), 1)}"


def beneath(error: "FilterError", cells: int, *, is_below: bool) -> str:
    """What stands below the field with the text: the mark, and what is wrong; so many cells wide.

    `is_below` where the field shows the text from its beginning, so that the mark can stand below what it marks;
    else the text around the mistake is repeated.
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
    """Of the last filter that was right: it holds until this one is."""
    return f"Until then “{clean(text, limit=60)}” holds." if text else "Until then all jobs are listed."


def _last(text: str, cells: int) -> str:
    """The end of a cleaned text, in so many cells at most."""
    if cell_len(text) <= cells:
        return text
    kept = text[-cells:]
    while cell_len(kept) > cells - 1:
        kept = kept[1:]
    return ELLIPSIS + kept
