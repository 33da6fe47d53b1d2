"""Finds the configuration file, reads it into a Configuration, and reports all problems at once."""

import json
import os
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import (
    APP_PREFIX,
    EMBEDDED,
    EMBEDDED_PROFILE,
    NO_CONFIGURATION,
    SSL_MODES,
    TERMINALS,
    Configuration,
    Notifications,
    Pooler,
    Profile,
    holds_password,
)
from gjobs.store.configuration.toml_table import (
    TomlTable,
    file_content,
    parse_file,
    typed,
    unusable,
)
from gjobs.store.users.actor import FIXED
from gjobs.store.values.formats import not_known

if TYPE_CHECKING:
    from gjobs.store.configuration.saved_views import Views


NAMES = (
    "aqua",
    "black",
    "blue",
    "brown",
    "coral",
    "crimson",
    "cyan",
    "fuchsia",
    "gold",
    "gray",
    "green",
    "grey",
    "indigo",
    "lime",
    "magenta",
    "maroon",
    "navy",
    "olive",
    "orange",
    "orchid",
    "pink",
    "purple",
    "red",
    "salmon",
    "silver",
    "teal",
    "tomato",
    "turquoise",
    "violet",
    "white",
    "yellow",
)

_DIGITS = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")

_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 0.5, 3_600.0
_SHORTEST_TIMEOUT, _LONGEST_TIMEOUT = 0.1, 3_600.0
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_EXAMPLE = "use postgresql://USER@HOST/DATABASE"


def _read_profile(name: str, table: TomlTable, directory: Path) -> Profile:
    """Read a profile. Relative paths start in `directory`."""
    profile = _embedded(table) if name == EMBEDDED else _with_address(name, table, directory)
    return replace(
        profile,
        write=table.flag("write", default=profile.write),
        label=table.text("label") or name,
        color=table.converted_text("color", read_color),
        act_as=table.text("as"),
        claims=table.converted("claims", _claims) or {},
        interval=table.seconds("interval", least=_SHORTEST_INTERVAL, most=_LONGEST_INTERVAL),
        statement_timeout=table.seconds("statement_timeout", least=_SHORTEST_TIMEOUT, most=_LONGEST_TIMEOUT),
        time_zone=table.converted_text("time_zone", _time_zone),
    )


def _embedded(table: TomlTable) -> Profile:
    for key in ("url", "service", "sslmode", "sslrootcert", "password_command", "pooler"):
        table.refuse(key, f"does not apply: {EMBEDDED!r} is the name of gjobs' own database")
    return EMBEDDED_PROFILE


def _with_address(name: str, table: TomlTable, directory: Path) -> Profile:
    url, service = table.converted_text("url", _url), table.text("service")
    if table.has("url") == table.has("service"):
        table.complain("needs either url or service, and not both")
    password_command = table.converted("password_command", _command) or ()
    if url is not None and password_command and holds_password(url):
        table.complain("is a second password: the url holds one already", "password_command")
    mode, certificate = table.one_of("sslmode", SSL_MODES), table.text("sslrootcert")
    given = {"sslmode": mode, "sslrootcert": certificate and _path(certificate, directory)}
    return Profile(
        name=name,
        label=name,
        address=url if service is None else f"service={_quoted(service)}",
        parameters={parameter: value for parameter, value in given.items() if value},
        password_command=password_command,
        pooler=table.one_of("pooler", Pooler),
    )


def _url(value: str) -> str:
    """Check the URL. Error texts never repeat it, because it may hold a password."""
    scheme = _SCHEME.match(value)
    if scheme is None and "=" not in value:
        raise ValueError(f"is not an address: {_EXAMPLE}")
    if scheme is not None and scheme[1] not in ("postgres", "postgresql"):
        raise ValueError(f"starts with {scheme[1]!r}, but gjobs opens only Postgres: {_EXAMPLE}")
    return value


def read_color(value: str) -> str:
    """Return the color in lower case. Raises ValueError with a clause."""
    color = value.strip().lower()
    if color in NAMES or _DIGITS.fullmatch(color):
        return color
    if color.startswith("#"):
        raise ValueError("must be '#' and 3 or 6 hexadecimal digits, or a colour's name")
    raise ValueError(f"is not a colour: {not_known(value, NAMES)}")


