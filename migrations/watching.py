"""What a statement without a time limit is doing, told while it runs."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg

from migrations.connecting import connect
from migrations.run import Report
from store.errors import StoreError

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
def watching(conninfo: Mapping[str, str | int], link: psycopg.Connection, report: Report) -> Iterator[None]:
    """Inside, tells how far the index is that the link builds, and for whom the link waits. Quick work is not told."""
    row = link.execute("select pg_catalog.pg_backend_pid()").fetchone()
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
