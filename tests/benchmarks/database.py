"""Migrated databases with generated jobs on a server that ends with the run."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Composed, Identifier

from gjobs.migrations.execution import upgrade_to
from gjobs.migrations.progress import Run, say_nothing
from gjobs.migrations.runner import upgrade
from gjobs.store.embedded.server import open_server
from gjobs.store.embedded.server_files import ADMINISTRATOR, OWNER, throw_away_dir
from gjobs.store.schema.schema_diff import APP_REVISION
from tests.benchmarks.generator import Owner, fill

Conninfo = Mapping[str, str | int]
"""Connection parameters of libpq by name."""

_MAKING_INDEXES = "-c maintenance_work_mem=512MB"

_KEYS_AND_INDEXES = """
select conname, pg_get_constraintdef(oid), true from pg_constraint
where conrelid = 'public.generation_jobs'::regclass and contype = 'p'
union all
select indexrelid::regclass::name, pg_get_indexdef(indexrelid), false from pg_index
where indrelid = 'public.generation_jobs'::regclass and not indisprimary"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledDatabase:
    conninfo: Conninfo
    """The login of the operator."""
    jobs: int
    owner: Owner
    """The user who owns a tenth of the jobs."""

    @property
    def url(self) -> str:
        """The address as a user would type it."""
        return _url(self.conninfo)

    def connect(self) -> closing[psycopg.Connection]:
        return closing(psycopg.connect(make_conninfo("", **self.conninfo), autocommit=True))


class Databases:
    """Databases by their number of jobs, each filled at the first use and kept for the rest of the run."""

    def __init__(self, data_dir: Path, server: Conninfo) -> None:
        self.data_dir = data_dir
        """The environment of commands that use this server."""
        self.server = server
        self._filled: dict[int, FilledDatabase] = {}
        self._numbers = count(1)

    def of(self, jobs: int) -> FilledDatabase:
        if jobs not in self._filled:
            conninfo = self._create(template="template1")
            upgrade_to(Run(say_nothing, conninfo), APP_REVISION)
            with without_indexes(conninfo):
                owner = fill(conninfo, jobs)
            upgrade({**conninfo, "options": _MAKING_INDEXES})
            self._filled[jobs] = filled = FilledDatabase(conninfo=conninfo, jobs=jobs, owner=owner)
            with filled.connect() as connection:
                connection.execute("vacuum (analyze)")
        return self._filled[jobs]

    @contextmanager
    def copy_of(self, filled: FilledDatabase) -> Iterator[FilledDatabase]:
        """Copy a database, which must have no connections. The copy may be changed."""
        with self._passing(template=str(filled.conninfo["dbname"])) as conninfo:
            yield FilledDatabase(conninfo=conninfo, jobs=filled.jobs, owner=filled.owner)

    @contextmanager
    def with_app_schema(self, jobs: int) -> Iterator[FilledDatabase]:
        """Create a database with the app's own schema only, as before any migration of gjobs."""
        with self._passing(template="template1") as conninfo:
            upgrade_to(Run(say_nothing, conninfo), APP_REVISION)
            filled = FilledDatabase(conninfo=conninfo, jobs=jobs, owner=fill(conninfo, jobs))
            with filled.connect() as connection:
                connection.execute("drop schema gjobs cascade")
                connection.execute("vacuum (analyze)")
            yield filled

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Create an empty database and return its URL."""
        with self._passing(template="template1") as conninfo:
            yield _url(conninfo)

    @contextmanager
    def _passing(self, *, template: str) -> Iterator[Conninfo]:
        conninfo = self._create(template=template)
        yield conninfo
        self._administer(SQL("drop database {} with (force)").format(Identifier(str(conninfo["dbname"]))))

    def _create(self, *, template: str) -> Conninfo:
        name = f"jobs_{next(self._numbers)}"
        statement = SQL("create database {} owner {} template {} strategy file_copy")
        self._administer(statement.format(Identifier(name), Identifier(OWNER), Identifier(template)))
        return {**self.server, "dbname": name}

    def _administer(self, statement: Composed) -> None:
        administrator = {**self.server, "user": ADMINISTRATOR, "dbname": "postgres"}
        with psycopg.connect(make_conninfo("", **administrator), autocommit=True) as connection:
            connection.execute(statement)


def _url(conninfo: Conninfo) -> str:
    socket = quote(str(conninfo["host"]), safe="/")
    return f"postgresql://{OWNER}@/{conninfo['dbname']}?host={socket}&port={conninfo['port']}"


@contextmanager
def open_databases(*, durable: bool = True, settings: Mapping[str, str] | None = None) -> Iterator[Databases]:
    """Start the server. Without durability it is faster than a real one."""
    data_dir, settings = throw_away_dir(), {**(settings or {}), **({} if durable else {"fsync": "off"})}
    with open_server(data_dir, settings=settings, grace=0.1, remove_after=True) as lease:
        yield Databases(data_dir, lease.conninfo)


@contextmanager
def without_indexes(conninfo: Conninfo) -> Iterator[None]:
    """Drop the indexes during the block. To build them afterwards is much faster for millions of rows."""
    jobs = SQL("public.generation_jobs")
    making = {**conninfo, "options": _MAKING_INDEXES}
    with psycopg.connect(make_conninfo("", **making), autocommit=True) as connection:
        dropped = connection.execute(_KEYS_AND_INDEXES).fetchall()
        for name, _, is_key in dropped:
            if is_key:
                connection.execute(SQL("alter table {} drop constraint {}").format(jobs, Identifier(name)))
            else:
                connection.execute(SQL("drop index public.{}").format(Identifier(name)))
        yield
        for name, definition, is_key in dropped:
            if is_key:
                add = SQL("alter table {} add constraint {} {}")
                connection.execute(add.format(jobs, Identifier(name), SQL(definition)))
            else:
                connection.execute(SQL(definition))
