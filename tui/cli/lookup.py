"""From what was typed to a project: its id or its exact name, never a guess."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from store.errors import RowMissing
from store.model import Project
from store.suggestions import close_names
from tui.cli.errors import UsageError

if TYPE_CHECKING:
    from store.store import Store

MOST_ROWS = 10_000
"""As many as the store lists at once."""


async def find_project(store: "Store", id_or_name: str) -> Project:
    """Raises UsageError where several have the name, RowMissing with the nearest names where none has."""
    try:
        found = await store.get_project(UUID(id_or_name))
    except ValueError:
        found = None
    if found is not None:
        return found
    named = await store.get_projects_named(id_or_name)
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(str(project.id) for project in named)
        raise UsageError(f"{len(named)} projects have the name {id_or_name!r}.", hint=f"Give an id: {ids}")
    projects = await store.get_projects(limit=MOST_ROWS)
    raise RowMissing(
        f"There is no project {id_or_name!r}, or none that this user sees.",
        hint=_suggestion(id_or_name, [project.name for project in projects]),
    )


async def project_names(store: "Store") -> dict[UUID, str]:
    """Of the projects that the actor sees, by id."""
    return {project.id: project.name for project in await store.get_projects(limit=MOST_ROWS)}


def _suggestion(typed: str, names: Sequence[str]) -> str:
    close = close_names(typed, names)
    if not close:
        return "'gjobs projects' lists them."
    return f"Did you mean {' or '.join(map(repr, close))}? Names must be given exactly."
