"""What the dashboard remembers between two runs: a small JSON file under the data directory.

It is only ever a convenience: a file that is missing, broken or not writable costs the memory and nothing else.
"""

import json
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class State:
    theme: str | None = None
    projects: dict[str, str] = field(default_factory=dict)
    """The last project's id, or "" for all of them, by database and eyes."""

    def project(self, place: str) -> UUID | None:
        """None for all projects, and where nothing is remembered."""
        try:
            return UUID(self.projects.get(place, ""))
        except ValueError:
            return None

    def knows(self, place: str) -> bool:
        return place in self.projects

    def remember_project(self, place: str, project_id: UUID | None) -> None:
        self.projects[place] = str(project_id or "")


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
    except (OSError, ValueError, AttributeError) as error:
        log.warning("The remembered state in %s cannot be read: %s", path, error)
        return State()


def save(path: Path, state: State) -> None:
    """Replaces the file at once, so that a reader never sees half of it."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps({"theme": state.theme, "projects": state.projects}, indent=1), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        log.warning("The state cannot be kept in %s: %s", path, error)
