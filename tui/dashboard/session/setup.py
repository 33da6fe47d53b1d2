"""Setup values, databases to choose from, session openers."""

from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import field
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import (
    NO_CONFIGURATION,
    Configuration,
    Profile,
    Settings,
    WriteMode,
    switched,
)
from gjobs.store.poller import DEFAULT_INTERVAL
from gjobs.store.system.async_tools import import_in_thread
from gjobs.store.values.data_classes import dataclass
from gjobs.tui.startup import advise_for, start_connecting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gjobs.store.database.connection_pool import ConnectionPool
    from gjobs.store.database.connection_url import PasswordCommand
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSearch:
    """A search for the databases that the files around a directory name."""

    settings: Settings
    """The settings of this run. Its options also apply to a found database."""
    directory: Path | None = None
    """None for the current directory."""


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
    app_search: "AppSearch | None" = None
    """None to never search for the databases of an app."""
    moment: datetime | None = None
    """The earlier moment to show at the start. None for the present."""
