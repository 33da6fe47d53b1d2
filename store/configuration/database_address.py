"""Reads the database URLs of apps, whose drivers accept more than libpq does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, unquote, urlencode

from gjobs.store.configuration.configuration import Pooler
from gjobs.store.formats import shown_host

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
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_OUTSIDE = ("PGHOSTADDR", "PGSERVICE")
"""Variables by which libpq may connect to another host than the URL names."""
_HOSTS_OUTSIDE = ("PGSERVICE", "PGHOST", "PGHOSTADDR")
"""Variables that name a host for a URL without one."""
PORTS = range(1, 65_536)
LARGEST_VALUE = 4_000
"""Characters."""


class UnusableAddress(Exception):
    """The text is a clause that follows the name of the variable. It never repeats a part of the value."""


class MissingVariable(Exception):
    """A value uses a variable that no file defines. The text is its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseAddress:
    """Where a database is, and the login. Its representation never holds a password."""

    host: str = ""
    """One or more hosts, as libpq separates them. Empty for libpq's default."""
    port: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    further: Mapping[str, str] = field(default_factory=dict)
    """Other libpq parameters."""
    pooler: Pooler | None = None

    @property
    def uri(self) -> str:
        """The libpq URI, which holds the password. Every part is a query parameter, so it is unambiguous where each
        part ends.
        """
        values = {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "dbname": self.database,
            **self.further,
        }
        return f"postgresql://?{urlencode({name: one for name, one in values.items() if one}, quote_via=quote)}"

    def where(self, environment: Mapping[str, str]) -> str:
        """Return host, port and database for the screen. libpq takes missing ones from the environment."""
        inherited = next((host for name in _HOSTS_OUTSIDE if (host := environment.get(name))), "")
        hosts, ports = (self.host or inherited).split(","), (self.port or environment.get("PGPORT", "")).split(",")
        database = self.database or environment.get("PGDATABASE")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        places = [f"{shown_host(host) or 'local'}{_shown_port(port)}" for host, port in zip(hosts, ports, strict=False)]
        return ",".join(places) + (f"/{database}" if database else "")

    @property
    def identity(self) -> tuple[str, ...]:
        """Equal for two addresses of the same database and login, whatever they call this machine."""
        host = "127.0.0.1" if self.host == "localhost" or _is_loopback(self.host) else self.host.lower()
        return host, self.port or "5432", self.user, self.database or self.user

    def is_local(self, environment: Mapping[str, str]) -> bool:
        """Return whether libpq certainly connects to this machine. A name of a Docker network is not local."""
        if any(environment.get(name) for name in _OUTSIDE):
            return False
        return all(map(_is_local, (self.host or environment.get("PGHOST", "")).split(",")))


def _shown_port(port: str) -> str:
    return "" if port in ("", "5432") else f":{port}"


def _is_local(host: str) -> bool:
    return host in ("", "localhost") or host.startswith(("/", "@")) or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_url(value: str, *, folder: Path) -> DatabaseAddress:
    """Read the URL. A relative path of a certificate starts in `folder`. Raises UnusableAddress."""
    if len(value) > LARGEST_VALUE or not value.isprintable():
        raise UnusableAddress("is not a database URL")
    found = _URL.fullmatch(value)
    if found is None:
        raise UnusableAddress("is not a database URL")
    scheme, authority, path, query = (part or "" for part in found.groups())
    _check_scheme(scheme)
    if _PLACEHOLDER.search(value):
        raise UnusableAddress("still has a placeholder instead of the password")
    login, _, place = authority.rpartition("@")
    if "@" in login or "@" in path or "@" in query:
        raise UnusableAddress("is ambiguous. Percent-encode the special characters of the password")
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
        raise UnusableAddress("is not a database URL")
    if not all(int(port) in PORTS for port in parts["port"].split(",") if port):
        raise UnusableAddress("has a host or port that cannot be read")
    return DatabaseAddress(
        host=parts["host"],
        port=parts["port"],
        user=parts["user"],
        password=parts["password"],
        database=parts["dbname"],
        further=_further(given, folder),
        pooler=Pooler.TRANSACTION if given.get("pgbouncer") == "true" else None,
    )


def _check_scheme(scheme: str) -> None:
    """An unknown scheme is not repeated, because it may be a part of a password."""
    base = scheme.partition("+")[0].lower()
    if scheme.lower().startswith("prisma"):
        raise UnusableAddress("uses Prisma's own protocol. Only Postgres can be opened")
    if base in _OTHER_SCHEMES:
        raise UnusableAddress(f"starts with {base}://. Only Postgres can be opened")
    if base not in _SCHEMES:
        raise UnusableAddress("does not start with postgresql://")


def _hosts_and_ports(place: str) -> tuple[str, str]:
    found = [_HOST.fullmatch(one) for one in place.split(",")]
    if not all(found):
        raise UnusableAddress("has a host or port that cannot be read")
    hosts = [unquote(one[1].strip("[]")) for one in found if one]
    ports = [one[2] or "" for one in found if one]
    return ",".join(hosts), ",".join(ports) if any(ports) else ""


def _further(given: Mapping[str, str], folder: Path) -> dict[str, str]:
    further = {name: given[name] for name in _KEPT if given.get(name) and "\0" not in given[name]}
    mode = given.get("sslmode")
    if mode in _SSL_MODES:
        further["sslmode"] = mode
    elif mode == "no-verify" or given.get("ssl") in ("true", "1"):
        further["sslmode"] = "require"  # node-postgres writes `no-verify`, JDBC writes `ssl=true`.
    if (certificate := further.get("sslrootcert")) and certificate != "system":
        further["sslrootcert"] = str(folder / certificate)
    return further
