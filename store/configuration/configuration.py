"""Configuration, Profile, Pooler, Notifications: values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from store.configuration.saved_views import Views

EMBEDDED = "embedded"
"""The name that is kept for our own server's database."""


class Pooler(StrEnum):
    """How it lends the server's connections: for as long as a client's lasts, or for a transaction."""

    SESSION = "session"
    TRANSACTION = "transaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Never holds a password in its representation. The embedded one has no address."""

    name: str
    label: str
    """Names the database on screen and in confirmations; as it was written, so clean it before it is shown."""
    color: str | None = None
    """A color name that `config_reader` knows."""
    act_as: str | None = None
    """A user's e-mail or id, `anon` or `operator`; None where the profile does not say."""
    write: bool = False
    """Whether it may be written without a lease."""
    interval: float | None = None
    """Seconds between two looks of the dashboard."""
    statement_timeout: float | None = None
    """Seconds."""
    claims: Mapping[str, Any] = field(default_factory=dict)
    """Added to the claims of every user that one acts as, as the app's own hook adds them."""
    pooler: Pooler | None = None
    """What is said to stand between; None where nothing is said."""
    address: str | None = field(default=None, repr=False)
    """A libpq URI, or `name=value` pairs."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of libpq, beside the address: they win over what it says."""
    password_command: tuple[str, ...] = field(default=(), repr=False)
    """A program and its arguments, whose output's first line is the password; empty for none."""


EMBEDDED_PROFILE = Profile(name=EMBEDDED, label=EMBEDDED, write=True)
"""Unless the configuration says more."""

_PASSWORD_IN_URI = re.compile(r"[a-z]+://[^@/?]*:[^@]+@")
_PASSWORD_AS_PARAMETER = re.compile(r"\b(?:ssl)?password\s*=\s*[^\s&]")


def holds_password(address: str) -> bool:
    """Whether a password stands in a libpq URI or in `name=value` pairs. Rather too often yes."""
    return bool(_PASSWORD_IN_URI.match(address) or _PASSWORD_AS_PARAMETER.search(address))


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    path: Path | None = None
    """The file that it was read from; None where there is none."""
    profiles: Mapping[str, Profile] = field(default_factory=lambda: {EMBEDDED: EMBEDDED_PROFILE})
    """By name, in the file's order; always with the embedded one."""
    default_profile: str | None = None
    """One of the profiles."""
    theme: str | None = None
    keymap: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys by the ids of what they do. Whether there are such, only the dashboard knows."""
    views: "Views" = field(default_factory=dict)
    """Lists by names of one's own, in the file's order."""
    notifications: "Notifications | None" = None
    """None where none are wanted."""
    warning: str | None = None
    """What does not hinder, and should be put right; a sentence with what to do."""


NO_CONFIGURATION = Configuration()

TERMINALS = ("kitty", "iTerm2", "WezTerm", "Ghostty", "foot", "rxvt-unicode")
"""That show a notification when they are asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifications:
    view: str | None = None
    """Of the jobs that this view finds; None: of all."""
    bell: bool = False
    desktop: bool = False
    terminal: str | None = None
    """One of TERMINALS, where it cannot be known, as inside tmux; None: as the environment says."""
