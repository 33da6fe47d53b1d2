"""What is wrong with a configuration, each with the key where it stands. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from store.configuration.lines import Lines, Place
from store.errors import BadConfiguration


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    place: Place
    clause: str
    """Goes on where the key's name ends, without a full stop: "is a number, and should be a text"."""


def refusal(problems: Sequence[Problem], *, path: Path, text: str = "") -> BadConfiguration:
    """All of them at once, in the file's order. `text` is the file's, for the lines' numbers."""
    lines = Lines(text)
    numbered = sorted(((lines.line_of(problem.place) or 0, problem) for problem in problems), key=lambda pair: pair[0])
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