def _time_zone(value: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(value).key
    except (LookupError, ValueError, OSError):
        raise ValueError(f"is not a time zone: {value!r} is unknown. Use a name such as 'Europe/Berlin'") from None


def _command(value: object) -> tuple[str, ...]:
    """Return the command. A text is split as a shell would split it, but no shell runs it."""
    match value:
        case str():
            try:
                words = shlex.split(value)
            except ValueError:
                raise ValueError("has a quotation mark that is not closed") from None
        case list() if all(isinstance(word, str) for word in value):
            words = value
        case _:
            raise ValueError("must be a program and its arguments, as one string or as a list of strings")
    if not words or not words[0].strip():
        raise ValueError("names no program")
    if any("\0" in word for word in words):
        raise ValueError("contains a NUL character")
    return tuple(words)


def _claims(value: object) -> dict[str, object]:
    """Return the claims. Claims may have any JSON value, but can't include those that decide which user gjobs acts
    as.
    """
    claims = typed(value, dict, "a table")
    if fixed := [claim for claim in FIXED if claim in claims]:
        how = "--aal sets it" if fixed[0] == "aal" else "gjobs takes it from the user that you act as"
        raise ValueError(f"cannot set {fixed[0]}: {how}")
    try:
        text = json.dumps(claims, allow_nan=False)
    except (TypeError, ValueError):
        raise ValueError("must hold only JSON values: no dates, no times, no infinite numbers") from None
    if "\\u0000" in text:
        raise ValueError("contains a NUL character")
    return claims


def _path(text: str, directory: Path) -> str:
    """Return the path. `system` is libpq's word for the machine's certificates. An unknown home directory stays as
    written.
    """
    if text == "system":
        return text
    try:
        return str(directory / Path(text).expanduser())
    except RuntimeError:
        return text


def _quoted(value: str) -> str:
    """Quote a value for libpq's `name=value` pairs."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _keys(value: object) -> tuple[str, ...]:
    """Return the keys of a binding."""
    keys = value.split(",") if isinstance(value, str) else value
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("must be a key, or a list of keys")
    stripped = tuple(key.strip() for key in keys)
    if not stripped or not all(stripped):
        raise ValueError("names no key; write 'comma' for a comma")
    return stripped


def read_content(content: bytes, *, path: Path) -> Configuration:
    """Read the content of a file; relative paths start in its directory. Raises BadConfiguration."""
    return parse_file(content, partial(read_document, path=path), path=path)


def read_document(top: TomlTable, *, path: Path) -> Configuration:
    """Read the document of `path`. If it has problems, don't use the result."""
    profiles = _read_profiles(top.table("profiles"), path.parent)
    default_profile = top.text("default_profile")
    if default_profile is not None and default_profile not in profiles:
        words = f"does not name a profile: {not_known(default_profile, profiles)}"
        if default_profile.startswith(APP_PREFIX):
            words += (
                f" Names that begin with '{APP_PREFIX}' cannot be the default: they exist only in the folder of an app."
            )
        top.complain(words, "default_profile")
    theme = top.text("theme")
    keymap = dict(_read_keymap(top.table("keymap")))
    configured_views = top.table("views")
    views: Views = {}
    if top.has("views"):
        # The grammar of filters is imported only if there are views.
        from gjobs.store.configuration.saved_views import read_views

        views = read_views(configured_views)
    notifications = _read_notifications(top.table("notifications"), views)
    return Configuration(
        path=path,
        profiles=profiles,
        default_profile=default_profile,
        theme=theme,
        keymap=keymap,
        views=views,
        notifications=notifications if top.has("notifications") else None,
    )


def _read_profiles(tables: TomlTable, directory: Path) -> dict[str, Profile]:
    profiles = {}
    for name, table in tables.tables():
        if name.strip():
            profiles[name] = _read_profile(name, table, directory)
            table.end()
        else:
            table.complain("has an empty name")
    profiles.setdefault(EMBEDDED, EMBEDDED_PROFILE)
    return profiles


def _read_keymap(table: TomlTable) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Read the keymap. Ids have dots, so TOML reads unquoted ids as nested tables. Both forms mean the same."""
    for name in table:
        if table.is_table(name):
            yield from ((f"{name}.{rest}", keys) for rest, keys in _read_keymap(table.table(name)))
        elif keys := table.converted(name, _keys):
            yield name, keys


def _read_notifications(table: TomlTable, views: Collection[str]) -> Notifications:
    """Read the notifications. A table enables them, even if it is empty. `views` are the configured views."""
    view = table.text("view")
    if view is not None and view not in views:
        clause = not_known(view, views) if views else "no view is configured"
        table.complain(f"does not name a view of [views]: {clause}", "view")
    notifications = Notifications(
        view=view,
        bell=table.flag("bell"),
        desktop=table.flag("desktop"),
        terminal=table.one_of("terminal", TERMINALS),
    )
    table.end()
    return notifications


VARIABLE = "GJOBS_CONFIG"

_WITHOUT_A_HOME = Path("/gjobs/config.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationFile:
    path: Path
    named_by: str | None
    """The option or variable that names the file. None for the default location, where the file is optional."""


def configuration_file(option: Path | None, environment: Mapping[str, str]) -> ConfigurationFile:
    """Return the configuration file to use. An empty variable counts as unset."""
    for named, named_by in ((option, "--config"), (environment.get(VARIABLE), VARIABLE)):
        if named:
            path = Path(os.path.expanduser(named))  # noqa: PTH111 - it accepts an unknown home directory
            return ConfigurationFile(path=path.absolute(), named_by=named_by)
    import platformdirs

    try:
        return ConfigurationFile(path=platformdirs.user_config_path("gjobs") / "config.toml", named_by=None)
    except RuntimeError:
        return ConfigurationFile(path=_WITHOUT_A_HOME, named_by=None)


def load(file: ConfigurationFile) -> Configuration:
    """Load the configuration. Raises BadConfiguration if the file is unusable, or if a named file is missing."""
    path = file.path
    try:
        configuration = read_content(file_content(path), path=path)
        warning = exposure(path, configuration.profiles.values())
    except (FileNotFoundError, NotADirectoryError):
        if file.named_by is None:
            return NO_CONFIGURATION
        raise unusable(path, f"does not exist, but {file.named_by} names it") from None
    return replace(configuration, warning=warning, is_chosen=file.named_by == "--config")


def exposure(path: Path, profiles: Iterable[Profile]) -> str | None:
    """Return a warning if the file holds a password and others may read it."""
    holds = any(profile.address and holds_password(profile.address) for profile in profiles)
    if not holds or not path.stat().st_mode & 0o077:
        return None
    return f"{path} holds a password, and other users can read it. Run chmod 600 {shlex.quote(str(path))}"
