"""Setup values, databases to choose from, session openers."""

import asyncio
import importlib
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from store.configuration.settings import APP_VARIABLE, Settings, UrlTarget, switched
from store.database.write_access import WriteMode
from store.errors import InvalidValue
from store.poller import DEFAULT_INTERVAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from store.configuration.configuration import Notifications
    from store.configuration.saved_views import Views
    from store.database.connection_url import PasswordCommand
    from tui.dashboard.session_poller import Opener
    from tui.session import Report, Session


def session_opener(settings: Settings) -> "Opener":
    """Opens what the settings name. A password that a command gave is kept from one attempt to the next."""
    password: PasswordCommand | None = None

    @asynccontextmanager
    async def opener(report: "Report") -> "AsyncIterator[Session]":
        nonlocal password
        module = await asyncio.to_thread(importlib.import_module, "tui.session")
        password = password or module.password_command(settings)
        async with module.open_session(settings, report, password=password) as session:
            yield session

    return opener


def demo_opener() -> "Opener":
    """Opens a database of its own that is thrown away afterwards, with simulated workers."""

    @asynccontextmanager
    async def opener(report: "Report") -> "AsyncIterator[Session]":
        module = await asyncio.to_thread(importlib.import_module, "tui.demo")
        async with module.open_demo(report) as session:
            yield session

    return opener


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseChoice:
    name: str | None
    """The profile's; None for an address that was given without one."""
    label: str | None
    """Names it before it is open; None where only the connection tells."""
    color: str | None
    origin: str | None
    """What named it, where that was not meant for gjobs."""
    interval: float
    """Seconds between two polls."""
    opener: "Opener"
    settings: Settings

    @property
    def detail(self) -> str:
        """What tells it from others in a list. Imports the driver, to read an address."""
        rule = "may write" if self.settings.write_rule is WriteMode.OPEN else "read-only"
        return ", ".join(filter(None, (rule, self._where())))

    def _where(self) -> str:
        from store.database.connection_url import label, parameters

        if not isinstance(self.settings.target, UrlTarget):
            return ""
        try:
            return label(parameters(self.settings.target))
        except InvalidValue:
            return "an address that cannot be read"


def database_choices(settings: Settings) -> tuple[DatabaseChoice, ...]:
    """The first is what the settings name."""
    chosen = database_choice(settings)
    profiles = settings.configuration.profiles.values()
    others = [database_choice(switched(settings, profile)) for profile in profiles if profile.name != chosen.name]
    return (chosen, *others)


def database_choice(settings: Settings) -> DatabaseChoice:
    profile, target = settings.profile, settings.target
    return DatabaseChoice(
        name=profile.name if profile else None,
        label=profile.label if profile else None,
        color=profile.color if profile else None,
        origin=APP_VARIABLE if isinstance(target, UrlTarget) and target.origin == APP_VARIABLE else None,
        interval=(profile.interval if profile else None) or DEFAULT_INTERVAL,
        opener=session_opener(settings),
        settings=settings,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSetup:
    theme: str | None = None
    """In place of the remembered one; then another choice holds for this run alone."""
    keymap: Mapping[str, str] = field(default_factory=dict)
    """As Textual takes it."""
    notice: str | None = None
    """Something to put right, said once."""
    views: "Views" = field(default_factory=dict)
    """Those of the configuration."""
    views_directory: Path | None = None
    """Where others are kept; None where nothing is."""
    notifications: "Notifications | None" = None
    """What ends out of sight is told; None where it is not."""
    database_choices: tuple[DatabaseChoice, ...] = ()
    """The databases to choose from; the first is opened at the start. Empty for a database that stands alone."""
