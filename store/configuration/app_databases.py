"""Finds the databases that the files of an app name: Supabase's configuration, .env files and Docker Compose.

No file is executed, no connection is opened, and no value of a variable is reported. Environment variables are never
inserted into values, because an untrusted file could send them to another host.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

from gjobs.store.configuration.app_folder import (
    LARGEST_VALUE,
    MOST_ENV_FILES,
    PORTS,
    SUPABASE_NAME,
    AppFolder,
    Level,
    MissingVariable,
    Unusable,
    identity,
    is_local,
    locate_app,
    read_url,
    shown_place,
    unnamed_profile,
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

    profile: Profile
    """Its name is such as `app:.env:DATABASE_URL`. Paths are relative to the app's folder."""
    other_names: tuple[str, ...] = ()
    """Names from other files that lead to the same database."""
    where: str
    """Host, port and database."""

    @property
    def is_local(self) -> bool:
        """Whether it is certainly on this machine. Other databases are read-only."""
        return self.profile.write

    @property
    def description(self) -> str:
        return f"{self.profile.label} at {self.where} from {' and '.join(self.profile.sources)}"

    @property
    def identity(self) -> tuple[str, ...]:
        """Equal for the same database and login."""
        return identity(self.profile.parameters)


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
        found = {one.profile.name: one.profile for one in self.databases}
        for database in self.databases:
            if name in (database.profile.name, *database.other_names):
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

    def _database(self, name: str, label: str, source: str, profile: Profile, where: str | None = None) -> AppDatabase:
        parameters = profile.parameters
        return AppDatabase(
            profile=replace(
                profile,
                name=f"{APP_PREFIX}{name}",
                label=label,
                write=is_local(parameters, self._environment),
                sources=(source,),
            ),
            where=where or shown_place(parameters, self._environment),
        )

    @contextmanager
    def _skipping(self, name: str) -> Iterator[None]:
        """Report the file or address as a problem if the block can't use it."""
        try:
            yield
        except Unusable as error:
            self._problems.append(f"{name} {error}.")

    def _level(self, level: Level) -> list[AppDatabase]:
        local: list[AppDatabase] = []
        if level.has_supabase:
            path = level.directory / SUPABASE_NAME
            with self._skipping(self._folder.name_of(path)):
                local += self._supabase(path)
        values: dict[str, str] = {}
        found: list[AppDatabase] = []
        for name in level.env_names:
            path = level.directory / name
            with self._skipping(self._folder.name_of(path)):
                own = self._values(path, values)
                found = [*self._env(path, own), *found]
                if name == ".env":
                    values = own
        if level.unread_env_count:
            where = self._folder.name_of(level.directory)
            what = (
                f"{level.unread_env_count} further .env files in {'the folder of the app' if where == '.' else where}"
            )
            self._problems.append(f"{what}. gjobs reads at most {MOST_ENV_FILES} in each directory.")
        return [*local, *found, *self._compose(level, values)]

    def _supabase(self, path: Path) -> Iterator[AppDatabase]:
        import tomllib

        try:
            document = tomllib.loads(self._folder.read(path))
        except (ValueError, RecursionError):
            raise Unusable("is not TOML") from None
        name, table = self._folder.name_of(path), document.get("db")
        port = table.get("port", _SUPABASE_PORT) if isinstance(table, dict) else _SUPABASE_PORT
        if isinstance(port, str) and port.startswith("env("):
            self._problems.append(f"{name}: db.port uses an environment variable, which gjobs does not read.")
        elif type(port) is not int or port not in PORTS:
            self._problems.append(f"{name}: db.port is not a port.")
        else:
            login = dict.fromkeys(("user", "password", "dbname"), _LOGIN)
            profile = unnamed_profile({"host": "127.0.0.1", "port": str(port), **login})
            yield self._database(
                name.removesuffix("/config.toml"), "local Supabase", name, profile, f"127.0.0.1:{port}"
            )

    def _values(self, path: Path, outer: Mapping[str, str]) -> dict[str, str]:
        """Return the values that a .env file sets. Variables of this file and of `outer` are replaced.

        A value with any other variable is left out, and so is a long one. Raises Unusable.
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
            if value := values.get(variable, "").strip():
                with self._skipping(f"{source}: {variable}"):
                    profile = read_url(value, folder=path.parent)
                    yield self._database(f"{source}:{variable}", variable, source, profile)

    def _compose(self, level: Level, values: Mapping[str, str]) -> Iterator[AppDatabase]:
        if not level.compose_names:
            return
        from gjobs.store.configuration.compose_file import parse_compose, postgres_services, service_names

        files, sources = [], []
        for name in level.compose_names:
            path = level.directory / name
            with self._skipping(self._folder.name_of(path)):
                files.append(parse_compose(self._folder.read(path)))
                sources.append(self._folder.name_of(path))
        if not files:
            return
        source = sources[0]

        def read_env(name: str) -> Mapping[str, str]:
            path = level.directory / name
            return self._values(path, values) if path.exists() else {}

        self._docker_hosts |= service_names(files)
        for name, profile in postgres_services(files, values, read_env):
            if isinstance(profile, str):
                self._problems.append(f"{source}: the service {name} {profile}.")
            else:
                yield self._database(f"{source}:{name}", f"service {name}", source, profile)

    def _is_inside_docker(self, database: AppDatabase) -> bool:
        """Return whether the host is the name of a service, which only other containers can reach. If gjobs itself
        runs in a container, such as a development container, return False.
        """
        profile = database.profile
        host = profile.parameters.get("host")
        is_inside = host in self._docker_hosts and not any(map(os.path.exists, _IN_CONTAINERS))
        if is_inside:
            what = f"{profile.sources[0]}: {profile.label}"
            self._problems.append(f"{what} names a service of Docker Compose, which only containers can reach.")
        return is_inside


def _merged(found: list[AppDatabase]) -> list[AppDatabase]:
    """Join those for the same database and login. Those with different passwords are not joined, because it is
    unknown which password is right.
    """
    merged: list[AppDatabase] = []
    for one in found:
        for place, known in enumerate(merged):
            passwords = {one.profile.parameters.get("password"), known.profile.parameters.get("password")} - {None}
            if one.identity == known.identity and len(passwords) < 2:
                merged[place] = _joined(known, one)
                break
        else:
            merged.append(one)
    return merged


def _joined(known: AppDatabase, other: AppDatabase) -> AppDatabase:
    first, second = known.profile, other.profile
    password = {name: value for name, value in second.parameters.items() if name == "password"}
    profile = replace(
        first,
        sources=tuple(dict.fromkeys((*first.sources, *second.sources))),
        parameters={**password, **first.parameters},
        pooler=first.pooler or second.pooler,
    )
    return replace(known, profile=profile, other_names=(*known.other_names, second.name))


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
