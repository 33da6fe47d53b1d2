"""Writes export formats; writes a file completely or not at all."""

import csv
import io
import json
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path

from store.formats import plain_row
from store.jobs.job import GenerationJob
from tui.cli.commands.export_formats import FileFormat
from tui.cli.exit_codes import Declined, UsageError
from tui.cli.output import STDOUT, put

COLUMNS = tuple(field.name for field in fields(GenerationJob))


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
        return _csv_line(COLUMNS)

    def rows(self, jobs: Sequence[GenerationJob]) -> str:
        return "".join(_csv_line([_csv_cell(value) for value in plain_row(job).values()]) for job in jobs)


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MARK_OF_TEXT = "'"


def _csv_cell(value: str | float | None) -> str | float | None:
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
            parts += [self._separator, json.dumps(plain_row(job))]
            self._separator = ",\n"
        return "".join(parts)

    def end(self) -> str:
        return "]\n" if self._separator == "\n" else "\n]\n"


class _NdJson(Writer):
    """One document per line."""

    def rows(self, jobs: Sequence[GenerationJob]) -> str:
        return "".join(f"{json.dumps(plain_row(job))}\n" for job in jobs)


class _Markdown(Writer):
    """A table. Every cell is one harmless line that renderers show as plain text."""

    def begin(self) -> str:
        return f"{_markdown_line(COLUMNS)}{_markdown_line(['---' for _ in COLUMNS])}"

    def rows(self, jobs: Sequence[GenerationJob]) -> str:
        return "".join(_markdown_line([_markdown_cell(value) for value in plain_row(job).values()]) for job in jobs)


_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|~&$!"})


def _markdown_cell(value: str | float | None) -> str:
    from tui.text.clean_text import clean

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


Put = Callable[[str], bool]
"""Writes the next part of the text. Returns false if nobody reads it any more."""


@contextmanager
def destination(name: str, *, overwrites: bool) -> Iterator[Put]:
    """Open a file, or stdout for `-`. The file appears only if the block succeeds, and only its owner may read it.

    Raises UsageError if it exists, unless `overwrites`, or if it can't be created. Raises Declined if it does not fit.
    """
    if name == STDOUT:
        yield put
        return
    # A link stays. The file that it points to is replaced.
    target = Path(name).resolve()
    _check(target, overwrites=overwrites)
    try:
        descriptor, made = tempfile.mkstemp(prefix=".gjobs-export-", suffix=".part", dir=target.parent)
    except OSError as error:
        raise UsageError(
            f"{name} cannot be written: {error.strerror}.", hint="Use a file in a directory of your own."
        ) from error
    unfinished = Path(made)

    def write(text: str) -> bool:
        rest = text.encode()
        with _writable(name):
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        return True

    try:
        try:
            yield write
            with _writable(name):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _finish(unfinished, target, overwrites=overwrites)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()


@contextmanager
def _writable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Declined(
            f"{name} cannot be written: {error.strerror}.", hint="The partial file was removed. Use a file elsewhere."
        ) from error


def _check(target: Path, *, overwrites: bool) -> None:
    if target.exists() and not target.is_file():
        raise UsageError(f"{target} is not a file.", hint=f"Use a file name, or {STDOUT} for stdout.")
    if target.exists() and not overwrites:
        raise _is_there(target)


def _is_there(target: Path) -> UsageError:
    return UsageError(f"{target} already exists.", hint="Use another name, or add --force to replace it.")


def _finish(unfinished: Path, target: Path, *, overwrites: bool) -> None:
    """Move the file to its place. Without `overwrites`, a hard link fails if anyone else created a file there in the
    meantime.
    """
    if not overwrites:
        try:
            target.hardlink_to(unfinished)
        except FileExistsError:
            raise _is_there(target) from None
        except OSError:
            # A file system without links. Checking first is the best that it allows.
            _check(target, overwrites=False)
        else:
            return
    unfinished.replace(target)
