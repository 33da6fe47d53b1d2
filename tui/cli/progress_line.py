"""A line on the terminal that says how far long work is, and is gone when it ends."""

import os
import sys

from tui.cli.output import is_terminal, say_block

_START_OF_LINE, _CLEAR_LINE = "\r", "\x1b[K"


def can_show_progress() -> bool:
    return is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"


class ProgressLine:
    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(self, *_: object) -> None:
        self.show("")

    def show(self, text: str) -> None:
        """In place of what stood there; text that is clean already."""
        if self._is_shown:
            say_block(f"{_START_OF_LINE}{_CLEAR_LINE}{text}", end="")
