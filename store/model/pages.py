"""Parts of what is too long to be read at once. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Self, TypeVar
from uuid import UUID

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageKey:
    """Where a page ends: the last row's values, by which the next page starts. Newest first."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some rows of a longer list. Iterates over its items."""

    items: tuple[T, ...]
    next_key: PageKey | None
    """None on the last page."""

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class CappedCount:
    """A count that stops somewhere, so that it stays cheap."""

    number: int
    is_more: bool = False
    """Whether there are more than that."""

    @classmethod
    def of(cls, counted: int, most: int) -> Self:
        """Of what was counted up to one beyond `most`."""
        return cls(number=min(counted, most), is_more=counted > most)
