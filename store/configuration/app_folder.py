"""Finds the folder of the app around a directory, reads its files, and the database URLs in them.

It executes nothing and changes no files. The drivers of apps accept more URLs than libpq does.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

from gjobs.store.configuration.settings import SSL_MODES, Pooler, Profile
from gjobs.store.values.formats import shown_host

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)(?:/([^?]*))?(?:\?(.*))?", re.DOTALL)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(?::(\d{0,5}))?")
_SCHEMES = ("postgres", "postgresql", "postgis")
_OTHER_SCHEMES = ("file", "http", "https", "libsql", "mariadb", "mongodb", "mssql", "mysql", "redis", "sqlite")
_PLACEHOLDER = re.compile(r"\[YOUR[ _-]?PASSWORD\]|<password>", re.IGNORECASE)
_PARTS = ("host", "port", "user", "password", "dbname")
_KEPT = ("options", "connect_timeout", "channel_binding", "target_session_attrs", "sslrootcert")
"""Further libpq parameters that gjobs keeps. Those of other drivers are dropped, and so are those that name further
files.
"""
_OUTSIDE = ("PGHOSTADDR", "PGSERVICE")
"""Variables by which libpq may connect to another host than the URL names."""
_HOSTS_OUTSIDE = ("PGSERVICE", "PGHOST", "PGHOSTADDR")
"""Variables that name a host for a URL without one."""
PORTS = range(1, 65_536)
LARGEST_VALUE = 4_000
"""Characters."""


class Unusable(Exception):
    """A file or an address. The text is a clause that follows its name. It never repeats a part of a value."""


class MissingVariable(Exception):
    """A value uses a variable that no file defines. The text is its name."""


def unnamed_profile(parameters: Mapping[str, str], pooler: Pooler | None = None) -> Profile:
    """Return a profile without a name. The parameters are not part of its address, so they need no quoting.

    `host` may have several hosts, separated by commas. A missing parameter is libpq's default.
    """
    given = {name: value for name, value in parameters.items() if value}
    return Profile(address="postgresql://", parameters=given, pooler=pooler)


def shown_place(parameters: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """Return host, port and database for the screen. Missing values come from the environment, as in libpq."""
    inherited = next((host for name in _HOSTS_OUTSIDE if (host := environment.get(name))), "")
    hosts = (parameters.get("host") or inherited).split(",")
    ports = (parameters.get("port") or environment.get("PGPORT", "")).split(",")
    database = parameters.get("dbname") or environment.get("PGDATABASE")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    places = [f"{shown_host(host) or 'local'}{_shown_port(port)}" for host, port in zip(hosts, ports, strict=False)]
    return ",".join(places) + (f"/{database}" if database else "")


def identity(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """Return equal values for the same database and login, whatever an address calls this machine."""
    host, user = parameters.get("host", ""), parameters.get("user", "")
    host = "127.0.0.1" if host == "localhost" or _is_loopback(host) else host.lower()
    return host, parameters.get("port", "5432"), user, parameters.get("dbname", user)


def is_local(parameters: Mapping[str, str], environment: Mapping[str, str]) -> bool:
    """Return whether libpq certainly connects to this machine. A name of a Docker network is not local."""
    if any(environment.get(name) for name in _OUTSIDE):
        return False
    return all(map(_is_local, parameters.get("host", environment.get("PGHOST", "")).split(",")))


def _shown_port(port: str) -> str:
    return "" if port in ("", "5432") else f":{port}"


def _is_local(host: str) -> bool:
    return host in ("", "localhost") or host.startswith(("/", "@")) or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_url(value: str, *, folder: Path) -> Profile:
    """Return a profile without a name. A certificate's path starts in `folder`. Raises Unusable."""
    if len(value) > LARGEST_VALUE or not value.isprintable():
        raise Unusable("is not a database URL")
    found = _URL.fullmatch(value)
    if found is None:
        raise Unusable("is not a database URL")
    scheme, authority, path, query = (part or "" for part in found.groups())
    _check_scheme(scheme)
    if _PLACEHOLDER.search(value):
        raise Unusable("still has a placeholder instead of the password")
    login, _, place = authority.rpartition("@")
    if "@" in login or "@" in path or "@" in query:
        raise Unusable("is ambiguous. Percent-encode the special characters of the password")
    user, _, password = login.partition(":")
    hosts, ports = _hosts_and_ports(place)
    given = {unquote(name): unquote(text) for name, _, text in (pair.partition("=") for pair in query.split("&"))}
    parts = {
        "host": hosts,
        "port": ports,
        "user": unquote(user),
        "password": unquote(password),
        "dbname": unquote(path),
    }
    parts |= {name: given[name] for name in _PARTS if given.get(name)}
    if "\0" in "".join(parts.values()) or not re.fullmatch(r"[\d,]*", parts["port"]):
        raise Unusable("is not a database URL")
    if not all(int(port) in PORTS for port in parts["port"].split(",") if port):
        raise Unusable("has a host or port that cannot be read")
    pooler = Pooler.TRANSACTION if given.get("pgbouncer") == "true" else None
    return unnamed_profile({**parts, **_further(given, folder)}, pooler)


