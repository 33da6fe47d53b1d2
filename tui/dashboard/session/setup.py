"""Setup values, session openers, what is remembered, and the databases to choose from, also those of an app's files."""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, field, replace
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.configuration.app_folder import locate_app
from gjobs.store.configuration.settings import (
    EMBEDDED,
    NO_CONFIGURATION,
    Configuration,
    Profile,
    Settings,
    WriteMode,
    switched,
)
from gjobs.store.poller import DEFAULT_INTERVAL
from gjobs.store.system.async_tools import import_in_thread
from gjobs.store.system.private_files import make_directory, replace_private
from gjobs.store.values.data_classes import dataclass
from gjobs.tui.startup import advise_for, start_connecting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gjobs.store.configuration.app_databases import AppDatabase, AppDatabases
    from gjobs.store.database.connection_pool import ConnectionPool
    from gjobs.store.database.connection_url import PasswordCommand
    from gjobs.tui.dashboard.dialogs.pick import Choice
    from gjobs.tui.dashboard.session.session_poller import Opener
    from gjobs.tui.demo.demo_activity import DemoControl
    from gjobs.tui.session import Report, Session


def session_opener(settings: Settings, early: "ConnectionPool | None" = None, *, remembers: bool = True) -> "Opener":
    """Return an opener for the configured database. Between attempts, it remembers the password that a command
    printed. The first attempt uses the connections that were opened early. If it `remembers`, it also asks for the
    list that was shown last.
    """
    password: PasswordCommand | None = None

    @asynccontextmanager
    async def opener(report: "Report") -> "AsyncIterator[Session]":
        nonlocal password, early
        connections, early = early, None
        if connections is None and not settings.is_embedded:
            # Connect during the import of the store. Over a slow network, both take about as long.
            await import_in_thread("gjobs.store.database.connection_pool")
            connections = start_connecting(settings, password)
        if connections is not None:
            password = connections.password
        try:
            module = await import_in_thread("gjobs.tui.session")
            expected = module.first_listing if remembers else None
            advise_for(settings)
            async with module.open_session(settings, report, connections=connections, expected=expected) as session:
                yield session
        finally:
            if connections is not None:
                await connections.close()

    return opener


def demo_opener(control: "DemoControl") -> "Opener":
    """Return an opener for a temporary database with simulated workers. Each opening makes a new database."""

    @asynccontextmanager
    async def opener(report: "Report") -> "AsyncIterator[Session]":
        module = await import_in_thread("gjobs.tui.demo.demo_activity")
        async with module.open_demo(report, control) as session:
            yield session

    return opener


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseChoice:
    """A database that the dashboard can switch to."""

    opener: "Opener"
    settings: Settings
    description: str | None = None
    """The text that lists show instead of label and name. It includes the address."""
    key: str = ""
    """Name and address of a database that a file of the app names. They are remembered for the app's folder."""

    @property
    def profile(self) -> Profile:
        return self.settings.profile

    @property
    def interval(self) -> float:
        """Seconds between two polls."""
        return self.profile.interval or DEFAULT_INTERVAL

    @property
    def rule(self) -> str:
        return "may write" if self.may_write else "read-only"

    @property
    def may_write(self) -> bool:
        """Whether writes need no permit."""
        return self.settings.write_rule is WriteMode.OPEN

    @property
    def detail(self) -> str:
        """Text that distinguishes it in a list. It imports the driver to read an address."""
        if self.profile.sources:
            return f"from {' and '.join(self.profile.sources)}"
        if self.settings.is_embedded:
            return ""
        from gjobs.store.database.connection_url import shown_address

        return shown_address(self.profile)


def database_choices(settings: Settings) -> tuple[DatabaseChoice, ...]:
    """Return the configured database first, then the other profiles."""
    chosen = database_choice(settings)
    profiles = settings.configuration.profiles.values()
    others = (switched(settings, profile) for profile in profiles if profile.name != chosen.profile.name)
    return (chosen, *map(database_choice, others))


def database_choice(settings: Settings) -> DatabaseChoice:
    return DatabaseChoice(opener=session_opener(settings), settings=settings)


