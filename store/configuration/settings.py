"""Resolves options to Settings: which database, which actor, and whether writes are allowed."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gjobs.store.errors import InvalidValue, ReadOnly
from gjobs.store.values.data_classes import dataclass
from gjobs.store.values.formats import not_known, utc_now

if TYPE_CHECKING:
    from gjobs.store.configuration.saved_views import Views


class WriteMode(Enum):
    OPEN = auto()
    """May write."""
    PERMIT_REQUIRED = auto()
    """Read-only, except while a write permit with a reason is open."""
    CLOSED = auto()
    """Read-only, and nothing opens it for writing."""


WITHOUT_READ_ONLY = "Leave --read-only out to write."

LONGEST_REASON = 200
"""Characters of a reason to write. It must fit on a line and in the journal."""
Refusal = tuple[str, str | None]
"""The reason why writes are refused, and a hint."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WritePermit:
    """Allows writes to a read-only database for some minutes."""

    reason: str
    ends_at: datetime
    """The permit is invalid from this moment on."""


class WriteAccess:
    def __init__(self, rule: WriteMode = WriteMode.OPEN, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.rule = rule
        self.opened_by = "Give --write REASON."
        """How to open a write permit, shown to the user."""
        self.suspended_by: Refusal | None = None
        """Why all writes are refused for now. Writes that are running end as usual. None if they are not refused."""
        self.closed_by: Refusal | None = None
        """Why all writes are permanently refused. None if they are not refused."""
        self.refused_by: Refusal | None = None
        """Why the database accepts no writes now. None if it does."""
        self._clock = clock
        self._permit: WritePermit | None = None

    @property
    def permit(self) -> WritePermit | None:
        """The open permit; None if there is none or it has run out."""
        if self._permit is not None and self._clock() >= self._permit.ends_at:
            self._permit = None
        return self._permit

    @property
    def may_write(self) -> bool:
        return not self.is_closed and (self.rule is WriteMode.OPEN or self.permit is not None)

    def require(self) -> None:
        """Raise ReadOnly if the session may not write."""
        if not self.may_write:
            raise self.refusal()

    def open_permit(self, reason: str, seconds: float) -> WritePermit:
        """Open a permit and replace the current one. Raises ReadOnly if the session can't be opened."""
        if self.is_closed:
            raise self.refusal()
        self._permit = WritePermit(reason=reason, ends_at=self._clock() + timedelta(seconds=seconds))
        return self._permit

    def close_permit(self) -> None:
        self._permit = None

    @property
    def is_closed(self) -> bool:
        """Whether gjobs refuses writes now, even with a permit."""
        return self.rule is WriteMode.CLOSED or self._closing_refusal is not None

    @property
    def _closing_refusal(self) -> Refusal | None:
        return self.suspended_by or self.closed_by or self.refused_by

    def refusal(self, *, sqlstate: str | None = None) -> ReadOnly:
        """Return the error for a refused write. Its hint says how to open this session, if possible."""
        if (refusal := self._closing_refusal) is not None:
            reason, hint = refusal
            return ReadOnly(reason, hint=hint, sqlstate=sqlstate)
        hint = {WriteMode.CLOSED: WITHOUT_READ_ONLY, WriteMode.PERMIT_REQUIRED: self.opened_by}.get(self.rule)
        return ReadOnly("This session is read-only: nothing was changed.", hint=hint, sqlstate=sqlstate)


EMBEDDED = "embedded"
"""The reserved name of the profile for our own server's database."""

APP_PREFIX = "app:"
"""Begins the name of each database that a file of an app names, so that it is not taken for a configured profile."""


SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


class Pooler(StrEnum):
    """How a pooler assigns server connections: for a client's session, or for one transaction."""

    SESSION = "session"
    TRANSACTION = "transaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A database, and how to open it. Its representation never holds a password.

    gjobs migrates or fills a database that has an address only if the user asks for it.
    """

    name: str = ""
    """Empty for an address that is in no profile."""
    label: str = ""
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
    """A libpq URI, or `name=value` pairs, which `connection_url` parses. None for the database of our own server."""
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further libpq parameters. They override those in the address."""
    password_command: tuple[str, ...] = field(default=(), repr=False)
    """A program and its arguments. The first line of its output is the password. Empty for none."""
    variable: str = ""
    """The option or variable that holds the address. Empty if a profile has it."""
    sources: tuple[str, ...] = ()
    """Files of an app that name the database, relative to the app's folder. Empty for a configured profile."""

    @property
    def origin(self) -> str:
        """The source of the address for messages, such as `--database-url` or `the profile 'prod'`."""
        return self.variable or f"the profile {self.name!r}"

    @property
    def actor(self) -> str:
        """Who acts, unless an option or a variable names another actor."""
        return self.act_as or (EMBEDDED_USER if self.address is None else OPERATOR_NAME)


NO_PROFILE = Profile()

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


OPERATOR_NAME, ANON_NAME = "operator", "anon"
EMBEDDED_USER = "ada@example.com"
"""The default actor on the embedded database, as if signed in on the web page."""

APP_VARIABLE = "DATABASE_URL"
"""A developer's shell often sets it for the app. So it has the lowest priority, and gjobs asks before writing there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one command works with, from options, environment and configuration file."""

    profile: Profile
    """The opened profile. It has no name if an address was given instead."""
    data_dir: Path
    """The directory of all data that gjobs stores: the embedded cluster and its own state."""
    act_as: str
    """A user's e-mail or id, `anon` for a visitor, or `operator` for the role as connected."""
    aal: int = 1
    """The assurance level of the user's sign-in."""
    act_as_origin: str | None = None
    """The option, variable or profile that named the actor. None for the default."""
    write_rule: WriteMode
    closed_by: Refusal | None = None
    """What closed the write rule, and what to do. None for --read-only."""
    write_reason: str | None = None
    """Why this command may write on a read-only database without a write permit. None if no reason was given."""
    moment: datetime | None = None
    """The earlier moment to show. None for the present."""
    configuration: Configuration = NO_CONFIGURATION
    is_fallback: bool = False
    """Whether nothing chose a database, so that gjobs opens the embedded one."""

    @property
    def is_embedded(self) -> bool:
        """Whether it is the database of our own server. gjobs starts, migrates and fills it as needed."""
        return self.profile.address is None

    @property
    def act_as_given(self) -> bool:
        """Whether the actor was given on the command line."""
        return self.act_as_origin == "--as"


def resolve(
    *,
    database_url: str | None = None,
    profile: str | None = None,
    act_as: str | None = None,
    aal: int | None = None,
    read_only: bool = False,
    write_reason: str | None = None,
    data_dir: Path,
    environment: Mapping[str, str],
    configuration: Configuration = NO_CONFIGURATION,
) -> Settings:
    """Resolve the settings from options and environment. An empty variable counts as unset. Raises InvalidValue."""
    named = _chosen(database_url, profile, environment, configuration)
    chosen = named or configuration.profiles[EMBEDDED]
    act_as, origin = _actor_and_origin(act_as, chosen, environment)
    return Settings(
        profile=chosen,
        data_dir=data_dir,
        act_as=act_as,
        aal=aal or 1,
        act_as_origin=origin,
        write_rule=_write_rule(chosen, read_only=read_only),
        write_reason=write_reason,
        configuration=configuration,
        is_fallback=named is None,
    )


def journal_path(settings: Settings) -> Path:
    """Return the directory of the journal."""
    return settings.data_dir / "journal"


def switched(settings: Settings, profile: Profile) -> Settings:
    """Return the settings for another database in the same run. The former actor is dropped; --read-only stays."""
    act_as, origin = _actor_and_origin(None, profile, {})
    return Settings(
        profile=profile,
        data_dir=settings.data_dir,
        act_as=act_as,
        act_as_origin=origin,
        write_rule=_write_rule(profile, read_only=settings.write_rule is WriteMode.CLOSED),
        configuration=settings.configuration,
    )


def _chosen(
    database_url: str | None, profile: str | None, environment: Mapping[str, str], configuration: Configuration
) -> Profile | None:
    """Return the chosen database. None if nothing chooses one."""
    url_variable, profile_variable = environment.get("GJOBS_DATABASE_URL"), environment.get("GJOBS_PROFILE")
    for url, url_origin, name, origin in (
        (database_url, "--database-url", profile, "--profile"),
        (url_variable, "GJOBS_DATABASE_URL", profile_variable, "GJOBS_PROFILE"),
    ):
        if url and name:
            words = f"{url_origin} and {origin} both name a database."
            raise InvalidValue("profile", words, hint="Omit one of them.")
        if url:
            return Profile(address=url, variable=url_origin)
        if name:
            return _named(name, origin, configuration)
    if configuration.default_profile:
        return configuration.profiles[configuration.default_profile]
    if url := environment.get(APP_VARIABLE):
        return Profile(address=url, variable=APP_VARIABLE)
    return None


def _named(name: str, origin: str, configuration: Configuration) -> Profile:
    if name in configuration.profiles:
        return configuration.profiles[name]
    hint = "Run 'gjobs profiles' to list them, or 'gjobs config path' to find the configuration file."
    if name.startswith(APP_PREFIX):
        hint = (
            f"Names that begin with '{APP_PREFIX}' exist only in the folder of their app. Run 'gjobs profiles' there."
        )
    words = f"{origin} does not name a profile: {not_known(name, configuration.profiles)}"
    raise InvalidValue("profile", words, hint=hint)


def _actor_and_origin(option: str | None, profile: Profile, environment: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the actor and what named them."""
    if option:
        return option, "--as"
    if variable := environment.get("GJOBS_AS"):
        return variable, "GJOBS_AS"
    return profile.actor, profile.origin if profile.act_as else None


def _write_rule(profile: Profile, *, read_only: bool) -> WriteMode:
    if read_only:
        return WriteMode.CLOSED
    return WriteMode.OPEN if profile.write else WriteMode.PERMIT_REQUIRED
