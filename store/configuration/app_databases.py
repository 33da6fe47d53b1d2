"""Finds the databases that the files of an app name: Supabase's configuration, .env files and Docker Compose.

No file is executed, no connection is opened, and no value of a variable is reported. Environment variables are never
inserted into values, because an untrusted file could send them to another host.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path

from gjobs.store.configuration.app_folder import (
    LARGEST_VALUE,
    MOST_ENV_FILES,
    PORTS,
    SUPABASE_NAME,
    AppFolder,
    DatabaseAddress,
    Level,
    MissingVariable,
    UnusableAddress,
    UnusableFile,
    locate_app,
    read_url,
)
from gjobs.store.configuration.settings import APP_PREFIX, Configuration, Profile

VARIABLES = ("DATABASE_URL", "DIRECT_URL", "POSTGRES_URL", "SUPABASE_DB_URL")
MOST_DATABASES = 30
_IN_CONTAINERS = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman create in each container."""

_SUPABASE_PORT = 54322
_LOGIN = "postgres"
"""The defaults of the Supabase CLI. Its local login is no secret, and it cannot be configured."""
_REFERENCE = re.compile(r"(\\\$)|\$\{(\w+)(?::?-([^{}]*))?\}|\$([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDatabase:
    """A database that a file of the app names. Its representation never holds a password."""

    name: str
    """Such as `app:.env:DATABASE_URL`. The path is relative to the app's folder."""
    other_names: tuple[str, ...] = ()
    """Names from other files that lead to the same database."""
    label: str
    where: str
    """Host, port and database."""
    sources: tuple[str, ...]
    """Files, relative to the app's folder."""
    address: DatabaseAddress = field(repr=False)
    is_local: bool
    """Whether it is certainly on this machine. Other databases are read-only."""

    @property
    def description(self) -> str:
        return f"{self.label} at {self.where} from {' and '.join(self.sources)}"

    @property
    def profile(self) -> Profile:
        return Profile(
            name=self.name,
            label=self.label,
            write=self.is_local,
            pooler=self.address.pooler,
            address=self.address.uri,
            sources=self.sources,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDatabases:
    """What was found in the folder of an app."""

    folder: Path | None = None
    """The outermost folder of the app. None if no file may name a database."""
    databases: tuple[AppDatabase, ...] = ()
    """Those on this machine first."""
    problems: tuple[str, ...] = ()
    """Sentences about files and values that gjobs skipped. They hold no value."""

    def added_to(self, configuration: Configuration, name: str) -> Configuration:
        """Return the configuration with a profile for the named database. A configured profile of that name stays.

        If no found database has that name, add all found ones, so that an error can suggest a similar name.
        """
        found = {one.name: one.profile for one in self.databases}
        for database in self.databases:
            if name in (database.name, *database.other_names):
                found = {name: database.profile}
        return replace(configuration, profiles={**found, **configuration.profiles})


def find_app_databases(environment: Mapping[str, str], directory: Path | None = None) -> AppDatabases:
    """Find the databases. From `environment`, it uses only the variables that change libpq's target."""
    folder = locate_app(directory)
    return AppDatabases() if folder is None else _Finder(folder, environment).find()


class _Finder:
    def __init__(self, folder: AppFolder, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._problems: list[str] = []
        self._docker_hosts: set[str] = set()

    def find(self) -> AppDatabases:
        found = [one for level in self._folder.levels for one in self._level(level)]
        reachable = [one for one in found if not self._is_inside_docker(one)]
        databases = sorted(_merged(reachable), key=lambda database: not database.is_local)
        if further := databases[MOST_DATABASES:]:
            self._problems.append(f"{len(further)} further databases. gjobs lists at most {MOST_DATABASES}.")
        return AppDatabases(
            folder=self._folder.root,
            databases=tuple(databases[:MOST_DATABASES]),
            problems=tuple(dict.fromkeys(self._problems)),
        )

    def _database(
        self, name: str, label: str, source: str, address: DatabaseAddress, where: str | None = None
    ) -> AppDatabase:
        return AppDatabase(
            name=f"{APP_PREFIX}{name}",
            label=label,
            where=where or address.where(self._environment),
            sources=(source,),
            address=address,
            is_local=address.is_local(self._environment),
        )

    @contextmanager
    def _skipping(self, path: Path) -> Iterator[None]:
        """Report the file as a problem if the block can't use it."""
        try:
            yield
        except UnusableFile as error:
            self._problems.append(f"{self._folder.name_of(path)} {error}.")

    def _level(self, level: Level) -> list[AppDatabase]:
        found = list(self._supabase(level)) if level.has_supabase else []
        values: dict[str, str] = {}
        of_files: list[list[AppDatabase]] = []
        for name in level.env_names:
            path = level.directory / name
            with self._skipping(path):
                own = self._values(path, {} if name == ".env" else values)
                of_files.append(list(self._env(path, own)))
                if name == ".env":
                    values = own
        for databases in reversed(of_files):
            found += databases
        if level.unread_env_count:
            where = self._folder.name_of(level.directory)
            what = (
                f"{level.unread_env_count} further .env files in {'the folder of the app' if where == '.' else where}"
            )
            self._problems.append(f"{what}. gjobs reads at most {MOST_ENV_FILES} in each directory.")
        return [*found, *self._compose(level, values)]

    def _supabase(self, level: Level) -> Iterator[AppDatabase]:
        import tomllib

        path = level.directory / SUPABASE_NAME
        name = self._folder.name_of(path)
        document: dict[str, object] | None = None
        with self._skipping(path):
            try:
                document = tomllib.loads(self._folder.read(path))
            except (ValueError, RecursionError):
                raise UnusableFile("is not TOML") from None
        if document is None:
            return
        table = document.get("db")
        port = table.get("port", _SUPABASE_PORT) if isinstance(table, dict) else _SUPABASE_PORT
        if isinstance(port, str) and port.startswith("env("):
            self._problems.append(f"{name}: db.port uses an environment variable, which gjobs does not read.")
            return
        if type(port) is not int or port not in PORTS:
            self._problems.append(f"{name}: db.port is not a port.")
            return
        login = dict.fromkeys(("user", "password", "dbname"), _LOGIN)
        address = DatabaseAddress(parameters={"host": "127.0.0.1", "port": str(port), **login})
        folder = name.removesuffix("/config.toml")
        yield self._database(folder, "local Supabase", name, address, f"127.0.0.1:{port}")

    def _values(self, path: Path, outer: Mapping[str, str]) -> dict[str, str]:
        """Return the values that a .env file sets. Variables of this file and of `outer` are replaced.

        A value with any other variable is left out, and so is a long one. Raises UnusableFile.
        """
        from dotenv.parser import parse_stream

        known, own = dict(outer), dict[str, str]()
        bindings = list(parse_stream(StringIO(self._folder.read(path))))
        last_places = {binding.key: place for place, binding in enumerate(bindings)}
        for place, binding in enumerate(bindings):
            if binding.error and (variable := _variable_in(binding.original.string)):
                name = self._folder.name_of(path)
                self._problems.append(f"{name}: {variable} cannot be read. A quote may be missing.")
            if binding.key is None or binding.value is None:
                continue
            own.pop(binding.key, None)
            try:
                value = _expand(binding.value, known)
            except MissingVariable as error:
                if binding.key in VARIABLES:
                    name = self._folder.name_of(path)
                    # Libraries differ on such values: python-dotenv inserts nothing, and others insert the later value.
                    is_below = last_places.get(str(error), 0) > place
                    why = f"is defined below it. Move ${error} above it." if is_below else "no file defines."
                    self._problems.append(f"{name}: {binding.key} uses ${error}, which {why}")
            else:
                # Values that repeat others could grow without limit.
                if len(value) <= LARGEST_VALUE:
                    own[binding.key] = known[binding.key] = value
        return own

    def _env(self, path: Path, values: Mapping[str, str]) -> Iterator[AppDatabase]:
        source = self._folder.name_of(path)
        for variable in VARIABLES:
            if not (value := values.get(variable, "").strip()):
                continue
            try:
                address = read_url(value, folder=path.parent)
            except UnusableAddress as error:
                self._problems.append(f"{source}: {variable} {error}.")
            else:
                yield self._database(f"{source}:{variable}", variable, source, address)

    def _compose(self, level: Level, values: Mapping[str, str]) -> Iterator[AppDatabase]:
        if not level.compose_names:
            return
        from gjobs.store.configuration.compose_file import parse_compose, postgres_services, service_names

        files, sources = [], []
        for name in level.compose_names:
            path = level.directory / name
            with self._skipping(path):
                files.append(parse_compose(self._folder.read(path)))
                sources.append(self._folder.name_of(path))
        if not files:
            return
        source = sources[0]

        def read_env(name: str) -> Mapping[str, str]:
            path = level.directory / name
            return self._values(path, values) if path.exists() else {}

        self._docker_hosts |= service_names(files)
        for name, address in postgres_services(files, values, read_env):
            if isinstance(address, str):
                self._problems.append(f"{source}: the service {name} {address}.")
            else:
                yield self._database(f"{source}:{name}", f"service {name}", source, address)

    def _is_inside_docker(self, database: AppDatabase) -> bool:
        """Return whether the host is the name of a service, which only other containers can reach. If gjobs itself
        runs in a container, such as a development container, return False.
        """
        host = database.address.get("host")
        is_inside = host in self._docker_hosts and not any(map(os.path.exists, _IN_CONTAINERS))
        if is_inside:
            what = f"{database.sources[0]}: {database.label}"
            self._problems.append(f"{what} names a service of Docker Compose, which only containers can reach.")
        return is_inside


def _merged(found: list[AppDatabase]) -> list[AppDatabase]:
    """Join those for the same database and login. Those with different passwords are not joined, because it is
    unknown which password is right.
    """
    merged: list[AppDatabase] = []
    for one in found:
        for place, known in enumerate(merged):
            passwords = {one.address.get("password"), known.address.get("password")} - {""}
            if one.address.identity == known.address.identity and len(passwords) < 2:
                merged[place] = _joined(known, one)
                break
        else:
            merged.append(one)
    return merged


def _joined(known: AppDatabase, other: AppDatabase) -> AppDatabase:
    password = known.address.get("password") or other.address.get("password")
    pooler = known.address.pooler or other.address.pooler
    address = DatabaseAddress(parameters={**known.address.parameters, "password": password}, pooler=pooler)
    return replace(
        known,
        other_names=(*known.other_names, other.name),
        sources=tuple(dict.fromkeys((*known.sources, *other.sources))),
        address=address,
    )


def _variable_in(line: str) -> str | None:
    """Return the variable that a line of a .env file sets, if it may name a database."""
    name = line.partition("=")[0].strip().removeprefix("export ").strip()
    return name if name in VARIABLES else None


def _expand(text: str, values: Mapping[str, str]) -> str:
    """Replace variables as Next.js and Docker Compose do. `$NAME` stays if no file defines it: `$` is also a character
    of passwords. Raises MissingVariable for `${NAME}`.
    """

    def value(match: re.Match[str]) -> str:
        escaped, name, default, bare = match.groups()
        if escaped:
            return "$"
        if bare:
            return values.get(bare, match[0])
        if found := values.get(name, default):
            return found
        if default is not None or name in values:
            return default or ""
        raise MissingVariable(name)

    return _REFERENCE.sub(value, text) if len(text) <= LARGEST_VALUE else text
