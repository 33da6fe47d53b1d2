"""Remembered facts about each database, so that the first list is requested without waiting for an inspection."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from gjobs.store.system.private_files import make_directory, replace_private

MOST_KNOWN = 64
STARTS_WITHOUT_GUESS = 10
"""How many sessions make no guess after a guess failed. On a slow database, each guess would delay the start."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A guess. The database confirms it in the same round trip, or the guess has no effect."""

    columns: str
    """The name of the set of job columns that the operator may read."""
    project_id: UUID | None = None
    """The project of the dashboard's last list. None for all projects."""


class KnownDatabase:
    """What is known of one database, in a file that holds neither its address nor its name."""

    def __init__(self, path: Path, conninfo: Mapping[str, str | int]) -> None:
        self._path = path
        place = [str(conninfo.get(name, "")) for name in ("service", "host", "hostaddr", "port", "dbname", "user")]
        self._key = sha256("\0".join(place).encode()).hexdigest()[:32]
        stored = _load(path).get(self._key)
        self.known = _parse(stored)
        """None if nothing is known, or if asking early failed in one of the last sessions."""
        self._starts_without_guess = _starts_without_guess(stored)
        self._remembered: tuple[Any] | None = None

    def remember(self, known: Known | None, *, has_failed: bool = False) -> None:
        """Save it for the next session. If the file cannot be written, only the guess is lost.

        If this session's guess failed, the next sessions make no guess. Databases that were used last are kept longest.
        """
        entry = self._entry(known, has_failed=has_failed)
        self.known = _parse(entry)
        if self._remembered == (entry,):
            return
        self._remembered = (entry,)
        before = _load(self._path)
        stored = {key: one for key, one in before.items() if key != self._key}
        if entry is not None:
            stored[self._key] = entry
        newest = list(stored.items())[-MOST_KNOWN:]
        if newest == list(before.items()):
            return
        try:
            make_directory(self._path.parent)
            replace_private(self._path, json.dumps(dict(newest), indent=1), durable=False)
        except OSError as error:
            log.warning("Can't save what is known of the database in %s: %s", self._path, error)

    def _entry(self, known: Known | None, *, has_failed: bool) -> dict[str, Any] | None:
        if has_failed:
            return {"starts_without_guess": STARTS_WITHOUT_GUESS}
        if self._starts_without_guess > 1:
            return {"starts_without_guess": self._starts_without_guess - 1}
        if known is None:
            return None
        project = str(known.project_id) if known.project_id else None
        return {"columns": known.columns, "project_id": project}


def _load(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _parse(stored: Any) -> Known | None:
    match stored:
        case {"columns": str() as columns, "project_id": None}:
            return Known(columns)
        case {"columns": str() as columns, "project_id": str() as project}:
            try:
                return Known(columns, UUID(project))
            except ValueError:
                return None
    return None


def _starts_without_guess(stored: Any) -> int:
    match stored:
        case {"starts_without_guess": int() as starts}:
            return min(starts, STARTS_WITHOUT_GUESS)
    return 0
