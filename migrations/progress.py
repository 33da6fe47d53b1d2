"""A run's steps, and the progress of long statements."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto

import psycopg

from gjobs.migrations.connection import PROCESS, connect, read_value
from gjobs.store.errors import StoreError

Report = Callable[[str], None]
"""Receives sentences for the user."""


class Origin(Enum):
    """The state of the database at the start of a run."""

    NOTHING = auto()
    """No tables of the app. The run creates them all, and nobody uses them before it ends."""
    APP = auto()
    """The app's own tables, without any migration."""
    EARLIER_BUILD = auto()
    """The schema of an earlier build's last revision."""
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
        """Empty if SQL is only printed."""
        self.condition = condition
        """A script that runs first. It refuses early what would otherwise fail after a partial commit."""
        self.exported_archive = exported_archive
        """The state of the archive that a removal may drop. Empty if none was exported."""
        self.present: frozenset[str] = frozenset()
        """If SQL is only printed: the queries that found an object that an interrupted upgrade left."""
        self.origin = Origin.MIGRATED
        self.has_changed = False
        """Whether anything is committed."""
        self._steps: list[str] = []
        self._locked_since: float | None = None
        self._longest_lock: float | None = None
        """In seconds, over all attempts. None if there was no lock or it was reported already."""

    def begin(self, origin: Origin) -> None:
        """Start an attempt. Steps that an earlier attempt did not commit are forgotten."""
        self.origin = origin
        self._steps.clear()

    def step(self, sentence: str) -> None:
        """Note a step. It is reported when it is committed."""
        self._steps.append(sentence)

    def locked(self, *, seconds: float) -> None:
        """Record that the tables are locked until the commit, and have been for this many seconds."""
        if self.origin is not Origin.NOTHING:
            self._locked_since = time.monotonic() - seconds

    def released(self) -> None:
        """Record that the lock ended, by a commit or a failed attempt."""
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
    """Within the block, report the progress of an index build and the process that blocks it. Quick work is not
    reported.
    """
    pid, done = read_value(connection, PROCESS), threading.Event()
    watcher = threading.Thread(target=_watch, args=(conninfo, pid, report, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        # Without a free connection of the pooler, the thread would wait until this connection ends.
        watcher.join(PATIENCE_SECONDS)


def _watch(conninfo: Mapping[str, str | int], pid: int, report: Report, done: threading.Event) -> None:
    last: list[str] = []
    if done.wait(INTERVAL_SECONDS):
        return
    try:
        with connect(conninfo) as connection:
            # Its snapshots must end at once, because a concurrent index build waits for them.
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
        # The work continues without progress reports.
        return


def _progress(connection: psycopg.Connection, pid: int) -> Iterator[str]:
    for name, phase, percent in connection.execute(_PROGRESS, [pid]):
        yield f"{name or 'The index'}: {phase}{'' if percent is None else f', {percent:.0f} %'}."


def _waiting(connection: psycopg.Connection, pid: int) -> Iterator[str]:
    for blocker, user, application, state in connection.execute(_BLOCKERS, [pid]):
        who = ", ".join(str(part) for part in (user, application, state) if part)
        yield f"Waiting for the transaction of process {blocker} ({who or 'of another role'})."
