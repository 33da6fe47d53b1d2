"""Typed access to a TOML table, with line numbers in problems."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gjobs.store.errors import BadConfiguration
from gjobs.store.values.formats import not_known

T = TypeVar("T")
U = TypeVar("U")

TomlLocation = tuple[str, ...]
"""The names of the tables and the key, outermost first. Empty for the whole file."""

MOST_SHOWN = 20
"""The most problems reported for one file."""

_MOST_ATTEMPTS = 50
"""Most lines that are added to an unfinished statement. The rest of the file then has no line numbers."""
_ENDINGS = ("]", '"', "'")
_BARE = re.compile(r"[A-Za-z0-9_-]*[A-Za-z0-9][A-Za-z0-9_-]*")


_DEEPEST = 50
"""The most levels of nested tables. No setting needs more, and reading them is recursive."""


def parse_toml(text: str) -> dict[str, object]:
    """Parse the text. Raises ValueError with a clause that describes the problem."""
    import tomllib

    try:
        document = tomllib.loads(text)
    except ValueError as error:
        raise ValueError(f"is not TOML: {error}") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    level: list[object] = [document]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    if level:
        raise ValueError(_TOO_DEEP)
    return document


_TOO_DEEP = "is nested too deeply"


def lines_of(text: str) -> dict[TomlLocation, int]:
    """Return the line, from 1, where each key is first set or its table starts. The text must be TOML.

    The tables of an array have numbers, from 1.
    """
    found: dict[TomlLocation, int] = {}
    table: TomlLocation = ()
    counts: Counter[TomlLocation] = Counter()
    for number, is_header, document in _statements(text):
        entries = list(_entries(document, () if is_header else table))
        if is_header:
            table, value = entries[-1]
            if isinstance(value, list):
                counts[table] += 1
                table = (*table, str(counts[table]))
                entries.append((table, value))
        for location, _ in entries:
            found.setdefault(location, number)
    return found


def _statements(text: str) -> Iterator[tuple[int, bool, Mapping[str, object]]]:
    """Yield each header's or setting's first line number, whether it is a header, and its parsed TOML.

    Lines are added until they parse as TOML: then the statement is complete.
    """
    import tomllib

    lines: list[str] = []
    number, attempts = 1, 0
    for last, line in enumerate(text.split("\n"), start=1):
        lines.append(line)
        if len(lines) > 1 and not any(ending in line for ending in _ENDINGS):
            continue
        try:
            document = tomllib.loads("\n".join([*lines, ""]))
        except (ValueError, RecursionError):
            attempts += 1
            if attempts == _MOST_ATTEMPTS:
                return
            continue
        if document:
            yield number, lines[0].lstrip().startswith("["), document
        lines, number, attempts = [], last + 1, 0


def _entries(values: Mapping[str, object], table: TomlLocation) -> Iterator[tuple[TomlLocation, object]]:
    """Yield the keys and their values, also those of inner tables."""
    for name, value in values.items():
        location = (*table, name)
        yield location, value
        if isinstance(value, Mapping) and len(location) < _DEEPEST:
            yield from _entries(value, location)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationProblem:
    location: TomlLocation
    clause: str
    """Follows the key's name, without a full stop: "is a number, but must be a string"."""


def unusable(path: Path, clause: str, *, hint: str | None = None) -> BadConfiguration:
    """Return an error about the whole file."""
    return refusal([ConfigurationProblem(location=(), clause=clause)], path=path, hint=hint)


def refusal(
    problems: Sequence[ConfigurationProblem], *, path: Path, text: str = "", hint: str | None = None
) -> BadConfiguration:
    """Return an error with the first problems in the file's order, and the number of the rest. `text` is the file's."""
    lines = lines_of(text)
    numbered = sorted(((_line(problem.location, lines), problem) for problem in problems), key=lambda pair: pair[0])
    sentences = [_sentence(problem, path, line) for line, problem in numbered[:MOST_SHOWN]]
    if (rest := len(numbered) - MOST_SHOWN) > 0:
        sentences.append(f"{path} has {rest:,} more problem{'' if rest == 1 else 's'}.")
    return BadConfiguration(sentences, hint=hint)


def parse_file(
    content: bytes,
    read: Callable[[Mapping[str, object], list[ConfigurationProblem]], T],
    *,
    path: Path,
    hint: str | None = None,
) -> T:
    """Return what `read` makes of the file's document. Raises BadConfiguration with all problems."""
    problems: list[ConfigurationProblem] = []
    try:
        text = content.decode("utf-8-sig")  # Some editors start a file with a byte order mark.
        document = parse_toml(text)
    except UnicodeDecodeError:
        raise unusable(path, "is not UTF-8", hint=hint) from None
    except ValueError as error:
        raise unusable(path, str(error), hint=hint) from None
    result = read(document, problems)
    if problems:
        raise refusal(problems, path=path, text=text, hint=hint)
    return result


def _line(location: TomlLocation, lines: Mapping[TomlLocation, int]) -> int:
    """Return the line, or 0 if not found. A key with dots may be written as nested tables."""
    nested = (*location[:-1], *location[-1].split(".")) if location else ()
    return min((lines[written] for written in (location, nested) if written in lines), default=0)


def _sentence(problem: ConfigurationProblem, path: Path, line: int) -> str:
    clause = problem.clause if problem.clause.endswith(("?", ".")) else f"{problem.clause}."
    if not problem.location:
        return f"{path} {clause}"
    where = f"{path}, line {line}" if line else str(path)
    return f"{where}: {dotted(problem.location)} {clause}"


def dotted(location: TomlLocation) -> str:
    """Return the location as TOML writes it."""
    return ".".join(part if _BARE.fullmatch(part) else f'"{part}"' for part in location)


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

    def _typed(self, key: str, kinds: type[T] | tuple[type[T], ...], words: str) -> T | None:
        """Return the value, or None. A value of another type is a problem."""
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, kinds) and (kinds is bool or not isinstance(value, bool)):
            return value
        self.complain(f"is {kind(value)}, but must be {words}", key)
        return None

    def text(self, key: str) -> str | None:
        """Return the text, or None. An empty text is a problem."""
        value = self._typed(key, str, "a string")
        if value is not None and not value.strip():
            self.complain("is empty", key)
        elif value is not None and "\0" in value:
            self.complain("contains a NUL character", key)
        else:
            return value
        return None

    def flag(self, key: str) -> bool | None:
        return self._typed(key, bool, "true or false")

    def seconds(self, key: str, *, least: float, most: float) -> float | None:
        value = self._typed(key, (int, float), "a number of seconds")
        if value is None or least <= value <= most:
            return None if value is None else float(value)
        self.complain(f"must be from {least:g} to {most:g} seconds", key)
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
        return self._converted(key, self.text(key), convert)

    def converted(self, key: str, convert: Callable[[object], T]) -> T | None:
        """Return a converted value of any type, as `converted_text` does."""
        return self._converted(key, self.take(key), convert)

    def _converted(self, key: str, value: U | None, convert: Callable[[U], T]) -> T | None:
        try:
            return None if value is None else convert(value)
        except ValueError as error:
            self.complain(str(error), key)
            return None

    def table(self, key: str) -> Mapping[str, object]:
        """Return the table, empty if it is missing."""
        return self._typed(key, dict, "a table") or {}

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
            return "a string"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case Mapping():
            return "a table"
        case _:
            return "a date or a time"
