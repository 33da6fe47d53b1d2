"""What somebody pasted as an id, or as its beginning. Pure."""

from dataclasses import dataclass
from uuid import UUID

LEAST_DIGITS = 4
"""Fewer find too much, and are words as often as not."""

_ALL_DIGITS = 32
_AROUND = " \t\r\n\"'`{}()<>,;"
"""What comes along when an id is copied out of a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdRange:
    """All ids with one beginning: an index finds them as it finds any range."""

    low: UUID
    high: UUID
    """The last of them, itself included."""


def id_range(text: str) -> IdRange | None:
    """None where the text is no id and no beginning of one. Dashes stand where an id has them, or nowhere."""
    written = text.strip(_AROUND).lower()
    digits = written.replace("-", "")
    if not LEAST_DIGITS <= len(digits) <= _ALL_DIGITS or not set(digits) <= set("0123456789abcdef"):
        return None
    low, high = (UUID(digits.ljust(_ALL_DIGITS, filler)) for filler in "0f")
    if "-" in written and not str(low).startswith(written):
        return None
    return IdRange(low=low, high=high)
