"""The views that were saved from the dashboard: a file beside what else the program keeps.

The configuration is a person's, with comments and an order of its own, so nothing writes to it.
"""

import fcntl
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from store.configuration.problems import Problem, refusal
from store.configuration.table import Table
from store.errors import BadConfiguration, Conflict, InvalidValue
from store.views.model import View, Views
from store.views.reading import TABLE, read_views, written

FILE = "views.toml"

_LARGEST = 1_000_000
"""Bytes."""
_ABOUT = "# Views that were saved from the dashboard, which writes this file anew: comments do not stay.\n\n"


class SavedViews:
    """Each call reads the file, for others may have written it. All raise BadConfiguration where it cannot be used."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE

    def read(self) -> dict[str, View]:
        """By name; none where there is no file."""
        try:
            with self.path.open("rb") as opened:
                content = opened.read(_LARGEST + 1)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise self._unusable(f"cannot be read: {error.strerror}") from None
        if len(content) > _LARGEST:
            raise self._unusable("is too large")
        try:
            text = content.decode()
            document = tomllib.loads(text)
        except UnicodeDecodeError:
            raise self._unusable("is not UTF-8") from None
        except (ValueError, RecursionError) as error:
            raise self._unusable(f"is not TOML: {error}") from None
        problems: list[Problem] = []
        top = Table(document, (), problems)
        views = read_views(top.table(TABLE), problems)
        top.end()
        if problems:
            raise _with_hint(refusal(problems, path=self.path, text=text))
        return views

    def save(self, view: View, *, replaces: View | None) -> None:
        """Raises Conflict where another of its name is there than the one that is to be replaced."""
        with self._changing() as views:
            if views.get(view.name) not in (replaces, view):
                raise Conflict(f"Another view was saved as {view.name!r} meanwhile.", hint="Choose another name.")
            views[view.name] = view

    def remove(self, view: View) -> None:
        """Raises Conflict where it is no longer what it was."""
        with self._changing() as views:
            if views.get(view.name) != view:
                raise Conflict(f"The view {view.name!r} was changed or removed meanwhile.")
            del views[view.name]

    @contextmanager
    def _changing(self) -> Iterator[dict[str, View]]:
        """What it becomes replaces the file at once, so that a reader never sees half of it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path.with_name(f".{FILE}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            views = self.read()
            yield views
            self._write(views)
        finally:
            os.close(lock)

    def _write(self, views: Views) -> None:
        beside = self.path.with_name(f".{FILE}.{os.getpid()}")
        try:
            beside.touch(mode=0o600)
            beside.write_text(_ABOUT + written(views.values()), encoding="utf-8")
            beside.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise self._unwritable(error) from error

    def _unusable(self, clause: str) -> BadConfiguration:
        return _with_hint(refusal([Problem(place=(), clause=clause)], path=self.path))

    def _unwritable(self, error: OSError) -> InvalidValue:
        return InvalidValue("view", f"{self.path} cannot be written: {error.strerror}.")


def _with_hint(error: BadConfiguration) -> BadConfiguration:
    error.hint = "Mend the file, or remove it: it holds the views that were saved from the dashboard."
    return error


def joined(configured: Views, saved: Views) -> dict[str, View]:
    """All of them, by name: the configuration wins."""
    return {**saved, **configured}


def clashes(configured: Views, saved: Views) -> tuple[str, ...]:
    """Names that stand in both, and mean something else."""
    return tuple(name for name in configured if name in saved and saved[name] != configured[name])


def clash_words(names: tuple[str, ...], path: Path) -> str:
    """What to say about them; empty where there are none."""
    listed = ", ".join(map(repr, names))
    return f"The configuration's view counts, not the one saved in {path}: {listed}." if names else ""
