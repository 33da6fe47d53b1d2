"""A table of the document, whose keys are taken one by one; what is wrong with one is noted, and it counts as unset."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from store.configuration.lines import Place
from store.configuration.problems import Problem
from store.suggestions import not_known

T = TypeVar("T")
U = TypeVar("U")


class Table:
    def __init__(self, values: Mapping[str, object], place: Place, problems: list[Problem]) -> None:
        self._values = values
        self._place = place
        self._problems = problems
        self._known: list[str] = []
        self._refused: list[str] = []

    def complain(self, clause: str, key: str | None = None) -> None:
        """About a key, or about the whole table."""
        self._problems.append(Problem(place=self._place if key is None else (*self._place, key), clause=clause))

    def has(self, key: str) -> bool:
        return key in self._values

    def refuse(self, key: str, clause: str) -> None:
        """A key that is known elsewhere, and says nothing here."""
        if key in self._values:
            self._refused.append(key)
            self.complain(clause, key)

    def take(self, key: str) -> object:
        """None where it is not there, for TOML has no null."""
        self._known.append(key)
        return self._values.get(key)

    def text(self, key: str) -> str | None:
        """Never an empty one."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.complain(f"is {kind(value)}, and should be a text", key)
        elif not value.strip():
            self.complain("is empty", key)
        elif "\0" in value:
            self.complain("holds a NUL character", key)
        else:
            return value
        return None

    def flag(self, key: str) -> bool | None:
        value = self.take(key)
        if value is None or isinstance(value, bool):
            return value
        self.complain(f"is {kind(value)}, and should be true or false", key)
        return None

    def seconds(self, key: str, *, least: float, most: float) -> float | None:
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.complain(f"is {kind(value)}, and should be a number of seconds", key)
        elif not least <= value <= most:
            self.complain(f"should be from {least:g} to {most:g} seconds", key)
        else:
            return float(value)
        return None

    def one_of(self, key: str, known: Iterable[str]) -> str | None:
        value = self.text(key)
        words = tuple(known)
        if value is None or value in words:
            return value
        self.complain(f"has a value that it cannot have: {not_known(value, words)}", key)
        return None

    def converted_text(self, key: str, convert: Callable[[str], T]) -> T | None:
        """`convert` raises ValueError with the clause that says what is wrong."""
        value = self.text(key)
        return None if value is None else self._converted(key, value, convert)

    def converted(self, key: str, convert: Callable[[object], T]) -> T | None:
        """The same of a value of any type."""
        value = self.take(key)
        return None if value is None else self._converted(key, value, convert)

    def _converted(self, key: str, value: U, convert: Callable[[U], T]) -> T | None:
        try:
            return convert(value)
        except ValueError as error:
            self.complain(str(error), key)
            return None

    def table(self, key: str) -> Mapping[str, object]:
        """Empty where it is not there."""
        value = self.take(key)
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return value
        self.complain(f"is {kind(value)}, and should be a table", key)
        return {}

    def end(self) -> None:
        """Notes the keys that nobody took."""
        for key in self._values:
            if key not in self._known and key not in self._refused:
                self.complain(not_known(key, self._known).removeprefix(f"{key!r} "), key)


def kind(value: object) -> str:
    """What a value of TOML is, in words."""
    match value:
        case bool():
            return "true or false"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case Mapping():
            return "a table"
        case _:
            return "a date or a time"
