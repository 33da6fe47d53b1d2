"""Where a key stands in a text of TOML, for which the standard library's parser has no word. Pure."""

import tomllib
from collections.abc import Mapping

Place = tuple[str, ...]
"""The names of the tables and the key, from the outermost; empty for the whole file."""

_LONGEST_VALUE = 50
"""Lines of a value, as far as its end is looked for."""


class Lines:
    """Of one text; what was parsed for one place serves the others."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._documents: dict[int, object] = {}

    def line_of(self, place: Place) -> int | None:
        """The line, from 1, where the key is set or its table begins; None where it is not found.

        A key with dots in it may be written as tables within each other.
        """
        if not place:
            return None
        key = place[-1].rpartition(".")[2]
        written = (place, (*place[:-1], *place[-1].split(".")))
        for number, line in enumerate(self._lines, start=1):
            if key in line and any(_has(self._document_up_to(number), form) for form in written):
                return number
        return None

    def _document_up_to(self, number: int) -> object:
        """What stands up to a line, with the lines after it that its value goes on in."""
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


def _has(document: object, place: Place) -> bool:
    for part in place:
        if not isinstance(document, Mapping) or part not in document:
            return False
        document = document[part]
    return True
