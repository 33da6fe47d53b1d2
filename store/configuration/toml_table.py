"""Typed access to a TOML table, with line numbers in problems."""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from store.errors import BadConfiguration
from store.formats import not_known

TomlLocation = tuple[str, ...]
"""The names of the tables and the key, outermost first. Empty for the whole file."""

_LONGEST_VALUE = 50
"""The most lines that are searched for the end of a value."""


class Lines:
    """The lines of one text. Parsed parts are cached."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._documents: dict[int, object] = {}

    def line_of(self, location: TomlLocation) -> int | None:
        """Return the line, from 1, where the key is set or its table starts. None if not found.

        A key with dots may be written as nested tables.
        """
        if not location:
            return None
        key = location[-1].rpartition(".")[2]
        written = (location, (*location[:-1], *location[-1].split(".")))
        for number, line in enumerate(self._lines, start=1):
            if key in line and any(_has(self._document_up_to(number), form) for form in written):
                return number
        return None

    def _document_up_to(self, number: int) -> object:
        """Return the document up to a line, including further lines of its value."""
        if number not in self._documents:
            self._documents[number] = self._parse(number)
        return self._documents[number]

    def _parse(self, number: int) -> object:
        for end in range(number, min(number + _LONGEST_VALUE, len(self._lines)) + 1):
            try:
                return tomllib.loads("\n".join(self._lines[:end]))
            except (ValueError, RecursionError):
                continue
        return None


def _has(document: object, location: TomlLocation) -> bool:
    for part in location:
        if not isinstance(document, Mapping) or part not in document:
            return False
        document = document[part]
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationProblem:
    location: TomlLocation
    clause: str
    """Follows the key's name, without a full stop: "is a number, but must be a text"."""


def refusal(problems: Sequence[ConfigurationProblem], *, path: Path, text: str = "") -> BadConfiguration:
    """Return an error with all problems, in the file's order. `text` is the file's text, for line numbers."""
    lines = Lines(text)
    numbered = sorted(
        ((lines.line_of(problem.location) or 0, problem) for problem in problems), key=lambda pair: pair[0]
    )
    return BadConfiguration([_sentence(problem, path, line) for line, problem in numbered])


def _sentence(problem: ConfigurationProblem, path: Path, line: int) -> str:
    clause = problem.clause if problem.clause.endswith(("?", ".")) else f"{problem.clause}."
    if not problem.location:
        return f"{path} {clause}"
    where = f"{path}, line {line}" if line else str(path)
    return f"{where}: {dotted(problem.location)} {clause}"


def dotted(location: TomlLocation) -> str:
    """Return the location as TOML writes it."""
    return ".".join(part if _is_bare(part) else f'"{part}"' for part in location)


def _is_bare(part: str) -> bool:
    return part.isascii() and part.replace("-", "").replace("_", "").isalnum()


T = TypeVar("T")
U = TypeVar("U")


class TomlTable:
    def __init__(
        self, values: Mapping[str, object], location: TomlLocation, problems: list[ConfigurationProblem]
    ) -> None:
        self._values = values
        self._location = location
        self._problems = problems
        self._known: list[str] = []
        self._refused: list[str] = []

    def complain(self, clause: str, key: str | None = None) -> None:
        """Add a problem of a key, or of the whole table."""
        self._problems.append(
            ConfigurationProblem(location=self._location if key is None else (*self._location, key), clause=clause)
        )

    def has(self, key: str) -> bool:
        return key in self._values

    def refuse(self, key: str, clause: str) -> None:
        """Refuse a key that has no effect here, but has elsewhere."""
        if key in self._values:
            self._refused.append(key)
            self.complain(clause, key)

    def take(self, key: str) -> object:
        """Return the value, or None if it is missing: TOML has no null."""
        self._known.append(key)
        return self._values.get(key)

    def text(self, key: str) -> str | None:
        """Return the text, or None. An empty text is a problem."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.complain(f"is {kind(value)}, but must be a text", key)
        elif not value.strip():
            self.complain("is empty", key)
        elif "\0" in value:
            self.complain("contains a NUL character", key)
        else:
            return value
        return None

    def flag(self, key: str) -> bool | None:
        value = self.take(key)
        if value is None or isinstance(value, bool):
            return value
        self.complain(f"is {kind(value)}, but must be true or false", key)
        return None

    def seconds(self, key: str, *, least: float, most: float) -> float | None:
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.complain(f"is {kind(value)}, but must be a number of seconds", key)
        elif not least <= value <= most:
            self.complain(f"must be from {least:g} to {most:g} seconds", key)
        else:
            return float(value)
        return None

    def one_of(self, key: str, known: Iterable[str]) -> str | None:
        value = self.text(key)
        words = tuple(known)
        if value is None or value in words:
            return value
        self.complain(f"has an invalid value: {not_known(value, words)}", key)
        return None

    def converted_text(self, key: str, convert: Callable[[str], T]) -> T | None:
        """Return the converted text. `convert` raises ValueError with a clause that describes the problem."""
        value = self.text(key)
        return None if value is None else self._converted(key, value, convert)

    def converted(self, key: str, convert: Callable[[object], T]) -> T | None:
        """Return a converted value of any type, as `converted_text` does."""
        value = self.take(key)
        return None if value is None else self._converted(key, value, convert)

    def _converted(self, key: str, value: U, convert: Callable[[U], T]) -> T | None:
        try:
            return convert(value)
        except ValueError as error:
            self.complain(str(error), key)
            return None

    def table(self, key: str) -> Mapping[str, object]:
        """Return the table, empty if it is missing."""
        value = self.take(key)
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return value
        self.complain(f"is {kind(value)}, but must be a table", key)
        return {}

    def end(self) -> None:
        """Add a problem for each unknown key."""
        for key in self._values:
            if key not in self._known and key not in self._refused:
                self.complain(not_known(key, self._known).removeprefix(f"{key!r} "), key)


def kind(value: object) -> str:
    """Return the type of a TOML value in words."""
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
