"""The file formats of exports, the text of each, and files that are written completely or not at all."""

import csv
import errno
import io
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum, StrEnum
from operator import attrgetter
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Generic, TypeAlias, TypeVar, assert_never
from uuid import UUID

from gjobs.store.budgets.budget import Budget, used_up_at
from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import JOB_KEYS, GenerationJob, plain_job
from gjobs.store.jobs.job_results import JobHistory, job_row, time_in_each
from gjobs.store.values.formats import NO_ID, UnknownText, format_duration, plain_time

if TYPE_CHECKING:
    from gjobs.store.error_groups.error_group import ErrorGroups


T = TypeVar("T")

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


class Document(Generic[T]):
    """The JSON of a class: names of fields and properties, with a space between them, or a name and what returns its
    value. In `id=job_id`, the JSON's name is `id`.

    A wrong name raises AttributeError when the document is declared. mypy checks what returns a value.
    """

    def __init__(self, kind: type[T], *entries: str | tuple[str, Callable[[T], object]]) -> None:
        self._getters: dict[str, Callable[[T], object]] = {}
        for entry in entries:
            if isinstance(entry, str):
                for name, _, field in (one.partition("=") for one in entry.split()):
                    getattr(kind, field or name)
                    self._getters[name] = attrgetter(field or name)
            else:
                self._getters |= [entry]

    def __call__(self, value: T) -> dict[str, Json]:
        return {name: plain(get(value)) for name, get in self._getters.items()}


def plain(value: Any) -> Json:
    """Return a value as JSON has it: times in UTC, ids and dates as text, enumerations by their value.

    A job has the columns of its table and its times. Other data classes have all their fields.
    """
    match value:
        case GenerationJob():
            return job_row(value)
        case Enum() | UnknownText():
            return str(value.value)
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return plain_time(value)
        case timedelta():
            return value.total_seconds()
        case UUID() | date() | Path():
            return None if value == NO_ID else str(value)
        case Mapping():
            return {str(name): plain(one) for name, one in value.items()}
        case _ if is_dataclass(value):
            return all_fields(value)
        case Sequence() | Iterator():
            return list(map(plain, value))
    raise TypeError(f"{type(value).__name__} has no JSON form")


def all_fields(value: Any) -> dict[str, Json]:
    return {field.name: plain(getattr(value, field.name)) for field in fields(value)}


def error_groups(value: "ErrorGroups") -> dict[str, Json]:
    """`window` is in the format of `--window`."""
    return {**all_fields(value), "window": format_duration(round(value.window.total_seconds()), weeks=False)}


def budget(now: datetime) -> Document[Budget]:
    return Document(
        Budget,
        "id user_id project_id name period period_start limit_cents spent_cents left_cents warn_share state",
        ("used_up_at", lambda budget: used_up_at(budget, now)),
        "created_at",
    )


def seconds_in_status(history: JobHistory) -> dict[str, Json]:
    """Return how long the job was in each status. Seconds have a fraction."""
    return {status.value: time.total_seconds() for status, time in time_in_each(history.spans).items()}


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


class Writer:
    """Makes the text of one file, in order. Each method returns a part of it."""

    def __init__(self, row: Callable[[GenerationJob], str], head: str = "") -> None:
        self._row = row
        self._head = head

    def begin(self) -> str:
        return self._head

    def rows(self, jobs: Sequence[GenerationJob]) -> str:
        return "".join(map(self._row, jobs))

    def end(self) -> str:
        return ""


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


class _JsonArray(Writer):
    """One array, one job per line."""

    _separator = "\n"

    def rows(self, jobs: Sequence[GenerationJob]) -> str:
        parts = []
        for job in jobs:
            parts += [self._separator, self._row(job)]
            self._separator = ",\n"
        return "".join(parts)

    def end(self) -> str:
        return "]\n" if self._separator == "\n" else "\n]\n"


def _json(job: GenerationJob) -> str:
    return json.dumps(plain_job(job))


_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|~&$!"})


def _markdown_cell(value: str | float | None) -> str:
    from gjobs.tui.text.clean_text import clean

    return "" if value is None else clean(str(value)).translate(_SPECIAL)


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def writer(file_format: FileFormat) -> Writer:
    match file_format:
        case FileFormat.CSV:
            # As in RFC 4180. A missing value is an empty cell.
            return Writer(lambda job: _csv_line(_csv_cells(job)), _csv_line(JOB_KEYS))
        case FileFormat.JSON:
            return _JsonArray(_json, "[")
        case FileFormat.NDJSON:
            return Writer(lambda job: f"{_json(job)}\n")
        case FileFormat.MARKDOWN:
            # Every cell is one harmless line that renderers show as plain text.
            head = _markdown_line(JOB_KEYS) + _markdown_line(["---" for _ in JOB_KEYS])
            return Writer(lambda job: _markdown_line(list(map(_markdown_cell, plain_job(job).values()))), head)
    assert_never(file_format)


