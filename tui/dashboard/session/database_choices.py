"""The databases to choose from: the configured ones, and those that an app's files name."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gjobs.store.configuration.app_folder import locate_app
from gjobs.store.configuration.settings import EMBEDDED, switched
from gjobs.tui.dashboard.session.setup import DashboardSetup, DatabaseChoice, database_choice

if TYPE_CHECKING:
    from gjobs.store.configuration.app_databases import AppDatabase, AppDatabases
    from gjobs.store.configuration.settings import Settings
    from gjobs.tui.dashboard.dialogs.pick import Choice
    from gjobs.tui.dashboard.memory import RememberedState


def skipped_words(number: int) -> str:
    values = "1 entry" if number == 1 else f"{number} entries"
    return f"gjobs skipped {values} of the app's files: 'gjobs profiles' says why."


class DatabaseChoices:
    """Finds an app's databases once. Remembers for each folder of an app which database was chosen."""

    def __init__(self, setup: DashboardSetup, memory: "RememberedState") -> None:
        self._configured = setup.database_choices
        self._search = setup.app_search
        self._memory = memory
        self._has_files = self._search is not None and locate_app(self._search.directory) is not None
        self.may_ask = self._search is not None and self._search.settings.is_fallback
        """Whether the dashboard asks which database to open, because nothing chooses one."""
        self.is_choosing = self.may_ask and self._has_files
        """Whether the first database is being chosen, so that nothing is connected."""
        self._found: AppDatabases | None = None
        self._choices: tuple[DatabaseChoice, ...] = ()

    @property
    def all(self) -> tuple[DatabaseChoice, ...]:
        """The configured databases, and then those that files of the app name."""
        known = {choice.profile.name for choice in self._configured}
        return (*self._configured, *(one for one in self._choices if one.profile.name not in known))

    @property
    def unusable(self) -> str:
        """A sentence if the files of the app name only databases that cannot be used. Otherwise empty."""
        if self._choices or self._found is None or not self._found.problems:
            return ""
        return skipped_words(len(self._found.problems))

    async def find(self) -> tuple[DatabaseChoice, ...]:
        """Return the found databases. Files are read in a thread, and only the first time."""
        if self._search is not None and self._has_files and self._found is None:
            self._found = await asyncio.to_thread(_find, self._search.directory)
            self._choices = tuple(_choice(self._search.settings, one) for one in self._found.databases)
        return self._choices

    async def choose_first(
        self, ask: "Callable[..., Awaitable[Choice[DatabaseChoice | None] | None]]"
    ) -> DatabaseChoice | None:
        """Return the database to open first. None is the sample database.

        `ask` gets the choices, the last answer and the number of unusable values. A remembered database on this machine
        is opened again. For any other one, the question is repeated.
        """
        choices = await self.find()
        if not choices or self._found is None:
            return None
        remembered = self._memory.state.app_databases.get(str(self._found.folder))
        if remembered == EMBEDDED:
            return None
        known = next((choice for choice in choices if choice.key == remembered), None)
        if known is not None and known.profile.write:
            return known
        picked = await ask(choices, known, len(self._found.problems))
        if picked is None:
            return None
        self._remember(EMBEDDED if picked.value is None else picked.value.key)
        return picked.value

    def note_switch(self, choice: DatabaseChoice) -> None:
        """Remember a switch to the sample database or to an app database: it replaces the earlier answer."""
        if not self.may_ask or not self._choices:
            return
        if choice.profile.name == EMBEDDED:
            self._remember(EMBEDDED)
        elif choice in self._choices:
            self._remember(choice.key)

    def _remember(self, key: str) -> None:
        if self._found is not None:
            chosen = {str(self._found.folder): key}
            self._memory.remember(lambda latest: replace(latest, app_databases={**latest.app_databases, **chosen}))


def _find(directory: Path | None) -> "AppDatabases":
    """Find the databases. This runs in a thread, including the import."""
    from gjobs.store.configuration.app_databases import find_app_databases

    return find_app_databases(os.environ, directory)


def _choice(settings: "Settings", database: "AppDatabase") -> DatabaseChoice:
    """Return the choice. --as, --aal and --read-only of the command line apply to it too."""
    opened = switched(settings, database.profile)
    if settings.is_fallback and settings.act_as_origin is not None:
        opened = replace(opened, act_as=settings.act_as, aal=settings.aal, act_as_origin=settings.act_as_origin)
    return replace(
        database_choice(opened),
        description=f"{database.profile.label} at {database.where}",
        # If the file later names another address, a remembered answer is ignored.
        key=f"{database.profile.name} {' '.join(database.identity)}",
    )
