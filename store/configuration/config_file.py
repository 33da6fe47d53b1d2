"""Finds the configuration file, reads it into a Configuration, and reports all problems at once."""

import json
import os
import re
import shlex
import stat
from collections.abc import Collection, Iterable, Mapping, Sequence
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
    ConfigurationProblem,
    TomlLocation,
    TomlTable,
    kind,
    parse_file,
    refusal,
    unusable,
)
from gjobs.store.errors import BadConfiguration
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


def is_color(text: str) -> bool:
    """Return whether the text is a color, in lower case."""
    return text in NAMES or _DIGITS.fullmatch(text) is not None


_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 0.5, 3_600.0
_SHORTEST_TIMEOUT, _LONGEST_TIMEOUT = 0.1, 3_600.0
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_EXAMPLE = "use postgresql://USER@HOST/DATABASE"


def _read_embedded(table: TomlTable) -> Profile:
    """Read the embedded profile, which has no address."""
    for key in ("url", "service", "sslmode", "sslrootcert", "password_command", "pooler"):
        table.refuse(key, f"does not apply: {EMBEDDED!r} is the name of gjobs' own database")
    return _read(EMBEDDED, table, write=True)


def _read_profile(name: str, table: TomlTable, directory: Path) -> Profile:
    """Read a profile. Relative paths start in `directory`."""
    url, service = table.converted_text("url", _url), table.text("service")
    if table.has("url") == table.has("service"):
        table.complain("needs either url or service, and not both")
    password_command = table.converted("password_command", _command) or ()
    if url is not None and password_command and holds_password(url):
        table.complain("is a second password: the url holds one already", "password_command")
    mode, certificate = table.one_of("sslmode", SSL_MODES), table.text("sslrootcert")
    pooler = table.one_of("pooler", tuple(Pooler))
    return replace(
        _read(name, table, write=False),
        address=url if service is None else f"service={_quoted(service)}",
        parameters={
            **({"sslmode": mode} if mode else {}),
            **({"sslrootcert": _path(certificate, directory)} if certificate else {}),
        },
        password_command=password_command,
        pooler=Pooler(pooler) if pooler else None,
    )


def _read(name: str, table: TomlTable, *, write: bool) -> Profile:
    """Read what every profile has in common. `write` is the default for the key."""
    says_write = table.flag("write")
    return Profile(
        name=name,
        label=table.text("label") or name,
        color=table.converted_text("color", _color),
        act_as=table.text("as"),
        claims=table.converted("claims", _claims) or {},
        write=write if says_write is None else says_write,
        interval=table.seconds("interval", least=_SHORTEST_INTERVAL, most=_LONGEST_INTERVAL),
        statement_timeout=table.seconds("statement_timeout", least=_SHORTEST_TIMEOUT, most=_LONGEST_TIMEOUT),
        time_zone=table.converted_text("time_zone", _time_zone),
    )


def _url(value: str) -> str:
    """Check the URL. Error texts never repeat it, because it may hold a password."""
    scheme = _SCHEME.match(value)
    if scheme is None and "=" not in value:
        raise ValueError(f"is not an address: {_EXAMPLE}")
    if scheme is not None and scheme[1] not in ("postgres", "postgresql"):
        raise ValueError(f"starts with {scheme[1]!r}, but gjobs opens only Postgres: {_EXAMPLE}")
    return value


def _color(value: str) -> str:
    if is_color(color := value.strip().lower()):
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
    if not isinstance(value, Mapping):
        raise ValueError(f"is {kind(value)}, but must be a table")  # noqa: TRY004
    if fixed := [claim for claim in FIXED if claim in value]:
        how = "--aal sets it" if fixed[0] == "aal" else "gjobs takes it from the user that you act as"
        raise ValueError(f"cannot set {fixed[0]}: {how}")
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise ValueError("must hold only JSON values: no dates, no times, no infinite numbers") from None
    if "\\u0000" in text:
        raise ValueError("contains a NUL character")
    return dict(value)


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


def _read_notifications(table: TomlTable, views: Collection[str]) -> Notifications:
    """Read the notifications. A table enables them, even if it is empty. `views` are the configured views."""
    view = table.text("view")
    if view is not None and view not in views:
        clause = not_known(view, views) if views else "no view is configured"
        table.complain(f"does not name a view of [views]: {clause}", "view")
    notifications = Notifications(
        view=view,
        bell=table.flag("bell") or False,
        desktop=table.flag("desktop") or False,
        terminal=table.one_of("terminal", TERMINALS),
    )
    table.end()
    return notifications


def read_content(content: bytes, *, path: Path) -> Configuration:
    """Read the content of a file; relative paths start in its directory. Raises BadConfiguration."""
    return parse_file(content, partial(read_document, path=path), path=path)


