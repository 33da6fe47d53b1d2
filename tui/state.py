"""What the dashboard remembers between two runs: a small JSON file under the data directory.

It is only ever a convenience: a file that is missing, broken or not writable costs the memory and nothing else.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    theme: str | None = None
    projects: Mapping[str, str] = field(default_factory=dict)
    """The last project's id, or "" for all of them, by place: the database and the eyes."""


class Memory:
    """Keeps each change at once, on top of what others have kept meanwhile. Without a path only for this run."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._state = load(path) if path else State()

    @property
    def theme(self) -> str | None:
        return self._state.theme

    def knows(self, place: str) -> bool:
        return place in self._state.projects

    def project(self, place: str) -> UUID | None:
        """None for all projects, and where nothing is remembered."""
        try:
            return UUID(self._state.projects.get(place, ""))
        except ValueError:
            return None

    def remember_theme(self, theme: str) -> None:
        self._keep(replace(self._latest(), theme=theme))

    def remember_project(self, place: str, project_id: UUID | None) -> None:
        latest = self._latest()
        self._keep(replace(latest, projects={**latest.projects, place: str(project_id or "")}))

    def _latest(self) -> State:
        return load(self._path) if self._path else self._state

    def _keep(self, state: State) -> None:
        self._state = state
        if self._path:
            save(self._path, state)


def load(path: Path) -> State:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        theme, projects = stored.get("theme"), stored.get("projects", {})
        return State(
            theme=theme if isinstance(theme, str) else None,
            projects={str(place): str(project) for place, project in projects.items()},
        )
    except FileNotFoundError:
        return State()
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        log.warning("The remembered state in %s cannot be read: %s", path, error)
        return State()


def save(path: Path, state: State) -> None:
    """Replaces the file at once, so that a reader never sees half of it. Readable by its owner alone."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"theme": state.theme, "projects": dict(state.projects)}, indent=1)
        beside.touch(mode=0o600)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        log.warning("The state cannot be kept in %s: %s", path, error)
