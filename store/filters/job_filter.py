"""JobFilter and FilterError."""

from typing import TYPE_CHECKING

from gjobs.store.errors import InvalidValue
from gjobs.store.value_class import dataclass

if TYPE_CHECKING:
    from gjobs.store.filters.filter_terms import Term


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Matches the jobs that match every term. Without terms, it matches all jobs."""

    terms: "tuple[Term, ...]" = ()

    def __bool__(self) -> bool:
        return bool(self.terms)


NO_FILTER = JobFilter()


class FilterError(InvalidValue):
    """`text[start:end]` is the error; it is empty if something is missing. `suggestion` is a valid replacement.

    The field is `filter`.
    """

    def __init__(
        self, message: str, *, text: str, start: int, end: int, suggestion: str | None = None, hint: str | None = None
    ) -> None:
        meant = None if suggestion is None else f"Did you mean {suggestion}"
        super().__init__("filter", message, hint=hint or (f"{meant}?" if meant else None))
        self.text = text
        self.start = start
        self.end = end
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A part of a filter's text."""

    source: str
    start: int
    end: int

    def wrong(self, message: str, *, suggestion: str | None = None, hint: str | None = None) -> FilterError:
        return FilterError(message, text=self.source, start=self.start, end=self.end, suggestion=suggestion, hint=hint)