def _check_scheme(scheme: str) -> None:
    """An unknown scheme is not repeated, because it may be a part of a password."""
    base = scheme.partition("+")[0].lower()
    if scheme.lower().startswith("prisma"):
        raise Unusable("uses Prisma's own protocol. Only Postgres can be opened")
    if base in _OTHER_SCHEMES:
        raise Unusable(f"starts with {base}://. Only Postgres can be opened")
    if base not in _SCHEMES:
        raise Unusable("does not start with postgresql://")


def _hosts_and_ports(place: str) -> tuple[str, str]:
    found = [_HOST.fullmatch(one) for one in place.split(",")]
    if not all(found):
        raise Unusable("has a host or port that cannot be read")
    hosts = [unquote(one[1].strip("[]")) for one in found if one]
    ports = [one[2] or "" for one in found if one]
    return ",".join(hosts), ",".join(ports) if any(ports) else ""


def _further(given: Mapping[str, str], folder: Path) -> dict[str, str]:
    further = {name: given[name] for name in _KEPT if given.get(name) and "\0" not in given[name]}
    mode = given.get("sslmode")
    if mode in SSL_MODES:
        further["sslmode"] = mode
    elif mode == "no-verify" or given.get("ssl") in ("true", "1"):
        further["sslmode"] = "require"  # node-postgres writes `no-verify`, JDBC writes `ssl=true`.
    if (certificate := further.get("sslrootcert")) and certificate != "system":
        further["sslrootcert"] = str(folder / certificate)
    return further


COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""In the order of Docker Compose, which reads only the first that exists. An override file is read in addition."""
OVERRIDE_NAMES = tuple(name.replace(".", ".override.", 1) for name in COMPOSE_NAMES)
SUPABASE_NAME = "supabase/config.toml"

LARGEST_FILE = 65_536
"""Bytes. Settings files are much smaller, and reading YAML is slow."""
MOST_LEVELS = 16
MOST_ENTRIES = 5_000
"""Entries of one directory that are examined."""
MOST_ENV_FILES = 16
"""In one directory."""
_FOR_MACHINE = (".env", ".env.local")
"""The second replaces the first. A file for one mode, such as `.env.test.local`, replaces both."""
_MARKERS = (".git", ".hg", ".jj")
"""A directory with one of these is the outermost folder of the app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One directory of the app, with the names of its files that may name a database."""

    directory: Path
    has_supabase: bool
    env_names: tuple[str, ...]
    """In ascending priority: `.env` first. The files for one mode are in descending order of their names."""
    unread_env_count: int = 0
    """Further files, which gjobs does not read."""
    compose_names: tuple[str, ...]
    """The file of Docker Compose and its override file."""


class AppFolder:
    """The levels from a directory up to the outermost folder of its app."""

    def __init__(self, directory: Path, *, home: Path | None = None) -> None:
        """The search stops before `home`, unless it starts there, and before the root of the file system."""
        self._directory = directory
        self._home = home

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The levels with files, the nearest first."""
        levels = map(_level, self._directories())
        return tuple(one for one in levels if one.has_supabase or one.env_names or one.compose_names)

    def _directories(self) -> Iterator[Path]:
        for directory in islice((self._directory, *self._directory.parents), MOST_LEVELS):
            is_start, is_end = directory == self._directory, directory in (self._home, directory.parent)
            if is_end and not is_start:
                return
            yield directory
            if is_end or any(os.path.lexists(directory / marker) for marker in _MARKERS):
                return

    @cached_property
    def root(self) -> Path:
        """The outermost directory of the app, which holds a repository or a file that may name a database."""
        marked = (one for one in self._directories() if any(os.path.lexists(one / name) for name in _MARKERS))
        outermost = self.levels[-1].directory if self.levels else self._directory
        return next(marked, outermost)

    def name_of(self, path: Path) -> str:
        """Return the path relative to the root, as valid Unicode."""
        return os.fsencode(path.relative_to(self.root)).decode("utf-8", "replace")

    @cached_property
    def _owners(self) -> frozenset[int]:
        """Accounts whose files are trusted. Others could place a file in a shared directory such as /tmp."""
        return frozenset({os.geteuid(), 0, self._directory.stat().st_uid})

    def read(self, path: Path) -> str:
        """Return the text of a file of the app. Raises Unusable."""
        try:
            # Unlike Path.resolve, it raises OSError for a loop in each version of Python.
            real = Path(os.path.realpath(path, strict=True))
            if not real.is_relative_to(os.path.realpath(self.root)):
                raise Unusable("is a link to a file outside the app")
            content = self._content(real)
        except OSError as error:
            raise Unusable(f"cannot be read: {error.strerror or 'the system refuses it'}") from None
        if len(content) > LARGEST_FILE:
            raise Unusable(f"is larger than {LARGEST_FILE // 1024} KiB")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Unusable("is not UTF-8") from None
        if "\0" in text:
            raise Unusable("is not a text file")
        return text

    def _content(self, path: Path) -> bytes:
        # Opening a device may have effects, so the type is checked before and after.
        if not stat.S_ISREG(path.stat().st_mode):
            raise Unusable("is not a regular file")
        # Without O_NONBLOCK, opening a pipe would wait for its other end.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise Unusable("is not a regular file")
            if found.st_uid not in self._owners:
                raise Unusable("belongs to another user")
            return opened.read(LARGEST_FILE + 1)


def locate_app(directory: Path | None = None) -> AppFolder | None:
    """Return the folder of the app around the current directory. None if no file may name a database."""
    try:
        folder = AppFolder(directory or Path.cwd(), home=_home())
    except OSError:
        return None  # The current directory was deleted.
    return folder if folder.levels else None


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):
        return None


def _level(directory: Path) -> Level:
    names: set[str] = set()
    with suppress(OSError), os.scandir(directory) as entries:
        names = {entry.name for entry in islice(entries, MOST_ENTRIES)}
    for_machine = [name for name in _FOR_MACHINE if name in names]
    others = names.difference(_FOR_MACHINE)
    for_modes = sorted(name for name in others if name.startswith(".env.") and name.endswith(".local"))
    read = MOST_ENV_FILES - len(for_machine)
    return Level(
        directory=directory,
        has_supabase="supabase" in names and os.path.lexists(directory / SUPABASE_NAME),
        env_names=(*for_machine, *reversed(for_modes[:read])),
        unread_env_count=len(for_modes[read:]),
        compose_names=tuple(
            name for known in (COMPOSE_NAMES, OVERRIDE_NAMES) for name in islice(filter(names.__contains__, known), 1)
        ),
    )
