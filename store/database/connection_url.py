"""Convert a connection URL to libpq parameters, and get passwords from a command or a file."""

import asyncio
import os
import re
import shlex
import signal
import stat
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from urllib.parse import quote, urlencode

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from gjobs.store.configuration.settings import APP_VARIABLE, Profile
from gjobs.store.errors import InvalidValue, SignInRefused, StoreError
from gjobs.store.values.formats import shown_host

_USUAL_PORTS = ("", "5432")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_KNOWN_SCHEMES = ("http", "https", "mariadb", "mongodb", "mssql", "mysql", "oracle", "postgresql", "redis", "sqlite")
"""A driver may follow the name, as in postgresql+asyncpg."""


def parameters(profile: Profile) -> dict[str, str | int]:
    """Return libpq's parameters for a database with an address, without a password command's password.

    Raises InvalidValue, as `parse` does.
    """
    hint = None
    if profile.variable == APP_VARIABLE:
        hint = f"Unset {APP_VARIABLE} for gjobs, or choose another database, such as --profile embedded."
    parsed = parse(profile.address or "", named=f"The address in {profile.origin}", hint=hint)
    return {**parsed, **profile.parameters}


def _beginning(scheme: str) -> str:
    """Describe a wrong scheme. An unknown scheme is not repeated, as it may be part of a password."""
    if scheme.partition("+")[0].lower() in _KNOWN_SCHEMES:
        return f"starts with {scheme!r}"
    return "does not start with postgresql://"


def parse(url: str, *, named: str = "The database URL", hint: str | None = None) -> dict[str, str | int]:
    """Return libpq's parameters for a URL.

    Raises InvalidValue. The error's message starts with `named` and never repeats the URL, which may hold a password.
    `hint` replaces the default hint.
    """
    scheme = _SCHEME.match(url)
    if scheme is not None and scheme[1] not in ("postgres", "postgresql"):
        raise InvalidValue(
            "database_url",
            f"{named} {_beginning(scheme[1])}; only Postgres can be opened.",
            hint=hint or "Use postgresql://USER@HOST/DATABASE.",
        )
    # libpq stops reading at a NUL.
    if "\0" in url or (scheme is not None and _is_ambiguous(url[scheme.end() :])):
        raise _unreadable(named, hint)
    try:
        parameters = conninfo_to_dict(url)
    except (ProgrammingError, UnicodeError):
        raise _unreadable(named, hint) from None
    if not re.fullmatch(r"[0-9,]*", str(parameters.get("port") or "")):
        # A malformed port may be part of a password.
        raise _unreadable(named, hint)
    return {name: value for name, value in parameters.items() if value is not None}


def without_password(url: str) -> str:
    """Return the URL of the same database without passwords. Raises InvalidValue, as `parse` does."""
    values = {name: str(value) for name, value in parse(url).items() if not name.endswith("password")}
    user, database, host, port = (values.pop(name, "") for name in ("user", "dbname", "host", "port"))
    if not re.fullmatch(r"[\w.-]+", host) or not re.fullmatch(r"[0-9]*", port):
        # A socket, an IPv6 address or several hosts.
        values = {name: value for name, value in (("host", host), ("port", port)) if value} | values
        host = port = ""
    place = f"{quote(user, safe='')}@" if user else ""
    place += f"{host}:{port}" if port else host
    query = f"?{urlencode(values, quote_via=quote, safe='/')}" if values else ""
    return f"postgresql://{place}/{quote(database, safe='')}{query}"


def label(parameters: Mapping[str, str | int], environment: Mapping[str, str] = os.environ) -> str:
    """Return the name of the database for the screen, never with a password.

    Includes values that libpq takes from the environment.
    """
    given = [parameters.get(name) for name in ("host", "hostaddr", "service")]
    inherited = [environment.get(name) for name in ("PGSERVICE", "PGHOST", "PGHOSTADDR")]
    host = next((str(value) for value in (*given, *inherited) if value), "local")
    has_port = any(given[:2]) and parameters.get("user")
    host = _with_ports(host, str(parameters.get("port") or environment.get("PGPORT") or "") if has_port else "")
    database = parameters.get("dbname") or environment.get("PGDATABASE")
    return f"{host}/{database}" if database else host


def shown_address(profile: Profile) -> str:
    """Return the label of a database with an address. It never fails."""
    try:
        return label(parameters(profile))
    except InvalidValue:
        return "an invalid address"


def _with_ports(hosts: str, ports: str) -> str:
    """Add each port that is not Postgres' default one. Often only the port differs between pooler and server.

    Without a user in the address, `ports` must be empty: the port may be part of a password.
    """
    names, numbers = hosts.split(","), ports.split(",")
    if len(numbers) == 1:
        numbers *= len(names)
    pairs = zip_longest(names, numbers[: len(names)], fillvalue="")
    return ",".join(
        shown_host(name) if number in _USUAL_PORTS or name.startswith("/") else f"{shown_host(name)}:{number}"
        for name, number in pairs
    )


def _is_ambiguous(rest: str) -> bool:
    """Return whether libpq could take a part of the password for a host, port or database.

    This happens if the password has an unescaped `@`, `/` or `?`.
    """
    credentials, at, _ = rest.partition("/")[0].partition("@")
    place = rest[len(credentials) + 1 :] if at else rest
    return bool(at and "?" in credentials) or "@" in place.partition("?")[0]


