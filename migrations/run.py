"""One `up` or `down`, over all its attempts: what it found, and what it tells."""

import time
from collections.abc import Callable, Mapping
from enum import Enum, auto

Report = Callable[[str], None]
"""Receives sentences for people."""


class Origin(Enum):
    """What a run finds."""

    NOTHING = auto()
    """No table of the app: the run makes them all, and nobody uses them before it ends."""
    APP = auto()
    """The app's own tables, on which no migration has run."""
    MIGRATED = auto()


class Run:
    def __init__(
        self, report: Report, conninfo: Mapping[str, str | int] | None = None, *, condition: str | None = None
    ) -> None:
        self.report = report
        self.conninfo = conninfo or {}
        """Empty where SQL is only printed."""
        self.condition = condition
        """A script that is executed first: it refuses what would be refused in the end, after a part is committed."""
        self.origin = Origin.MIGRATED
        self.has_changed = False
        """Whether anything is committed."""
        self._steps: list[str] = []
        self._locked_since: float | None = None
        self._longest_lock: float | None = None
        """In seconds, over all attempts; None where there was none, or it was told."""

    def begin(self, origin: Origin) -> None:
        """What an attempt before this one did and could not commit is forgotten."""
        self.origin = origin
        self._steps.clear()

    def step(self, sentence: str) -> None:
        """It is told when it is committed."""
        self._steps.append(sentence)

    def locked(self, *, seconds: float) -> None:
        """To the commit nobody else reads or writes the tables, as nobody did for so many seconds."""
        if self.origin is not Origin.NOTHING:
            self._locked_since = time.monotonic() - seconds

    def released(self) -> None:
        """By a commit, or because the attempt failed."""
        if self._locked_since is not None:
            self._longest_lock = max(self._longest_lock or 0.0, time.monotonic() - self._locked_since)
            self._locked_since = None

    def committed(self) -> None:
        self.released()
        self.has_changed = self.has_changed or bool(self._steps)
        for sentence in self._steps:
            self.report(sentence)
        self._steps.clear()
        if self._longest_lock is not None:
            self.report(f"The app's tables were locked for {self._longest_lock * 1000:.0f} ms.")
            self._longest_lock = None


def say_nothing(_: str) -> None:
    pass
