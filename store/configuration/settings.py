"""Resolves options to Settings: which database, which actor, and whether writes are allowed."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from pathlib import Path

from gjobs.store.configuration.configuration import APP_PREFIX, EMBEDDED, NO_CONFIGURATION, Configuration, Profile
from gjobs.store.database.write_access import WriteMode
from gjobs.store.errors import InvalidValue
from gjobs.store.formats import not_known
from gjobs.store.value_class import dataclass

OPERATOR_NAME, ANON_NAME = "operator", "anon"
EMBEDDED_USER = "ada@example.com"
"""The default actor on the embedded database, as if signed in on the web page."""

APP_VARIABLE = "DATABASE_URL"
"""A developer's shell often sets it for the app. So it has the lowest priority, and gjobs asks before writing there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedTarget:
    """The database of our own server. gjobs starts, migrates and fills it as needed."""

    data_dir: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlTarget:
    """A user's own database. gjobs never migrates or fills it unasked. `connection_url` parses it into libpq
    parameters.
    """

    url: str = field(repr=False)
    """A libpq URI, or `name=value` pairs."""
    origin: str
    """The option, variable or profile that named it."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Further libpq parameters. They override those in the URL."""
    password_command: tuple[str, ...] = field(default=(), repr=False)
    """A program and its arguments. The first line of its output is the password. Empty for none."""


Target = EmbeddedTarget | UrlTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one command works with, from options, environment and configuration file."""

    target: Target
    data_dir: Path
    """The directory of all data that gjobs stores: the embedded cluster and its own state."""
    act_as: str
    """A user's e-mail or id, `anon` for a visitor, or `operator` for the role as connected."""
    aal: int = 1
    """The assurance level of the user's sign-in."""
    act_as_origin: str | None = None
    """The option, variable or profile that named the actor. None for the default."""
    write_rule: WriteMode
    closed_by: tuple[str, str] | None = None
    """What closed the write rule, and what to do. None for --read-only."""
    write_reason: str | None = None
    """Why this command may write on a read-only database without a write permit. None if no reason was given."""
    profile: Profile | None = None
    """None if an address was given without a profile."""
    moment: datetime | None = None
    """The earlier moment to show. None for the present."""
    configuration: Configuration = NO_CONFIGURATION
    is_fallback: bool = False
    """Whether nothing chose a database, so that gjobs opens the embedded one."""

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
    chosen = configuration.profiles[EMBEDDED] if named is None else named
    target = _target(chosen, data_dir)
    its_profile = chosen if isinstance(chosen, Profile) else None
    act_as, origin = _actor_and_origin(act_as, its_profile, environment)
    return Settings(
        target=target,
        data_dir=data_dir,
        act_as=act_as,
        aal=aal or 1,
        act_as_origin=origin,
        write_rule=_write_rule(its_profile, read_only=read_only),
        write_reason=write_reason,
        profile=its_profile,
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
        target=_target(profile, settings.data_dir),
        data_dir=settings.data_dir,
        act_as=act_as,
        act_as_origin=origin,
        write_rule=_write_rule(profile, read_only=settings.write_rule is WriteMode.CLOSED),
        profile=profile,
        configuration=settings.configuration,
    )


def _chosen(
    database_url: str | None, profile: str | None, environment: Mapping[str, str], configuration: Configuration
) -> UrlTarget | Profile | None:
    """Return the chosen database. None if nothing chooses one."""
    url_variable, profile_variable = environment.get("GJOBS_DATABASE_URL"), environment.get("GJOBS_PROFILE")
    if database_url and profile:
        raise _two_databases("--database-url", "--profile")
    if database_url:
        return UrlTarget(url=database_url, origin="--database-url")
    if profile:
        return _named(profile, "--profile", configuration)
    if url_variable and profile_variable:
        raise _two_databases("GJOBS_DATABASE_URL", "GJOBS_PROFILE")
    if url_variable:
        return UrlTarget(url=url_variable, origin="GJOBS_DATABASE_URL")
    if profile_variable:
        return _named(profile_variable, "GJOBS_PROFILE", configuration)
    if configuration.default_profile:
        return configuration.profiles[configuration.default_profile]
    if url := environment.get(APP_VARIABLE):
        return UrlTarget(url=url, origin=APP_VARIABLE)
    return None


def _two_databases(one: str, other: str) -> InvalidValue:
    return InvalidValue("profile", f"{one} and {other} both name a database.", hint="Omit one of them.")


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


def _target(chosen: UrlTarget | Profile, data_dir: Path) -> Target:
    if isinstance(chosen, UrlTarget):
        return chosen
    if chosen.address is None:
        return EmbeddedTarget(data_dir=data_dir)
    return UrlTarget(
        url=chosen.address,
        origin=f"the profile {chosen.name!r}",
        parameters=chosen.parameters,
        password_command=chosen.password_command,
    )


def _actor_and_origin(
    option: str | None, profile: Profile | None, environment: Mapping[str, str]
) -> tuple[str, str | None]:
    """Return the actor and what named them."""
    if option:
        return option, "--as"
    if variable := environment.get("GJOBS_AS"):
        return variable, "GJOBS_AS"
    if profile and profile.act_as:
        return profile.act_as, f"the profile {profile.name!r}"
    return (EMBEDDED_USER if profile and profile.address is None else OPERATOR_NAME), None


def _write_rule(profile: Profile | None, *, read_only: bool) -> WriteMode:
    if read_only:
        return WriteMode.CLOSED
    return WriteMode.OPEN if profile and profile.write else WriteMode.PERMIT_REQUIRED
