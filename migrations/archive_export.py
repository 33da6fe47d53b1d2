"""Writes the archive to a file before it is removed with everything of gjobs."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg

from gjobs.migrations.connection import connect, translate_migrating
from gjobs.migrations.status import known_status
from gjobs.store.errors import InvalidValue

# removable.sql compares this state with the archive that is about to be dropped.
_STATE = """
select count(*),
       concat(count(*), ' ',
              sum(hashtextextended(id::text, (extract(epoch from archived_at) * 1000000)::bigint)::numeric))
  from gjobs.archived_jobs
"""
_ROWS = "select to_jsonb(a)::text from gjobs.archived_jobs a order by a.created_at, a.id"
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
    with connect(conninfo) as connection:
        try:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute("set local row_security = off")
            connection.execute("set local statement_timeout = 0")
            exists = connection.execute("select to_regclass('gjobs.archived_jobs') is not null").fetchone()
            jobs, state = (connection.execute(_STATE).fetchone() if exists == (True,) else None) or (0, "")
            if jobs:
                with _new_file(file) as stream, connection.cursor("archive") as rows:
                    rows.itersize = _ROWS_AT_ONCE
                    for (row,) in rows.execute(_ROWS):
                        stream.write(f"{row}\n")
        except psycopg.Error as error:
            raise translate_migrating(error) from error
    return ArchiveExport(jobs=jobs, state=state)


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
    return InvalidValue("export_archive", f"Can't write {path}: {error.strerror}. Nothing was removed.")
