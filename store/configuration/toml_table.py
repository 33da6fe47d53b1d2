"""Typed access to a TOML table, with line numbers in problems."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from gjobs.store.errors import BadConfiguration
from gjobs.store.values.formats import not_known

S = TypeVar("S", bound=str)
T = TypeVar("T")

TomlLocation = tuple[str, ...]
"""The names of the tables and the key, outermost first. Empty for the whole file."""

MOST_SHOWN = 20
"""The most problems reported for one file."""

_LARGEST = 1_000_000
"""Bytes."""
_MOST_ATTEMPTS = 50
"""Most lines that are added to an unfinished statement. The rest of the file then has no line numbers."""
_ENDINGS = ("]", '"', "'")
_BARE = re.compile(r"[A-Za-z0-9_-]*[A-Za-z0-9][A-Za-z0-9_-]*")
_DEEPEST = 50
"""The most levels of nested tables. No setting needs more, and reading them is recursive."""


class ConfigurationProblem(NamedTuple):
    location: TomlLocation
    clause: str
    """Follows the key's name, without a full stop: "is a number, but must be a string"."""


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


def unusable(path: Path, clause: str, *, hint: str | None = None) -> BadConfiguration:
    """Return an error about the whole file."""
    return refusal([ConfigurationProblem((), clause)], path=path, hint=hint)


def refusal(
    problems: Sequence[ConfigurationProblem], *, path: Path, text: str = "", hint: str | None = None
) -> BadConfiguration:
    """Return an error with the first problems in the file's order, and the number of the rest. `text` is the file's."""
    lines = lines_of(text)
    in_order = sorted(problems, key=lambda problem: _line(problem.location, lines))
    sentences = [_sentence(problem, path, _line(problem.location, lines)) for problem in in_order[:MOST_SHOWN]]
    if (rest := len(problems) - MOST_SHOWN) > 0:
        sentences.append(f"{path} has {rest:,} more problem{'' if rest == 1 else 's'}.")
    return BadConfiguration(sentences, hint=hint)


def file_content(path: Path, *, hint: str | None = None) -> bytes:
    """Return the content. Raises BadConfiguration, but FileNotFoundError or NotADirectoryError for a missing file."""
    try:
        with path.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise unusable(path, f"cannot be read: {error.strerror}", hint=hint) from None
    if len(content) > _LARGEST:
        raise unusable(path, "is larger than 1 MB", hint=hint)
    return content


def parse_file(content: bytes, read: "Callable[[TomlTable], T]", *, path: Path, hint: str | None = None) -> T:
    """Return what `read` makes of the file's document. Raises BadConfiguration with all problems."""
    import tomllib

    try:
        text = content.decode("utf-8-sig")  # Some editors start a file with a byte order mark.
        document = tomllib.loads(text)
        _check_depth(document)
    except UnicodeDecodeError:
        raise unusable(path, "is not UTF-8", hint=hint) from None
    except RecursionError:
        raise unusable(path, "is nested too deeply", hint=hint) from None
    except ValueError as error:
        raise unusable(path, f"is not TOML: {error}", hint=hint) from None
    table = TomlTable(document)
    result = read(table)
    table.end()
    if table.problems:
        raise refusal(table.problems, path=path, text=text, hint=hint)
    return result


def _check_depth(document: Mapping[str, object]) -> None:
    """Raise RecursionError for more than `_DEEPEST` levels."""
    level: list[object] = [document]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    if level:
        raise RecursionError


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
    """A table of a file. A wrong value is read as if it were missing, and is added to `problems`."""

    def __init__(self, values: Mapping[str, object], location: TomlLocation = ()) -> None:
        self._values = values
        self._location = location
        self.problems: list[ConfigurationProblem] = []
        """The problems of the whole file."""
        self._known: list[str] = []
        self._refused: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def complain(self, clause: str, key: str | None = None) -> None:
        """Add a problem of a key, or of the whole table."""
        location = self._location if key is None else (*self._location, key)
        self.problems.append(ConfigurationProblem(location, clause))

    def has(self, key: str) -> bool:
        return key in self._values

    def is_table(self, key: str) -> bool:
        return isinstance(self._values.get(key), dict)

    def refuse(self, key: str, clause: str) -> None:
        """Refuse a key that has no effect here, but has elsewhere."""
        if key in self._values:
            self._refused.append(key)
            self.complain(clause, key)

    def take(self, key: str) -> object:
        """Return the value, or None if it is missing: TOML has no null."""
        self._known.append(key)
        return self._values.get(key)

    def converted(self, key: str, convert: Callable[[object], T]) -> T | None:
        """Return the converted value. `convert` raises ValueError with a clause that describes the problem."""
        value = self.take(key)
        try:
            return None if value is None else convert(value)
        except ValueError as error:
            self.complain(str(error), key)
            return None

    def text(self, key: str) -> str | None:
        """Return the text, or None. An empty text is a problem."""
        return self.converted(key, text_of)

    def converted_text(self, key: str, convert: Callable[[str], T]) -> T | None:
        return self.converted(key, lambda value: convert(text_of(value)))

    def flag(self, key: str, *, default: bool = False) -> bool:
        flag = self.converted(key, lambda value: typed(value, bool, "true or false"))
        return default if flag is None else flag

    def seconds(self, key: str, *, least: float, most: float) -> float | None:
        def convert(value: object) -> float:
            if least <= (seconds := typed(value, (int, float), "a number of seconds")) <= most:
                return float(seconds)
            raise ValueError(f"must be from {least:g} to {most:g} seconds")

        return self.converted(key, convert)

    def one_of(self, key: str, known: Iterable[S]) -> S | None:
        words = {str(word): word for word in known}

        def convert(text: str) -> S:
            if text in words:
                return words[text]
            raise ValueError(f"has an invalid value: {not_known(text, words)}")

        return self.converted_text(key, convert)

    def table(self, key: str) -> "TomlTable":
        """Return the inner table, empty if it is missing."""
        return self._inner(key, self.converted(key, lambda value: typed(value, dict, "a table")) or {})

    def tables(self) -> "Iterator[tuple[str, TomlTable]]":
        """Yield the inner tables by name. Any other value is a problem."""
        for key in self:
            table = self.table(key)
            if self.is_table(key):
                yield key, table

    def array(self, key: str, values: Sequence[object]) -> "TomlTable":
        """Return the values of an array as a table by their number, from 1."""
        return self._inner(key, {str(number): value for number, value in enumerate(values, start=1)})

    def _inner(self, key: str, values: Mapping[str, object]) -> "TomlTable":
        table = TomlTable(values, (*self._location, key))
        table.problems = self.problems
        return table

    def end(self) -> None:
        """Add a problem for each unknown key."""
        for key in self._values:
            if key not in self._known and key not in self._refused:
                self.complain(not_known(key, self._known).removeprefix(f"{key!r} "), key)


def typed(value: object, kinds: type[T] | tuple[type[T], ...], words: str) -> T:
    """Return the value. Raises ValueError with a clause if it has another type. `words` name the expected type."""
    if isinstance(value, kinds) and (kinds is bool or not isinstance(value, bool)):
        return value
    raise ValueError(f"is {kind(value)}, but must be {words}")


def text_of(value: object, words: str = "a string") -> str:
    """Return the text. Raises ValueError with a clause for another type or an empty text."""
    text = typed(value, str, words)
    if not text.strip():
        raise ValueError("is empty")
    if "\0" in text:
        raise ValueError("contains a NUL character")
    return text


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