def read_document(document: Mapping[str, object], problems: list[ConfigurationProblem], *, path: Path) -> Configuration:
    """Read the document of `path`. Problems are added to `problems`; if there are any, don't use the result."""
    top = TomlTable(document, (), problems)
    profiles = _read_profiles(top.table("profiles"), problems, path.parent)
    default_profile = top.text("default_profile")
    if default_profile is not None and default_profile not in profiles:
        words = f"does not name a profile: {not_known(default_profile, profiles)}"
        if default_profile.startswith(APP_PREFIX):
            words += (
                f" Names that begin with '{APP_PREFIX}' cannot be the default: they exist only in the folder of an app."
            )
        top.complain(words, "default_profile")
    theme = top.text("theme")
    keymap = dict(_read_keymap(top.table("keymap"), ("keymap",), problems))
    views: Views = {}
    if named := top.table("views"):
        # The grammar of filters is imported only if there are views.
        from gjobs.store.configuration.saved_views import read_views

        views = read_views(named, problems)
    notifications = TomlTable(top.table("notifications"), ("notifications",), problems)
    configuration = Configuration(
        path=path,
        profiles=profiles,
        default_profile=default_profile,
        theme=theme,
        keymap=keymap,
        views=views,
        notifications=_read_notifications(notifications, views) if top.has("notifications") else None,
    )
    top.end()
    return configuration


def _read_profiles(
    tables: Mapping[str, object], problems: list[ConfigurationProblem], directory: Path
) -> dict[str, Profile]:
    profiles = {}
    for name, values in tables.items():
        location = ("profiles", name)
        if not isinstance(values, Mapping):
            problems.append(ConfigurationProblem(location=location, clause=f"is {kind(values)}, but must be a table"))
        elif not name.strip():
            problems.append(ConfigurationProblem(location=location, clause="has an empty name"))
        else:
            table = TomlTable(values, location, problems)
            profiles[name] = _read_embedded(table) if name == EMBEDDED else _read_profile(name, table, directory)
            table.end()
    profiles.setdefault(EMBEDDED, EMBEDDED_PROFILE)
    return profiles


def _read_keymap(
    values: Mapping[str, object], location: TomlLocation, problems: list[ConfigurationProblem]
) -> list[tuple[str, tuple[str, ...]]]:
    """Read the keymap. Ids have dots, so TOML reads unquoted ids as nested tables. Both forms mean the same."""
    found = []
    for name, value in values.items():
        here = (*location, name)
        match value:
            case Mapping():
                found += _read_keymap(value, here, problems)
                continue
            case str():
                keys = [key.strip() for key in value.split(",")]
            case list() if all(isinstance(key, str) for key in value):
                keys = [key.strip() for key in value]
            case _:
                problems.append(ConfigurationProblem(location=here, clause="must be a key, or a list of keys"))
                continue
        if keys and all(keys):
            found.append((".".join(here[1:]), tuple(keys)))
        else:
            problems.append(ConfigurationProblem(location=here, clause="names no key; write 'comma' for a comma"))
    return found


VARIABLE = "GJOBS_CONFIG"

_LARGEST = 1_000_000
"""Bytes."""
_WITHOUT_A_HOME = Path("/gjobs/config.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationFile:
    path: Path
    named_by: str | None
    """The option or variable that names the file. None for the default location, where the file is optional."""


def configuration_file(option: Path | None, environment: Mapping[str, str]) -> ConfigurationFile:
    """Return the configuration file to use. An empty variable counts as unset."""
    if option is not None:
        return ConfigurationFile(path=_absolute(option), named_by="--config")
    if named := environment.get(VARIABLE):
        return ConfigurationFile(path=_absolute(Path(named)), named_by=VARIABLE)
    import platformdirs

    try:
        return ConfigurationFile(path=platformdirs.user_config_path("gjobs") / "config.toml", named_by=None)
    except RuntimeError:
        return ConfigurationFile(path=_WITHOUT_A_HOME, named_by=None)


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        return path.absolute()


def load(file: ConfigurationFile) -> Configuration:
    """Load the configuration. Raises BadConfiguration if the file is unusable, or if a named file is missing."""
    path = file.path
    try:
        with path.open("rb") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            content = opened.read(_LARGEST + 1)
    except FileNotFoundError:
        if file.named_by is None:
            return NO_CONFIGURATION
        raise unusable(path, f"does not exist, but {file.named_by} names it") from None
    except (OSError, ValueError) as error:
        if file.named_by is None and isinstance(error, NotADirectoryError):
            return NO_CONFIGURATION
        reason = error.strerror if isinstance(error, OSError) else None
        raise unusable(path, f"cannot be read: {reason or 'it is not a path'}") from None
    if len(content) > _LARGEST:
        raise unusable(path, "is too large to be a configuration")
    configuration = read_content(content, path=path)
    warning = exposure(path, mode, configuration.profiles.values())
    return replace(configuration, warning=warning, is_chosen=file.named_by == "--config")


def refusal_of(configuration: Configuration, problems: Sequence[ConfigurationProblem]) -> BadConfiguration:
    """Return the error for further problems of a configuration that was read before."""
    path = configuration.path or _WITHOUT_A_HOME
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        text = ""  # Deleted since; the problems have no line numbers.
    return refusal(problems, path=path, text=text)


def exposure(path: Path, mode: int, profiles: Iterable[Profile]) -> str | None:
    """Return a warning if the file holds a password and others may read it."""
    exposed = [profile.name for profile in profiles if profile.address and holds_password(profile.address)]
    if not exposed or not mode & 0o077:
        return None
    return f"{path} holds a password, and other users can read it. Run chmod 600 {shlex.quote(str(path))}"
