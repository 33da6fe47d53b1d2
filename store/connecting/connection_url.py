"""A database's address: libpq's parameters from a URI, and the words that may be shown of it."""

import os
import re
from collections.abc import Mapping
from itertools import zip_longest

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from store.errors import InvalidValue
from store.settings import APP_VARIABLE, UrlTarget

_USUAL_PORTS = ("", "5432")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_KNOWN_SCHEMES = ("http", "https", "mariadb", "mongodb", "mssql", "mysql", "oracle", "postgresql", "redis", "sqlite")
"""Also with a driver, as in postgresql+asyncpg."""


def parameters(target: UrlTarget) -> dict[str, str | int]:
    """libpq's, of a database that was chosen: without the password that a command gives. Raises as `parse` does."""
    hint = None
    if target.origin == APP_VARIABLE:
        hint = f"Unset {APP_VARIABLE} for gjobs, or choose another database: --profile embedded is gjobs' own."
    return {**parse(target.url, named=f"The address in {target.origin}", hint=hint), **target.parameters}


def _beginning(scheme: str) -> str:
    """What is no name of a kind of database may be a part of a password, in the place of the URL."""
    if scheme.partition("+")[0].lower() in _KNOWN_SCHEMES:
        return f"starts with {scheme!r}"
    return "does not start with postgresql://"


def parse(url: str, *, named: str = "The database URL", hint: str | None = None) -> dict[str, str | int]:
    """libpq's parameters. Raises InvalidValue, whose message never repeats the URL: it may hold a password.

    The message begins with `named`, and its `hint` may be replaced.
    """
    scheme = _SCHEME.match(url)
    if scheme is not None and scheme[1] not in ("postgres", "postgresql"):
        raise InvalidValue(
            "database_url",
            f"{named} {_beginning(scheme[1])}; only Postgres can be opened.",
            hint=hint or "Use postgresql://USER@HOST/DATABASE.",
        )
    # libpq would read no further than to a NUL.
    if "\0" in url or (scheme is not None and _is_ambiguous(url[scheme.end() :])):
        raise _unreadable(named, hint)
    try:
        parameters = conninfo_to_dict(url)
    except (ProgrammingError, UnicodeError):
        raise _unreadable(named, hint) from None
    if not re.fullmatch(r"[0-9,]*", str(parameters.get("port") or "")):
        # What stands in the port's place may be a password.
        raise _unreadable(named, hint)
    return {name: value for name, value in parameters.items() if value is not None}


def label(parameters: Mapping[str, str | int], environment: Mapping[str, str] = os.environ) -> str:
    """What names the database on screen: never a password. What libpq takes from the environment counts."""
    given = [parameters.get(name) for name in ("host", "hostaddr", "service")]
    inherited = [environment.get(name) for name in ("PGSERVICE", "PGHOST", "PGHOSTADDR")]
    host = next((str(value) for value in (*given, *inherited) if value), "local")
    if any(given[:2]) and parameters.get("user"):
        host = _with_ports(host, str(parameters.get("port") or environment.get("PGPORT") or ""))
    database = parameters.get("dbname") or environment.get("PGDATABASE")
    return f"{host}/{database}" if database else host


def _with_ports(hosts: str, ports: str) -> str:
    """Those that are not Postgres' usual one: a pooler is often told from the server behind it by the port alone.

    Only for an address with a user: in one without, a password may stand in the port's place.
    """
    names, numbers = hosts.split(","), ports.split(",")
    if len(numbers) == 1:
        numbers *= len(names)
    pairs = zip_longest(names, numbers[: len(names)], fillvalue="")
    return ",".join(
        name if number in _USUAL_PORTS or name.startswith("/") else f"{name}:{number}" for name, number in pairs
    )


def _is_ambiguous(rest: str) -> bool:
    """Whether libpq sees a part of a password as host, port or database: one with a bare `@`, `/` or `?` does that."""
    credentials, at, _ = rest.partition("/")[0].partition("@")
    place = rest[len(credentials) + 1 :] if at else rest
    return bool(at and "?" in credentials) or "@" in place.partition("?")[0]


def _unreadable(named: str, hint: str | None) -> InvalidValue:
    return InvalidValue(
        "database_url",
        f"{named} cannot be read.",
        hint=hint or "Use postgresql://USER@HOST:PORT/DATABASE, with special characters percent-encoded.",
    )
