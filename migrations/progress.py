"""A run's steps, and what long statements are doing."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto

import psycopg

from migrations.connection import connect
from store.errors import StoreError

Report = Callable[[str], None]
"""Receives sentences for people."""


class Origin(Enum):
    """What a run finds."""

    NOTHING = auto()
    """No table of the app: the run makes them all, and nobody uses them before it ends."""
    APP = auto()
    """The app's own tables, on which no migration has run."""
    MIGRATED = auto()


class Run:
    def __init__(
        self,
        report: Report,
        conninfo: Mapping[str, str | int] | None = None,
        *,
        condition: str | None = None,
        exported_archive: str = "",
    ) -> None:
        self.report = report
        self.conninfo = conninfo or {}
        """Empty where SQL is only printed."""
        self.condition = condition
        """A script that is executed first: it refuses what would be refused in the end, after a part is committed."""
        self.exported_archive = exported_archive
        """The state of the archive that a downgrade may drop; empty if none was exported."""
        self.origin = Origin.MIGRATED
        self.has_changed = False
        """Whether anything is committed."""
        self._steps: list[str] = []
        self._locked_since: float | None = None
        self._longest_lock: float | None = None
        """In seconds, over all attempts; None where there was none, or it was told."""

    def begin(self, origin: Origin) -> None:
        """What an attempt before this one did and could not commit is forgotten."""
        self.origin = origin
        self._steps.clear()

    def step(self, sentence: str) -> None:
        """It is told when it is committed."""
        self._steps.append(sentence)

    def locked(self, *, seconds: float) -> None:
        """To the commit nobody else reads or writes the tables, as nobody did for so many seconds."""
        if self.origin is not Origin.NOTHING:
            self._locked_since = time.monotonic() - seconds

    def released(self) -> None:
        """By a commit, or because the attempt failed."""
        if self._locked_since is not None:
            self._longest_lock = max(self._longest_lock or 0.0, time.monotonic() - self._locked_since)
            self._locked_since = None

    def committed(self) -> None:
        self.released()
        self.has_changed = self.has_changed or bool(self._steps)
        for sentence in self._steps:
            self.report(sentence)
        self._steps.clear()
        if self._longest_lock is not None:
            self.report(f"The app's tables were locked for {self._longest_lock * 1000:.0f} ms.")
            self._longest_lock = None


def say_nothing(_: str) -> None:
    pass


INTERVAL_SECONDS = 0.5
PATIENCE_SECONDS = 2.0

_PROGRESS = """
select c.relname, p.phase,
       floor(10.0 * case when p.phase like 'waiting%%' then null
                         when p.tuples_total > 0 then p.tuples_done::numeric / p.tuples_total
                         when p.blocks_total > 0 then p.blocks_done::numeric / p.blocks_total end) * 10
  from pg_catalog.pg_stat_progress_create_index p left join pg_catalog.pg_class c on c.oid = p.index_relid
 where p.pid = %s
"""
_BLOCKERS = """
select a.pid, a.usename, nullif(a.application_name, ''), a.state
  from pg_catalog.pg_stat_activity a where a.pid = any (pg_catalog.pg_blocking_pids(%s)) order by a.xact_start, a.pid
"""


@contextmanager
def reporting_progress(
    conninfo: Mapping[str, str | int], connection: psycopg.Connection, report: Report
) -> Iterator[None]:
    """Inside, tells how far the index is that the link builds, and for whom the link waits. Quick work is not told."""
    row = connection.execute("select pg_catalog.pg_backend_pid()").fetchone()
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(conninfo, row and row[0], report, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        # Where a pooler has no connection left for it, it would wait until this one's link ends.
        watcher.join(PATIENCE_SECONDS)


def _watch(conninfo: Mapping[str, str | int], pid: int, report: Report, done: threading.Event) -> None:
    last: list[str] = []
    if done.wait(INTERVAL_SECONDS):
        return
    try:
        with connect(conninfo) as connection:
            # Its snapshots have to end at once: a concurrent build waits for them.
            connection.autocommit = True
            while True:
                said = [*_progress(connection, pid), *_waiting(connection, pid)]
                for sentence in said:
                    if sentence not in last:
                        report(sentence)
                last = said
                if done.wait(INTERVAL_SECONDS):
                    return
    except (psycopg.Error, StoreError):
        # The work goes on without an account of it.
        return


def _progress(connection: psycopg.Connection, pid: int) -> Iterator[str]:
    for name, phase, percent in connection.execute(_PROGRESS, [pid]):
        yield f"{name or 'The index'}: {phase}{'' if percent is None else f', {percent:.0f} %'}."


def _waiting(connection: psycopg.Connection, pid: int) -> Iterator[str]:
    for blocker, user, application, state in connection.execute(_BLOCKERS, [pid]):
        who = ", ".join(str(part) for part in (user, application, state) if part)
        yield f"Waiting for the transaction of process {blocker} ({who or 'of another role'})."
