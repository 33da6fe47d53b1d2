"""What is wrong with a configuration, each with the key where it stands. Pure."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from store.errors import BadConfiguration

Place = tuple[str, ...]
"""The names of the tables and the key, from the outermost; empty for the whole file."""

_MOST_LINES = 2_000
"""Of a file in which a place is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    place: Place
    clause: str
    """Goes on where the key's name ends, without a full stop: "is a number, and should be a text"."""


def refusal(problems: Sequence[Problem], *, path: Path, text: str = "") -> BadConfiguration:
    """All of them at once, in the file's order. `text` is the file's, for the lines' numbers."""
    numbered = sorted(((line_of(text, problem.place) or 0, problem) for problem in problems), key=lambda pair: pair[0])
    return BadConfiguration([_sentence(problem, path, line) for line, problem in numbered])


def _sentence(problem: Problem, path: Path, line: int) -> str:
    clause = problem.clause if problem.clause.endswith(("?", ".")) else f"{problem.clause}."
    if not problem.place:
        return f"{path} {clause}"
    where = f"{path}, line {line}" if line else str(path)
    return f"{where}: {dotted(problem.place)} {clause}"


def dotted(place: Place) -> str:
    """As it is written in TOML."""
    return ".".join(part if _is_bare(part) else f'"{part}"' for part in place)


def _is_bare(part: str) -> bool:
    return part.isascii() and part.replace("-", "").replace("_", "").isalnum()


def line_of(text: str, place: Place) -> int | None:
    """The line that ends the first mention of a place: the shortest beginning of the text that has it, and is TOML.

    A key with dots in it may be written as tables within each other.
    """
    lines = text.splitlines()
    if not place or len(lines) > _MOST_LINES:
        return None
    for number in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("\n".join(lines[:number]))
        except (ValueError, RecursionError):
            continue  # It ends within a value.
        if _has(document, place) or _has(document, (*place[:-1], *place[-1].split("."))):
            return number
    return None


def _has(document: object, place: Place) -> bool:
    for part in place:
        if not isinstance(document, Mapping) or part not in document:
            return False
        document = document[part]
    return True
