"""What is wrong with a filter, and where."""

from dataclasses import dataclass

from store.errors import InvalidValue


class FilterError(InvalidValue):
    """`text[start:end]` is what is wrong, empty where something is missing; `suggestion` would do in its place.

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
class Place:
    """A part of a filter's text."""

    source: str
    start: int
    end: int

    def wrong(self, message: str, *, suggestion: str | None = None, hint: str | None = None) -> FilterError:
        return FilterError(message, text=self.source, start=self.start, end=self.end, suggestion=suggestion, hint=hint)