Write = Callable[[str | bytes], bool]
"""Writes the next part of the content, as text or as bytes. Returns true."""


_LONGEST_SHOWN = 200
"""Characters of a name in an error."""


_LONGEST_NAME = 255
"""The maximum length of a file name, in bytes."""


class UnusableFile(StoreError):
    """No file can be created under this name."""


class FileIsThere(UnusableFile):
    """A file with this name exists and may not be replaced."""

    hint = "Use another name."


class FileNotWritten(StoreError):
    """The file could not be written to its end, for example because the disk is full. It was removed."""

    hint = "The partial file was removed. Use a file elsewhere."


class _Delivery:
    deliver: ClassVar[Callable[[str, BinaryIO], object] | None] = None


def deliver_files(deliver: Callable[[str, BinaryIO], object]) -> None:
    """From now on, write no file in this process. Instead, call `deliver` with the name and the content of each file.

    It may be called in another thread, and it closes the file.
    """
    _Delivery.deliver = deliver


def are_files_delivered() -> bool:
    return _Delivery.deliver is not None


@contextmanager
def new_file(name: str, *, overwrites: bool) -> Iterator[Write]:
    """Open a file. It appears only if the block succeeds, and only its owner may read it.

    Raises UnusableFile if it can't be created, and FileIsThere if it exists, unless `overwrites`. Raises FileNotWritten
    if a write fails.
    """
    target = check_file(name, overwrites=overwrites)
    if _Delivery.deliver is not None:
        with _content_for(target.name, _Delivery.deliver) as write_content:
            yield write_content
        return
    with _usable(name):
        descriptor, made = tempfile.mkstemp(prefix=".gjobs-export-", suffix=".part", dir=target.parent)
    unfinished = Path(made)

    def write(part: str | bytes) -> bool:
        rest = part.encode() if isinstance(part, str) else part
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
        with _writable(name):
            _finish(unfinished, target, overwrites=overwrites)
    finally:
        with suppress(OSError):
            unfinished.unlink()


@contextmanager
def _content_for(name: str, deliver: Callable[[str, BinaryIO], object]) -> Iterator[Write]:
    """Keep the content in a file without a name, and deliver it at the end."""
    with ExitStack() as stack:
        with _usable(name):
            file = stack.enter_context(tempfile.TemporaryFile())

        def write(part: str | bytes) -> bool:
            with _writable(name):
                file.write(part.encode() if isinstance(part, str) else part)
            return True

        yield write
        with _writable(name):
            file.seek(0)
        stack.pop_all()
    deliver(name, file)


def check_file(name: str, *, overwrites: bool) -> Path:
    """Return the whole path. Raises UnusableFile or FileIsThere if `new_file` would refuse the name."""
    if are_files_delivered():
        base = Path(name).name
        if base in ("", "..") or not base.isprintable() or len(base.encode()) > _LONGEST_NAME:
            raise UnusableFile("This is not a valid file name.", hint="Use another name.")
        return Path(base)
    with _usable(name):
        # A link stays. The file that it points to is replaced.
        target = Path(os.path.realpath(name))
        _check_directory(target.parent)
        try:
            found = target.stat()
        except FileNotFoundError:
            return target
    if not stat.S_ISREG(found.st_mode):
        raise UnusableFile(f"{target} is not a file.", hint="Use a file name.")
    if not overwrites:
        raise FileIsThere(f"{target} already exists.")
    return target


def _check_directory(directory: Path) -> None:
    """Raise an OSError if no file can be created in the directory. Even overwriting requires creating a file, because
    each file is first written under another name.
    """
    if not stat.S_ISDIR(directory.stat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    # Only a real file shows this: some file systems refuse what the permissions allow.
    tempfile.TemporaryFile(dir=directory).close()


@contextmanager
def _usable(name: str) -> Iterator[None]:
    shown = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…"
    try:
        yield
    except ValueError as error:
        raise UnusableFile(f"{shown} is not a valid file name.", hint="Use another name.") from error
    except OSError as error:
        hint = "Use a shorter name." if error.errno == errno.ENAMETOOLONG else "Use a file in a directory of your own."
        raise UnusableFile(f"{shown} cannot be written: {error.strerror}.", hint=hint) from error


@contextmanager
def _writable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileNotWritten(f"{name} cannot be written: {error.strerror}.") from error


def _finish(unfinished: Path, target: Path, *, overwrites: bool) -> None:
    """Move the file to its place. Without `overwrites`, a hard link fails if anyone else created a file there in the
    meantime.
    """
    if not overwrites:
        try:
            target.hardlink_to(unfinished)
        except FileExistsError:
            raise FileIsThere(f"{target} already exists.") from None
        except OSError:
            # On a file system without hard links, gjobs can only check for the file just before the move.
            check_file(str(target), overwrites=False)
        else:
            return
    unfinished.replace(target)
