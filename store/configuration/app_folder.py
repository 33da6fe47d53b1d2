"""Finds the folder of the app around a directory, and reads its files. It executes nothing and changes no files."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""In the order of Docker Compose, which reads only the first that exists. An override file is read in addition."""
OVERRIDE_NAMES = tuple(name.replace(".", ".override.", 1) for name in COMPOSE_NAMES)
SUPABASE_NAME = "supabase/config.toml"

LARGEST_FILE = 65_536
"""Bytes. Settings files are much smaller, and reading YAML is slow."""
MOST_LEVELS = 16
MOST_ENTRIES = 5_000
"""Entries of one directory that are examined."""
MOST_ENV_FILES = 16
"""In one directory."""
_MARKERS = (".git", ".hg", ".jj")
"""A directory with one of these is the outermost folder of the app."""


class UnusableFile(Exception):
    """The text is a clause that follows the name of the file, such as "is not UTF-8"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One directory of the app, with the names of its files that may name a database."""

    directory: Path
    has_supabase: bool
    env_names: tuple[str, ...]
    """In ascending priority: `.env` first. The files for one mode are in descending order of their
    names.
    """
    unread_env_count: int = 0
    """Further files, which gjobs does not read."""
    compose_names: tuple[str, ...]
    """The file of Docker Compose and its override file."""

    @property
    def has_files(self) -> bool:
        return self.has_supabase or bool(self.env_names) or bool(self.compose_names)


class AppFolder:
    """The levels from a directory up to the outermost folder of its app."""

    def __init__(self, directory: Path, *, home: Path | None = None) -> None:
        """The search stops before `home`, unless it starts there, and before the root of the file system."""
        self._directory = directory
        self._home = home

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The levels with files, the nearest first."""
        return tuple(level for level in map(_level, self._directories()) if level.has_files)

    def _directories(self) -> Iterator[Path]:
        for directory in islice((self._directory, *self._directory.parents), MOST_LEVELS):
            is_start, is_end = directory == self._directory, directory in (self._home, directory.parent)
            if is_end and not is_start:
                return
            yield directory
            if is_end or any(os.path.lexists(directory / marker) for marker in _MARKERS):
                return

    @cached_property
    def root(self) -> Path:
        """The outermost directory of the app, which holds a repository or a file that may name a database."""
        marked = (one for one in self._directories() if any(os.path.lexists(one / name) for name in _MARKERS))
        outermost = self.levels[-1].directory if self.levels else self._directory
        return next(marked, outermost)

    def name_of(self, path: Path) -> str:
        """Return the path relative to the root, as valid Unicode."""
        return os.fsencode(path.relative_to(self.root)).decode("utf-8", "replace")

    @cached_property
    def _owners(self) -> frozenset[int]:
        """Accounts whose files are trusted. Others could place a file in a shared directory such as /tmp."""
        return frozenset({os.geteuid(), 0, self._directory.stat().st_uid})

    def read(self, path: Path) -> str:
        """Return the text of a file of the app. Raises UnusableFile."""
        try:
            # Unlike Path.resolve, it raises OSError for a loop in each version of Python.
            real = Path(os.path.realpath(path, strict=True))
            if not real.is_relative_to(os.path.realpath(self.root)):
                raise UnusableFile("is a link to a file outside the app")
            content = self._content(real)
        except OSError as error:
            raise UnusableFile(f"cannot be read: {error.strerror or 'the system refuses it'}") from None
        if len(content) > LARGEST_FILE:
            raise UnusableFile(f"is larger than {LARGEST_FILE // 1024} KiB")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UnusableFile("is not UTF-8") from None
        if "\0" in text:
            raise UnusableFile("is not a text file")
        return text

    def _content(self, path: Path) -> bytes:
        # Opening a device may have effects, so the type is checked before and after.
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnusableFile("is not a regular file")
        # Without O_NONBLOCK, opening a pipe would wait for its other end.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise UnusableFile("is not a regular file")
            if found.st_uid not in self._owners:
                raise UnusableFile("belongs to another user")
            return opened.read(LARGEST_FILE + 1)


def locate_app(directory: Path | None = None) -> AppFolder | None:
    """Return the folder of the app around the current directory. None if no file may name a database."""
    try:
        folder = AppFolder(directory or Path.cwd(), home=_home())
    except OSError:
        return None  # The current directory was deleted.
    return folder if folder.levels else None


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):
        return None


def _level(directory: Path) -> Level:
    names: set[str] = set()
    with suppress(OSError), os.scandir(directory) as entries:
        names = {entry.name for entry in islice(entries, MOST_ENTRIES)}
    env_names = sorted(filter(_is_env, names), key=_priority)
    read = env_names[:MOST_ENV_FILES]
    for_machine = [name for name in read if name in _FOR_MACHINE]
    return Level(
        directory=directory,
        has_supabase="supabase" in names and os.path.lexists(directory / SUPABASE_NAME),
        env_names=(*for_machine, *reversed(read[len(for_machine) :])),
        unread_env_count=len(env_names) - len(read),
        compose_names=tuple(
            name for known in (COMPOSE_NAMES, OVERRIDE_NAMES) for name in islice(filter(names.__contains__, known), 1)
        ),
    )


_FOR_MACHINE = (".env", ".env.local")


def _is_env(name: str) -> bool:
    return name in _FOR_MACHINE or (name.startswith(".env.") and name.endswith(".local"))


def _priority(name: str) -> tuple[int, str]:
    """Sort as apps do: a file for one machine replaces `.env`, and a file for one mode replaces both."""
    return (_FOR_MACHINE.index(name) if name in _FOR_MACHINE else 2), name
