"""What a start needs early: a connection, fast keys, and the options for commands in advice."""

import gc
import os
import re
from functools import partial
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import APP_VARIABLE, Settings, WriteMode
from gjobs.store.errors import DatabaseInUse, InvalidValue, name_database

if TYPE_CHECKING:
    from gjobs.store.database.connection_pool import ConnectionPool
    from gjobs.store.database.connection_url import PasswordCommand


_BARE = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_SPECIAL = re.compile(r'([\\"$`])')
"""Characters that a shell interprets inside double quotes."""


def advise_for(settings: Settings) -> None:
    """Make advice name the database of these settings."""
    is_of_app = settings.profile.variable == APP_VARIABLE
    name_database(
        DatabaseInUse(
            # As an option, the shell would put the URL and its password into the arguments of the process.
            variables=f'GJOBS_DATABASE_URL="${APP_VARIABLE}" ' if is_of_app else "",
            options=partial(database_options, settings),
            needs_reason=settings.write_rule is WriteMode.PERMIT_REQUIRED,
        )
    )


def database_options(settings: Settings) -> str:
    """Return the options that choose the same database in the same shell. They never hold a password."""
    if settings.is_fallback:
        return ""
    if settings.profile.name:
        configuration = settings.configuration
        file = f"--config {_quoted(str(configuration.path))} " if configuration.is_chosen else ""
        return f"{file}--profile {_quoted(settings.profile.name)}"
    if settings.profile.variable != "--database-url":
        return ""
    from gjobs.store.database.connection_url import without_password

    try:
        return f"--database-url {_quoted(without_password(settings.profile.address or ''))}"
    except InvalidValue:
        return ""


def _quoted(text: str) -> str:
    """Quote an argument for a shell. Use double quotes, because single quotes enclose the whole command."""
    return text if _BARE.fullmatch(text) else '"' + _SPECIAL.sub(r"\\\1", text) + '"'


FRAME_RATE = {"TEXTUAL_FPS": "120"}
"""The environment variable of Textual. At Textual's default of 60 frames a second, a key may
wait 17 ms for its frame.
"""

_SELDOM = (20_000, 5, 8)
"""Keys and polls make thousands of short-lived values. A collection after every few hundred would find nothing, and one
while a key is drawn would delay its frame. With few full collections, each of them would be long.
"""
_WORTHWHILE = 1_000


def prepare() -> None:
    """Set the frame rate, unless the user has set it, and collect no garbage before the first screen. Call this before
    Textual is imported.
    """
    for name, value in FRAME_RATE.items():
        os.environ.setdefault(name, value)
    gc.disable()


def resume_gc() -> None:
    """Turn on automatic collection if it was paused. Objects created during startup are never scanned: the pause for
    scanning them would be visible.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(*_SELDOM)
        gc.enable()


def collect_between_keys() -> None:
    """Collect the values that were made in the last second. Call this once a second, outside of key handling."""
    if gc.isenabled() and gc.get_count()[0] >= _WORTHWHILE:
        gc.collect(1)


def start_connecting(settings: Settings, password: "PasswordCommand | None" = None) -> "ConnectionPool | None":
    """Start to connect to a URL. Return None for the embedded server, and for an invalid address, which the session
    reports.

    `password` is the command of an earlier attempt. It may already have the password.
    """
    if settings.is_embedded:
        return None
    from gjobs.store.database.connection_pool import ConnectionPool
    from gjobs.store.database.connection_url import parameters, password_command

    try:
        password = password or password_command(settings.profile)
        connections = ConnectionPool(parameters(settings.profile), password=password)
    except InvalidValue:
        return None
    connections.connect_early()
    return connections
