"""Remembered facts about each database, so that the first list is requested without waiting for an inspection."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from store.private_files import make_directory, replace_private

MOST_KNOWN = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A guess. The database confirms it in the same round trip, or the guess has no effect."""

    has_later_columns: bool
    """Whether the operator may read the job columns that gjobs adds."""
    project_id: UUID | None = None
    """The project of the dashboard's last list. None for all projects."""


class KnownDatabase:
    """What is known of one database, in a file that holds neither its address nor its name."""

    def __init__(self, path: Path, conninfo: Mapping[str, str | int]) -> None:
        self._path = path
        place = [str(conninfo.get(name, "")) for name in ("service", "host", "hostaddr", "port", "dbname", "user")]
        self._key = sha256("\0".join(place).encode()).hexdigest()[:32]
        self.known = _parse(_load(path).get(self._key))
        """None if nothing is known, or if asking early failed."""

    def remember(self, known: Known | None) -> None:
        """Save it for the next session. If the file cannot be written, only the guess is lost."""
        if known == self.known:
            return
        self.known = known
        stored = _load(self._path)
        stored.pop(self._key, None)
        if known is not None:
            project = str(known.project_id) if known.project_id else None
            stored[self._key] = {"has_later_columns": known.has_later_columns, "project_id": project}
        newest = dict(list(stored.items())[-MOST_KNOWN:])
        try:
            make_directory(self._path.parent)
            replace_private(self._path, json.dumps(newest, indent=1), durable=False)
        except OSError as error:
            log.warning("Can't save what is known of the database in %s: %s", self._path, error)


def _load(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _parse(stored: Any) -> Known | None:
    match stored:
        case {"has_later_columns": bool() as has_later_columns, "project_id": None}:
            return Known(has_later_columns)
        case {"has_later_columns": bool() as has_later_columns, "project_id": str() as project}:
            try:
                return Known(has_later_columns, UUID(project))
            except ValueError:
                return None
    return None
