"""What to know before an upgrade, before new columns, or before a removal."""

from collections.abc import Iterator, Mapping

import psycopg

from gjobs.migrations.connection import connect, translate_migrating
from gjobs.migrations.status import current_revision
from gjobs.store.capabilities.capability import EARLIER_BUILD
from gjobs.store.errors import command

MOST_COUNTED = 1_000_000

# With two more columns, `select *` returns other rows than the function declares, or inserts values into wrong columns.
_READ_ALL_COLUMNS = """
select p.oid::regprocedure::text
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
 where n.nspname not in ('pg_catalog', 'information_schema', 'gjobs')
   and l.lanname in ('sql', 'plpgsql')
   and p.prosrc ~* '[[:<:]]generation_jobs[[:>:]]'
   and regexp_replace(p.prosrc, 'count[[:space:]]*[(][[:space:]]*[*][[:space:]]*[)]', '', 'gi')
       ~* '(select|returning)[[:space:]][^;]*[*]'
   and p.prorettype is distinct from (select typrelid.reltype from pg_catalog.pg_class typrelid
                                       where typrelid.oid = pg_catalog.to_regclass('public.generation_jobs'))
 order by 1
"""
_LOSSES = "select to_regclass('gjobs.job_event_log') is not null"
_EVENTS_KEPT = "select count(*) from (select from gjobs.job_event_log limit %s) e"
_BUDGETS_KEPT = "select count(*) from (select from gjobs.budgets limit %s) b"


def upgrade_warnings(conninfo: Mapping[str, str | int]) -> list[str]:
    """Return sentences on what an upgrade gives back to the app."""
    with connect(conninfo) as connection:
        try:
            connection.read_only = True
            return list(_given_back()) if current_revision(connection) == EARLIER_BUILD else []
        except psycopg.Error as error:
            raise translate_migrating(error) from error


def columns_warnings(conninfo: Mapping[str, str | int]) -> list[str]:
    """Return sentences on what may fail after new columns."""
    with connect(conninfo) as connection:
        try:
            connection.read_only = True
            return list(_broken_functions(connection))
        except psycopg.Error as error:
            raise translate_migrating(error) from error


def _given_back() -> Iterator[str]:
    yield (
        "An earlier build of gjobs had replaced functions, policies and a view of the app. Those of the app come back."
        f" Run {command('doctor')} afterwards: it prints SQL that repairs their faults."
    )
    yield (
        "The policies come back one by one. On a hosted server, each locks tables of auth for an instant."
        " Choose a quiet hour, and stop the workers first."
    )


def _broken_functions(connection: psycopg.Connection) -> Iterator[str]:
    yield "A prepared statement that reads all columns with * fails once in each session that has prepared it."
    names = [row[0] for row in connection.execute(_READ_ALL_COLUMNS.encode())]
    if names:
        noun, verb = ("function", "reads") if len(names) == 1 else ("functions", "read")
        yield (
            f"The {noun} {', '.join(names)} {verb} all columns of generation_jobs with *."
            " If such a function returns or inserts a fixed list of columns, each call will fail."
            " To prevent that, first replace * with the column names."
        )


def removal_warnings(conninfo: Mapping[str, str | int]) -> list[str]:
    """Return sentences on what a removal loses."""
    with connect(conninfo) as connection:
        try:
            connection.read_only = True
            if connection.execute(_LOSSES).fetchone() != (True,):
                return []
            events, budgets = (_count(connection, query) for query in (_EVENTS_KEPT, _BUDGETS_KEPT))
        except psycopg.Error as error:
            raise translate_migrating(error) from error
    return [*_lost_events(events), *_lost_budgets(budgets)]


def _count(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode(), [MOST_COUNTED]).fetchone()
    return int(row[0]) if row else 0


def _lost_events(number: int) -> Iterator[str]:
    if number:
        events = "1 event" if number == 1 else f"{number:,}{' or more' if number == MOST_COUNTED else ''} events"
        yield (f"{events} will be lost, along with the start times of the jobs. No job will be lost.")


def _lost_budgets(number: int) -> Iterator[str]:
    if number:
        budgets = "1 budget" if number == 1 else f"{number:,} budgets"
        yield f"{budgets} will be lost, along with the amounts spent. Nothing will limit the cost of jobs."
