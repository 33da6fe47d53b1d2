"""Writes rows to a file of JSON lines before `gjobs migrate remove` or a takeover."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import psycopg

from gjobs.migrations.connection import connect
from gjobs.migrations.status import known_status
from gjobs.store.errors import InvalidValue
from gjobs.store.system.private_files import make_directory

# removable.sql compares this state with the archive that is about to be dropped.
_STATE = """
select count(*),
       concat(count(*), ' ',
              sum(hashtextextended(id::text, (extract(epoch from archived_at) * 1000000)::bigint)::numeric))
  from gjobs.archived_jobs
"""
_ARCHIVED = "select to_jsonb(a)::text from gjobs.archived_jobs a order by a.created_at, a.id"
_OF_EARLIER_BUILD = " union all ".join(
    f"select jsonb_build_object('table', '{table}', 'row', to_jsonb(t))::text from gjobs.{table} t"  # noqa: S608
    for table in (
        "job_events", "archived_jobs", "budgets", "budget_spending", "budget_charges", "job_links",
        "retention_policies", "replaced",
    )
)  # fmt: skip
_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveExport:
    jobs: int
    """The number of jobs in the file. Without any, no file is written."""
    state: str
    """The removal checks that the archive still has this state."""


def export_archive(conninfo: Mapping[str, str | int], file: Path) -> ArchiveExport:
    """Write each archived job as a line of JSON to a new file that only its owner may read.

    Without an archive, there are no jobs. Raises InvalidValue if the file exists or can't be written. Raises
    NoPrivilege if row level security may hide jobs.
    """
    known_status(conninfo)
    with _reading(conninfo) as connection:
        exists = connection.execute("select to_regclass('gjobs.archived_jobs') is not null").fetchone()
        jobs, state = (connection.execute(_STATE).fetchone() if exists == (True,) else None) or (0, "")
        if jobs:
            _write(connection, _ARCHIVED, file)
    return ArchiveExport(jobs=jobs, state=state)


def export_earlier_build(conninfo: Mapping[str, str | int], directory: Path) -> Path:
    """Write what an earlier build keeps to a new file in the directory. Only its owner may read the file.

    Each line has a row, and the name of its table. Raises the errors of `export_archive`.
    """
    make_directory(directory)
    file = directory / f"gjobs-0013-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl"
    with _reading(conninfo) as connection:
        _write(connection, _OF_EARLIER_BUILD, file)
    return file


@contextmanager
def _reading(conninfo: Mapping[str, str | int]) -> Iterator[psycopg.Connection]:
    """Connect for one snapshot of all rows."""
    with connect(conninfo, read_only=True) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("set local row_security = off")
        connection.execute("set local statement_timeout = 0")
        yield connection


def _write(connection: psycopg.Connection, query: str, file: Path) -> None:
    with _new_file(file) as stream, connection.cursor("rows") as rows:
        rows.itersize = _ROWS_AT_ONCE
        for (row,) in rows.execute(query.encode()):
            stream.write(f"{row}\n")


@contextmanager
def _new_file(path: Path) -> Iterator[IO[str]]:
    """Open a new file. On success it is synced to disk; if the block fails, the file is deleted."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError as error:
        raise InvalidValue(
            "export_archive", f"The file {path} exists already.", hint="Choose a new file name."
        ) from error
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _not_written(path, error) from error
        raise


def _not_written(path: Path, error: OSError) -> InvalidValue:
    return InvalidValue("export_archive", f"Can't write {path}: {error.strerror}. Nothing was changed.")
