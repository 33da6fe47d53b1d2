"""The file formats of exports, and their suffixes."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePath

from store.formats import not_known
from tui.cli.exit_codes import BadArgument, UsageError


class FileFormat(StrEnum):
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"
    MARKDOWN = "markdown"


_SUFFIXES: Mapping[str, FileFormat] = {
    ".csv": FileFormat.CSV,
    ".json": FileFormat.JSON,
    ".ndjson": FileFormat.NDJSON,
    ".jsonl": FileFormat.NDJSON,
    ".md": FileFormat.MARKDOWN,
}


def file_format(text: str) -> FileFormat:
    try:
        return FileFormat(text.lower())
    except ValueError:
        raise BadArgument(not_known(text, FileFormat)) from None


def format_of(file: str) -> FileFormat:
    """Return the format for the file's suffix. Raises UsageError if no format has it."""
    found = _SUFFIXES.get(PurePath(file).suffix.lower())
    if found is None:
        raise UsageError(
            "Can't infer the format from the file name.", hint=f"Add --format with one of {', '.join(FileFormat)}."
        )
    return found
