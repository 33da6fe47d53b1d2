"""What an upgrade adds, in a few lines, for a person who decides about it."""

import re
from collections.abc import Iterator, Mapping

import psycopg

from gjobs.migrations.connection import connect, translate_migrating
from gjobs.store.errors import command

SECONDS_A_MILLION = 10
"""The seconds for an index entry and the count of each of a million jobs."""

_TABLE = "select from pg_catalog.pg_class where oid = pg_catalog.to_regclass('public.generation_jobs')"
_ROWS = "explain (format json) select from public.generation_jobs"
"""The planner's estimate. It follows the size of the table, also if nobody has analyzed it."""
_KINDS = {"table": "tables", "view": "views", "function": "functions"}


def summarize(conninfo: Mapping[str, str | int], sql: str) -> list[str]:
    """Return sentences on the pending SQL of this database: objects, locks, expected time and cost."""
    with connect(conninfo) as connection:
        try:
            connection.read_only = True
            exists = connection.execute(_TABLE).fetchone() is not None
            ((plan,),) = connection.execute(_ROWS).fetchall() if exists else ((None,),)
        except psycopg.Error as error:
            raise translate_migrating(error) from error
    return list(_sentences(sql, jobs=plan and int(plan[0]["Plan"]["Plan Rows"])))


def _sentences(sql: str, *, jobs: int | None) -> Iterator[str]:
    if ours := ", ".join(_counted(sql)):
        definer = len(re.findall(r"\bvolatile security definer\b", sql))
        yield f"In the schema gjobs: {ours}. {definer} functions run with the rights of their owner."
    if jobs is None:
        yield "The app's tables do not exist: this creates them, as the specification describes them."
    elif triggers := re.findall(r"create trigger (\w+) \w+ [\w ]+ on public\.generation_jobs", sql):
        yield f"On the app's table generation_jobs: the triggers {', '.join(triggers)}, and the index gjobs_queue."
        if "gjobs_0013" not in sql:
            undone = f"{command('migrate remove')} undoes everything."
            yield f"No policy, function, view or index of the app is changed. {undone}"
            yield f"The columns retry_count and completed_at are a choice of their own: {command('migrate columns')}."
        yield (
            "The table is locked once, for an instant. Each try waits at most 0.2 s for the lock. The app writes"
            " while the index is built and the jobs are counted."
        )
        seconds = max(1, round(jobs / 1_000_000 * SECONDS_A_MILLION))
        yield (
            f"With about {jobs:,} jobs, this takes some {seconds} s. Afterwards each write of a job costs the server"
            " about twice the CPU, and the events of 1,000 jobs take about 0.7 MB."
        )
    yield f"{command('migrate sql')} prints all {sql.count(chr(10)):,} lines of SQL."


def _counted(sql: str) -> Iterator[str]:
    for kind, plural in _KINDS.items():
        if number := len(re.findall(rf"^create {kind} gjobs\.", sql, re.MULTILINE)):
            yield f"{number} {plural if number > 1 else kind}"
