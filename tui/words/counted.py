"""Counts that stop somewhere, as people read them. Pure."""

from typing import TYPE_CHECKING

from tui.words.format import count

if TYPE_CHECKING:
    from store.model import CappedCount


def counted(number: "CappedCount") -> str:
    """`≥` where there are more."""
    return f"≥ {count(number.number)}" if number.is_more else count(number.number)


def counted_jobs(number: "CappedCount") -> str:
    is_one = number.number == 1 and not number.is_more
    return f"{counted(number)} {'job' if is_one else 'jobs'}"
