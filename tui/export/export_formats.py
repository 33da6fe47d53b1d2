"""The file formats of exports, their suffixes, and the text of each."""

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import PurePath

from gjobs.store.jobs.job import JOB_KEYS, GenerationJob, plain_job
from gjobs.store.member_table import by_member


class FileFormat(StrEnum):
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"
    MARKDOWN = "markdown"

    @property
    def proper_name(self) -> str:
        return "Markdown" if self is FileFormat.MARKDOWN else self.upper()


SUFFIXES: Mapping[str, FileFormat] = {
    ".csv": FileFormat.CSV,
    ".json": FileFormat.JSON,
    ".ndjson": FileFormat.NDJSON,
    ".jsonl": FileFormat.NDJSON,
    ".md": FileFormat.MARKDOWN,
}


def format_of(file: str) -> FileFormat | None:
    """Return the format for the file's suffix. None if no format has it."""
    return SUFFIXES.get(PurePath(file).suffix.lower())


class Writer(ABC):
    """Makes the text of one file, in order. Each method returns a part of it."""

    def begin(self) -> str:
        return ""

    @abstractmethod
    def rows(self, jobs: Sequence[GenerationJob]) -> str: ...

    def end(self) -> str:
        return ""


class _Csv(Writer):
    """CSV as in RFC 4180. A missing value is an empty cell."""

    def begin(self) -> str:
        return _csv_line(JOB_KEYS)

    def rows(self, jobs: Sequence[GenerationJob]) -> str:
        return "".join(_csv_line(_csv_cells(job)) for job in jobs)


def _csv_cells(job: GenerationJob) -> list[str | float | None]:
    """Return the values. A time stays as it is: `-infinity` is no formula."""
    return [
        value if isinstance(getattr(job, name, None), datetime) else _csv_text(value)
        for name, value in plain_job(job).items()
    ]


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MARK_OF_TEXT = "'"


def _csv_text(value: str | float | None) -> str | float | None:
    """Prefix an apostrophe to a text that a spreadsheet would take for a formula. A formula could send data away."""
    return f"{_MARK_OF_TEXT}{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _csv_line(cells: Sequence[str | float | None]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue()


class _Json(Writer):
    """One array, one job per line."""

    def __init__(self) -> None:
        self._separator = "\n"

    def begin(self) -> str:
        return "["

    def rows(self, jobs: Sequence[GenerationJob]) -> str:
        parts = []
        for job in jobs:
            parts += [self._separator, json.dumps(plain_job(job))]
            self._separator = ",\n"
        return "".join(parts)

    def end(self) -> str:
        return "]\n" if self._separator == "\n" else "\n]\n"


class _NdJson(Writer):
    """One document per line."""

    def rows(self, jobs: Sequence[GenerationJob]) -> str:
        return "".join(f"{json.dumps(plain_job(job))}\n" for job in jobs)


class _Markdown(Writer):
    """A table. Every cell is one harmless line that renderers show as plain text."""

    def begin(self) -> str:
        return f"{_markdown_line(JOB_KEYS)}{_markdown_line(['---' for _ in JOB_KEYS])}"

    def rows(self, jobs: Sequence[GenerationJob]) -> str:
        return "".join(_markdown_line([_markdown_cell(value) for value in plain_job(job).values()]) for job in jobs)


_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|~&$!"})


def _markdown_cell(value: str | float | None) -> str:
    from gjobs.tui.text.clean_text import clean

    return "" if value is None else clean(str(value)).translate(_SPECIAL)


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


_WRITERS: Mapping[FileFormat, type[Writer]] = by_member(
    FileFormat,
    {
        FileFormat.CSV: _Csv,
        FileFormat.JSON: _Json,
        FileFormat.NDJSON: _NdJson,
        FileFormat.MARKDOWN: _Markdown,
    },
)


def writer(file_format: FileFormat) -> Writer:
    return _WRITERS[file_format]()
