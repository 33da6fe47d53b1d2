"""A mistake in a filter, marked where it is. Pure."""

from rich.cells import cell_len

from store.filters import FilterError
from tui.words.text import ELLIPSIS, clean, shorten

_MARK = "^"
_CELLS_BEFORE, _CELLS_OF, _CELLS_AFTER = 30, 30, 18
"""So that both lines fit any terminal, however long the filter."""


def marked(error: FilterError) -> str:
    """The text, harmless and cut around the mistake, and below it the mark; where something is missing, one sign."""
    before = clean(error.text[: error.start])
    wrong = shorten(clean(error.text[error.start : error.end]), _CELLS_OF)
    after = shorten(clean(error.text[error.end :]), _CELLS_AFTER)
    before = _last(before, _CELLS_BEFORE)
    return f"{before}{wrong}{after}\n{' ' * cell_len(before)}{_MARK * max(cell_len(wrong), 1)}"


def _last(text: str, cells: int) -> str:
    """The end of a cleaned text, in so many cells at most."""
    if cell_len(text) <= cells:
        return text
    kept = text[-cells:]
    while cell_len(kept) > cells - 1:
        kept = kept[1:]
    return ELLIPSIS + kept
