"""Values: Configuration, Profile, Pooler, Notifications."""

import re
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gjobs.store.value_class import dataclass

if TYPE_CHECKING:
    from gjobs.store.configuration.saved_views import Views

EMBEDDED = "embedded"
"""The reserved name of the profile for our own server's database."""

APP_PREFIX = "app:"
"""Begins the name of each database that a file of an app names, so that it is not taken for a configured profile."""


class Pooler(StrEnum):
    """How a pooler assigns server connections: for a client's session, or for one transaction."""

    SESSION = "session"
    TRANSACTION = "transaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profile. Its representation never holds a password. The embedded profile has no address."""

    name: str
    label: str
    """Names the database on screen and in confirmations. Untrusted text: clean it before showing it."""
    color: str | None = None
    """A color that `config_reader` accepts."""
    act_as: str | None = None
    """A user's e-mail or id, `anon` or `operator`. None if the profile does not set it."""
    write: bool = False
    """Whether the database is writable without a write permit."""
    interval: float | None = None
    """Seconds between two refreshes of the dashboard."""
    statement_timeout: float | None = None
    """Seconds."""
    time_zone: str | None = None
    """The name of a zone that `zoneinfo` knows, such as `Europe/Berlin`."""
    claims: Mapping[str, Any] = field(default_factory=dict)
    """Added to the claims of every acting user, as the app's own hook adds them."""
    pooler: Pooler | None = None
    """The pooler in front of the database. None if not configured."""
    address: str | None = field(default=None, repr=False)
    """A libpq URI, or `name=value` pairs."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Further libpq parameters. They override those in the address."""
    password_command: tuple[str, ...] = field(default=(), repr=False)
    """A program and its arguments. The first line of its output is the password. Empty for none."""
    sources: tuple[str, ...] = ()
    """Files of an app that name the database, relative to the app's folder. Empty for a configured profile."""


EMBEDDED_PROFILE = Profile(name=EMBEDDED, label=EMBEDDED, write=True)
"""The embedded profile, unless the configuration sets more."""

_PASSWORD_IN_URI = re.compile(r"[a-z]+://[^@/?]*:[^@]+@")
_PASSWORD_AS_PARAMETER = re.compile(r"\b(?:ssl)?password\s*=\s*[^\s&]")


def holds_password(address: str) -> bool:
    """Return whether a libpq URI or `name=value` pairs hold a password. Errs on the side of yes."""
    return bool(_PASSWORD_IN_URI.match(address) or _PASSWORD_AS_PARAMETER.search(address))


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The content of the configuration file, checked."""

    path: Path | None = None
    """The file that was read; None if there is none."""
    is_chosen: bool = False
    """Whether --config chose the file."""
    profiles: Mapping[str, Profile] = field(default_factory=lambda: {EMBEDDED: EMBEDDED_PROFILE})
    """By name, in the file's order. The embedded profile is always included."""
    default_profile: str | None = None
    """The name of one of the profiles."""
    theme: str | None = None
    keymap: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys by binding id. Only the dashboard knows whether the ids exist."""
    views: "Views" = field(default_factory=dict)
    """Views by name, in the file's order."""
    notifications: "Notifications | None" = None
    """None if notifications are disabled."""
    warning: str | None = None
    """A sentence on a problem that does not stop the command, with what to do."""


NO_CONFIGURATION = Configuration()

TERMINALS = ("kitty", "iTerm2", "WezTerm", "Ghostty", "foot", "rxvt-unicode")
"""Terminals that show a desktop notification when a program sends an escape sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifications:
    """How the dashboard reports that jobs have ended."""

    view: str | None = None
    """Notify about the jobs of this view; None: about all jobs."""
    bell: bool = False
    desktop: bool = False
    terminal: str | None = None
    """One of TERMINALS, for use where the terminal can't be detected, such as inside tmux. None: detect it from the
    environment.
    """
