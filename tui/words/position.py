"""Where in a list one is, and how sure that is. Pure."""

from dataclasses import dataclass

from store.numbers.certainty import Counted
from tui.words.certainty import number_words
from tui.words.format import count


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    number: int
    """Of a row in the whole list, from 1."""
    is_exact: bool
    length: Counted | None
    """None where nobody knows how long the list is."""


def position_words(position: Position) -> str:
    """`412 of 1,000`, `≈ 412,000 of 1,000,000`, `412 of ≥ 10,000`, `412 of ~1,000,000`; of unknown length `412 …`."""
    number = count(position.number) if position.is_exact else f"≈ {count(position.number)}"
    return f"{number} …" if position.length is None else f"{number} of {number_words(position.length)}"