class TourStart(Enum):
    """When the tour starts."""

    NEVER = auto()
    ONCE = auto()
    """Unless the user finished or ended it in an earlier run."""
    ALWAYS = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSetup:
    """What the dashboard starts with."""

    configuration: Configuration = NO_CONFIGURATION
    """Its theme replaces the remembered one. Another choice then holds for this run only."""
    keymap: Mapping[str, str] = field(default_factory=dict)
    """The keymap in Textual's form."""
    views_directory: Path | None = None
    """Directory for saved views; None if none are saved."""
    database_choices: tuple[DatabaseChoice, ...] = ()
    """Databases to choose from. The first opens at the start. Empty for a demo."""
    tour: TourStart = TourStart.NEVER
    app_search: Settings | None = None
    """The settings of this run, whose options also apply to a database that an app's files name. None to never search.
    """
    app_directory: Path | None = None
    """Where to search. None for the current directory."""
    moment: datetime | None = None
    """The earlier moment to show at the start. None for the present."""


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFile:
    """What the dashboard remembers from one run to the next."""

    theme: str | None = None
    zone: str | None = None
    """The choice of the time zone. None until one is chosen."""
    has_seen_tour: bool = False
    """Whether the user has finished or ended the tour."""
    projects: Mapping[str, str] = field(default_factory=dict)
    """Maps a place to the id of its last project, or to "" for all projects. A place is a database and an actor."""
    app_databases: Mapping[str, str] = field(default_factory=dict)
    """Maps the folder of an app to the database that was chosen there."""


class RememberedState:
    """Saves each change at once and keeps changes of other processes. Without a path, it lasts for this run only."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.state = load(path) if path else StateFile()

    def knows(self, place: str) -> bool:
        return place in self.state.projects

    def project(self, place: str) -> UUID | None:
        """Return the remembered project. None means all projects, or nothing remembered."""
        try:
            return UUID(self.state.projects.get(place, ""))
        except ValueError:
            return None

    def remember(self, change: Callable[[StateFile], StateFile]) -> None:
        """Save what `change` makes of the latest state."""
        self.state = change(load(self._path) if self._path else self.state)
        if self._path:
            save(self._path, self.state)

    def remember_project(self, place: str, project_id: UUID | None) -> None:
        self.remember(lambda latest: replace(latest, projects={**latest.projects, place: str(project_id or "")}))


def load(path: Path) -> StateFile:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        theme, zone, projects = stored.get("theme"), stored.get("zone"), stored.get("projects", {})
        return StateFile(
            theme=theme if isinstance(theme, str) else None,
            zone=zone if isinstance(zone, str) else None,
            # A file without this value comes from a version without a tour, so this is not the first start.
            has_seen_tour=stored.get("has_seen_tour", True) is True,
            projects={str(place): str(project) for place, project in projects.items()},
            app_databases={str(folder): str(name) for folder, name in stored.get("app_databases", {}).items()},
        )
    except FileNotFoundError:
        return StateFile()
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        log.warning("Can't read the remembered state in %s: %s", path, error)
        return StateFile()


def save(path: Path, state: StateFile) -> None:
    """Save the state. If the file cannot be written, only the state is lost."""
    try:
        make_directory(path.parent)
        text = json.dumps(asdict(state), indent=1)
        # This runs on the event loop, which must not wait for the disk.
        replace_private(path, text, durable=False)
    except OSError as error:
        log.warning("Can't save the state in %s: %s", path, error)


def skipped_words(number: int) -> str:
    values = "1 entry" if number == 1 else f"{number} entries"
    return f"gjobs skipped {values} of the app's files: 'gjobs profiles' says why."


class DatabaseChoices:
    """Finds an app's databases once. Remembers for each folder of an app which database was chosen."""

    def __init__(self, setup: DashboardSetup, memory: RememberedState) -> None:
        self._configured = setup.database_choices
        self._search, self._directory = setup.app_search, setup.app_directory
        self._memory = memory
        self._has_files = self._search is not None and locate_app(self._directory) is not None
        self.may_ask = self._search is not None and self._search.is_fallback
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
            self._found = await asyncio.to_thread(_find, self._directory)
            self._choices = tuple(_choice(self._search, one) for one in self._found.databases)
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


def _choice(settings: Settings, database: "AppDatabase") -> DatabaseChoice:
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
