"""Which database, as whom, may it write: options to Settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from store.configuration.configuration import EMBEDDED, NO_CONFIGURATION, Configuration, Profile
from store.database.write_access import WriteMode
from store.errors import InvalidValue
from store.formats import not_known

OPERATOR_NAME, ANON_NAME = "operator", "anon"
EMBEDDED_USER = "ada@example.com"
"""Whose eyes the embedded database is seen with: the web page has someone signed in, too."""

APP_VARIABLE = "DATABASE_URL"
"""A developer's shell often has it set for the app, so it counts least, and is never written unasked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedTarget:
    """The database of our own server, which is started, migrated and filled as needed."""

    data_dir: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlTarget:
    """Somebody's database: never migrated or filled unasked. `connection_url` makes libpq's parameters of it."""

    url: str = field(repr=False)
    """A libpq URI, or `name=value` pairs."""
    origin: str
    """What named it: an option, a variable, or a profile."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of libpq, beside the URL: they win over what it says."""
    password_command: tuple[str, ...] = field(default=(), repr=False)
    """A program and its arguments, whose output's first line is the password; empty for none."""


Target = EmbeddedTarget | UrlTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    target: Target
    data_dir: Path
    """All that the program keeps: the embedded cluster and its own state."""
    act_as: str
    """A user's e-mail or id; `anon`: a visitor; or `operator`: the role as connected."""
    aal: int = 1
    """The assurance level with which the user has signed in."""
    act_as_origin: str | None = None
    """What named it: an option, a variable, or a profile; None for the default."""
    write_rule: WriteMode
    write_reason: str | None = None
    """Why this one command writes on a database that is read-only without a lease; None where nobody gave a reason."""
    profile: Profile | None = None
    """None where an address was given without a profile."""
    configuration: Configuration = NO_CONFIGURATION

    @property
    def act_as_given(self) -> bool:
        """Whether it stood on the command line."""
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
    """From what was typed, and what else is set: an empty variable counts as unset. Raises InvalidValue."""
    chosen = _chosen(database_url, profile, environment, configuration)
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
    )


def journal_path(settings: Settings) -> Path:
    """The directory in which what is written is kept."""
    return settings.data_dir / "journal"


def switched(settings: Settings, profile: Profile) -> Settings:
    """Another database in the same run: what was said of the former one's eyes does not count, --read-only does."""
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
) -> UrlTarget | Profile:
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
    return configuration.profiles[EMBEDDED]


def _two_databases(one: str, other: str) -> InvalidValue:
    return InvalidValue("profile", f"{one} and {other} both name a database.", hint="Leave one of them out.")


def _named(name: str, origin: str, configuration: Configuration) -> Profile:
    if name in configuration.profiles:
        return configuration.profiles[name]
    raise InvalidValue(
        "profile",
        f"{origin} names no profile: {not_known(name, configuration.profiles)}",
        hint="'gjobs profiles' lists them; 'gjobs config path' tells where they are configured.",
    )


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
    """And what named them."""
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
