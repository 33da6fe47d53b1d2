"""Jobs as files: each format is a beginning, rows page by page, and an end. Pure.

All have the columns of `gjobs jobs list --json`, in its order, with times and money as they are there.
"""

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields

from store.model import GenerationJob
from store.plain import plain_row
from tui.cli.file_format import FileFormat

COLUMNS = tuple(field.name for field in fields(GenerationJob))


class Writer(ABC):
    """Makes the text of one file, in order; every method returns a part of it."""

    def begin(self) -> str:
        return ""

    @abstractmethod
    def rows(self, jobs: Sequence[GenerationJob]) -> str: ...

    def end(self) -> str:
        return ""


class _Csv(Writer):
    """As RFC 4180 has it. What is missing is an empty cell."""

    def begin(self) -> str:
        return _csv_line(COLUMNS)

    def rows(self, jobs: Sequence[GenerationJob]) -> str:
        return "".join(_csv_line([_csv_cell(value) for value in plain_row(job).values()]) for job in jobs)


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MARK_OF_TEXT = "'"


def _csv_cell(value: str | float | None) -> str | float | None:
    """A spreadsheet would calculate a text that begins so, and may send it away: an apostrophe makes it text."""
    return f"{_MARK_OF_TEXT}{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _csv_line(cells: Sequence[str | float | None]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue()


class _Json(Writer):
    """One array, a job a line."""

    def __init__(self) -> None:
        self._separator = "\n"

    def begin(self) -> str:
        return "["

    def rows(self, jobs: Sequence[GenerationJob]) -> str:
        parts = []
        for job in jobs:
            parts += [self._separator, json.dumps(plain_row(job))]
            self._separator = ",\n"
        return "".join(parts)

    def end(self) -> str:
        return "]\n" if self._separator == "\n" else "\n]\n"


class _NdJson(Writer):
    """One document a line."""

    def rows(self, jobs: Sequence[GenerationJob]) -> str:
        return "".join(f"{json.dumps(plain_row(job))}\n" for job in jobs)


class _Markdown(Writer):
    """A table; every cell is one harmless line that no renderer takes for more than text."""

    def begin(self) -> str:
        return f"{_markdown_line(COLUMNS)}{_markdown_line(['---' for _ in COLUMNS])}"

    def rows(self, jobs: Sequence[GenerationJob]) -> str:
        return "".join(_markdown_line([_markdown_cell(value) for value in plain_row(job).values()]) for job in jobs)


_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|~&$!"})


def _markdown_cell(value: str | float | None) -> str:
    from tui.words.text import clean

    return "" if value is None else clean(str(value)).translate(_SPECIAL)


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


_WRITERS: Mapping[FileFormat, type[Writer]] = {
    FileFormat.CSV: _Csv,
    FileFormat.JSON: _Json,
    FileFormat.NDJSON: _NdJson,
    FileFormat.MARKDOWN: _Markdown,
}


def writer(file_format: FileFormat) -> Writer:
    return _WRITERS[file_format]()