def _unreadable(named: str, hint: str | None) -> InvalidValue:
    return InvalidValue(
        "database_url",
        f"{named} cannot be read.",
        hint=hint or "Use postgresql://USER@HOST:PORT/DATABASE, with special characters percent-encoded.",
    )


TIME_LIMIT = 30.0
"""Seconds. The user may have to touch a fingerprint sensor."""

_LONGEST = 65_536
"""Maximum length of a password, in bytes."""
_HINT = "Run it in a shell to see why. gjobs doesn't show its output. It must not prompt on the terminal."


class PasswordCommand:
    """Runs a program to get the password, and keeps the password until `forget` is called.

    The program runs without a shell. It has no access to the terminal, which the dashboard may use. No message includes
    its output.
    """

    def __init__(self, words: Sequence[str], *, limit: float = TIME_LIMIT) -> None:
        self._words = tuple(words)
        self._limit = limit
        self._password: str | None = None
        self._asking = asyncio.Lock()

    def copy(self) -> "PasswordCommand":
        """Return a copy for another event loop, with the password if it is known."""
        copied = PasswordCommand(self._words, limit=self._limit)
        copied._password = self._password
        return copied

    @property
    def is_known(self) -> bool:
        """Whether `get` returns without running the program."""
        return self._password is not None

    def forget(self) -> None:
        self._password = None

    async def get(self) -> str:
        """Return the first line of the program's output.

        Raises SignInRefused, because an automatic retry would change nothing.
        """
        async with self._asking:
            if self._password is None:
                self._password = await self._run()
            return self._password

    async def _run(self) -> str:
        try:
            process, output = await asyncio.get_running_loop().subprocess_exec(
                _Output, *self._words, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, start_new_session=True
            )
        except OSError as error:
            raise self._refusal(f"cannot be run: {error.strerror}") from None
        try:
            async with asyncio.timeout(self._limit):
                line = await output.first_line
                await output.exited.wait()
        except TimeoutError:
            raise self._refusal(f"did not answer within {self._limit:g} s") from None
        except ValueError:
            raise self._refusal("printed too long a line") from None
        finally:
            await _end(process, output)
        code = process.get_returncode() or 0
        if code != 0:
            raise self._refusal(f"failed: it ended with {code}" if code > 0 else f"was ended by the signal {-code}")
        return self._checked(line)

    def _checked(self, line: bytes) -> str:
        try:
            password = line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise self._refusal("printed text that is not UTF-8") from None
        if not password or "\0" in password:
            raise self._refusal("printed no password on its first line")
        return password

    def _refusal(self, clause: str) -> SignInRefused:
        """Name the program only. Its arguments may be secrets."""
        return SignInRefused(f"The password command {self._words[0]!r} {clause}.", hint=_HINT)


class _Output(asyncio.SubprocessProtocol):
    """Reads all output, so that the program never waits for a reader.

    Only the program's own exit counts. Output of its children is not awaited.
    """

    def __init__(self) -> None:
        self.first_line: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        """The line without its newline. Fails with ValueError if the line is too long."""
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self._begun = b""

    def pipe_data_received(self, _: int, data: bytes) -> None:
        if self.first_line.done():
            return
        self._begun += data
        line, newline, _rest = self._begun.partition(b"\n")
        if len(line) > _LONGEST:
            self.first_line.set_exception(ValueError("too long"))
        elif newline:
            self.first_line.set_result(line)

    def pipe_connection_lost(self, *_: object) -> None:
        if not self.first_line.done():
            self.first_line.set_result(self._begun)

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, _: Exception | None) -> None:
        self.closed.set()


async def _end(process: asyncio.SubprocessTransport, output: _Output) -> None:
    """Clean up after the program. Kill it and its children if it is still running."""
    try:
        if process.get_returncode() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.get_pid(), signal.SIGKILL)
            await output.exited.wait()
    finally:
        process.close()
    await output.closed.wait()


_NOWHERE = "/dev/null"
"""Not a directory, so no path below it exists."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def quiet_password_file(conninfo: Mapping[str, str | int]) -> dict[str, str | int]:
    """Return the parameter that stops libpq's warning about the password file, or none if it would not warn."""
    try:
        path = Path(str(conninfo.get("passfile") or os.environ.get("PGPASSFILE") or Path.home() / ".pgpass"))
        mode = path.stat().st_mode
    except (OSError, RuntimeError, ValueError):
        return {}
    if stat.S_ISREG(mode) and not mode & _OTHERS:
        return {}
    return {"passfile": f"{_NOWHERE}{path.absolute()}"}


def warn_about_password_file(failure: StoreError, parameters: Mapping[str, str | int]) -> None:
    """Set the hint if a password was missing and the password file was skipped for its permissions."""
    file = str(parameters.get("passfile", ""))
    if file.startswith(_NOWHERE) and isinstance(failure, SignInRefused) and "no password" in failure.message:
        path = file.removeprefix(_NOWHERE)
        failure.hint = f"Other users can read {path}, so libpq ignores it. Run chmod 600 {shlex.quote(path)}"


def password_command(profile: Profile) -> PasswordCommand | None:
    """Return the password command, or None if the password comes from elsewhere."""
    return PasswordCommand(profile.password_command) if profile.password_command else None
