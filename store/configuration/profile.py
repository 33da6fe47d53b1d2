"""One profile of a configuration file. Pure."""

import re
import shlex
from pathlib import Path

from store.configuration.colors import NAMES, is_color
from store.configuration.profiles import EMBEDDED, Pooler, Profile, holds_password
from store.configuration.table import Table
from store.suggestions import not_known

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 0.5, 3_600.0
_SHORTEST_TIMEOUT, _LONGEST_TIMEOUT = 0.1, 3_600.0
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_EXAMPLE = "it should be like postgresql://USER@HOST/DATABASE"


def read_embedded(table: Table) -> Profile:
    """It has no address."""
    for key in ("url", "service", "sslmode", "sslrootcert", "password_command", "pooler"):
        table.refuse(key, f"does not apply: {EMBEDDED!r} is the name of gjobs' own database")
    return _read(EMBEDDED, table, write=True)


def read_profile(name: str, table: Table, directory: Path) -> Profile:
    """`directory` is where relative paths start."""
    url, service = table.converted_text("url", _url), table.text("service")
    if table.has("url") == table.has("service"):
        table.complain("needs either url or service, and not both")
    password_command = table.converted("password_command", _command) or ()
    if url is not None and password_command and holds_password(url):
        table.complain("is one password too many: the url holds one", "password_command")
    parameters: dict[str, str] = {}
    if mode := table.one_of("sslmode", SSL_MODES):
        parameters["sslmode"] = mode
    if certificate := table.text("sslrootcert"):
        parameters["sslrootcert"] = _path(certificate, directory)
    return _read(
        name,
        table,
        write=False,
        address=url if service is None else f"service={_quoted(service)}",
        parameters=parameters,
        password_command=password_command,
        pooler=Pooler(pooler) if (pooler := table.one_of("pooler", tuple(Pooler))) else None,
    )


def _read(
    name: str,
    table: Table,
    *,
    write: bool,
    address: str | None = None,
    parameters: dict[str, str] | None = None,
    password_command: tuple[str, ...] = (),
    pooler: Pooler | None = None,
) -> Profile:
    """With what every profile may say; `write` where it does not."""
    says_write = table.flag("write")
    return Profile(
        name=name,
        label=table.text("label") or name,
        color=table.converted_text("color", _color),
        act_as=table.text("as"),
        write=write if says_write is None else says_write,
        interval=table.seconds("interval", least=_SHORTEST_INTERVAL, most=_LONGEST_INTERVAL),
        statement_timeout=table.seconds("statement_timeout", least=_SHORTEST_TIMEOUT, most=_LONGEST_TIMEOUT),
        pooler=pooler,
        address=address,
        parameters=parameters or {},
        password_command=password_command,
    )


def _url(value: str) -> str:
    """Never repeated: it may hold a password."""
    scheme = _SCHEME.match(value)
    if scheme is None and "=" not in value:
        raise ValueError(f"is no address: {_EXAMPLE}")
    if scheme is not None and scheme[1] not in ("postgres", "postgresql"):
        raise ValueError(f"starts with {scheme[1]!r}, and only Postgres can be opened: {_EXAMPLE}")
    return value


def _color(value: str) -> str:
    if is_color(color := value.strip().lower()):
        return color
    if color.startswith("#"):
        raise ValueError("should be '#' and 3 or 6 hexadecimal digits, or a colour's name")
    raise ValueError(f"is no colour: {not_known(value, NAMES)}")


def _command(value: object) -> tuple[str, ...]:
    """A text is split as a shell would, and never run by one."""
    match value:
        case str():
            try:
                words = shlex.split(value)
            except ValueError:
                raise ValueError("has a quotation mark that is not closed") from None
        case list() if all(isinstance(word, str) for word in value):
            words = value
        case _:
            raise ValueError("should be a text, or a list of texts: a program and its arguments")
    if not words or not words[0].strip():
        raise ValueError("names no program")
    if any("\0" in word for word in words):
        raise ValueError("holds a NUL character")
    return tuple(words)


def _path(text: str, directory: Path) -> str:
    """`system` is libpq's word for the certificates of the machine. A home that is not there is left as it stands."""
    if text == "system":
        return text
    try:
        return str(directory / Path(text).expanduser())
    except RuntimeError:
        return text


def _quoted(value: str) -> str:
    """As libpq reads a value in `name=value` pairs."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
