"""Where a watch is, kept in a file from one run to the next."""

import os
from pathlib import Path

from store.errors import InvalidValue
from store.watching.model import Cursor
from tui.cli.errors import UsageError


class Place:
    """What a program that was killed had not kept yet is told once more."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept: Cursor | None = None

    def read(self) -> Cursor | None:
        """None where no watch has been here. Raises UsageError for another file."""
        try:
            text = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable() from error
        try:
            self._kept = Cursor.parse(text)
        except InvalidValue as error:
            raise self._unusable() from error
        return self._kept

    def keep(self, cursor: Cursor) -> None:
        """Whole or not at all. Raises UsageError where it cannot be written."""
        if cursor == self._kept:
            return
        unfinished = self._file.with_name(f".{self._file.name}.{os.getpid()}.part")
        try:
            unfinished.write_text(f"{cursor}\n", encoding="utf-8")
            unfinished.replace(self._file)
        except OSError as error:
            raise UsageError(
                f"{self._file} cannot be written: {error.strerror}.", hint="Name a file in a directory of yours."
            ) from error
        self._kept = cursor

    def _unusable(self) -> UsageError:
        return UsageError(
            f"{self._file} does not hold the place of a watch.", hint="Name another file, or one that is not there yet."
        )
