"""What an upgrade adds, and what to know before it, before new columns, or before a removal."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from gjobs.migrations.connection import connect, read_value
from gjobs.migrations.status import current_revision
from gjobs.store.capabilities.capability import EARLIER_BUILD, EVENT_MEGABYTES, LATER_COLUMNS
from gjobs.store.errors import command

SECONDS_A_MILLION = 10
"""The seconds that it takes to index and count a million jobs."""

_TABLE = "select from pg_catalog.pg_class where oid = pg_catalog.to_regclass('public.generation_jobs')"
_ROWS = "explain (format json) select from public.generation_jobs"
"""The planner's estimate. It follows the size of the table, also if nobody has analyzed it."""
_KINDS = {"table": "tables", "view": "views", "function": "functions"}

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
_PUBLISH_ALL = "select pubname from pg_catalog.pg_publication where puballtables order by pubname"
_IS_PRESENT = "select to_regclass('gjobs.' || %s) is not null"
_EVENTS_KEPT = "select count(*) from (select from gjobs.job_event_log limit %s) e"
_JOBS_ARCHIVED = "select count(*) from gjobs.archived_jobs"
_JOBS_WAITING = """
select count(*)
  from gjobs.job_leases l join public.generation_jobs j on j.id = l.job_id
 where j.status = 'running' and (l.owner is null or l.expires_at <= now())
"""
_BUDGETS_KEPT = "select count(*) from (select from gjobs.budgets limit %s) b"


def summarize(conninfo: Mapping[str, str | int], sql: str) -> list[str]:
    """Return sentences on the pending SQL of this database: objects, locks, expected time and cost."""
    with connect(conninfo, read_only=True) as connection:
        exists = connection.execute(_TABLE).fetchone() is not None
        ((plan,),) = connection.execute(_ROWS).fetchall() if exists else ((None,),)
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
            yield f"It does not add the columns {' and '.join(LATER_COLUMNS)}. {command('migrate columns')} does."
        yield (
            "The table is locked once, for an instant. Each try waits at most 0.2 s for the lock. The app can"
            " write while the index is built and the jobs are counted."
        )
        seconds = max(1, round(jobs / 1_000_000 * SECONDS_A_MILLION))
        yield (
            f"With about {jobs:,} jobs, this takes some {seconds} s. Afterwards each write of a job costs the server"
            f" about twice the CPU, and the events of 1,000 jobs take about {EVENT_MEGABYTES} MB."
        )
    yield f"{command('migrate sql')} prints all {len(sql.rstrip().splitlines()):,} lines of SQL."


def _counted(sql: str) -> Iterator[str]:
    for kind, plural in _KINDS.items():
        if number := len(re.findall(rf"^create {kind} gjobs\.", sql, re.MULTILINE)):
            yield f"{number} {plural if number > 1 else kind}"


def upgrade_warnings(conninfo: Mapping[str, str | int]) -> list[str]:
    """Return sentences on what an upgrade publishes, and what it gives back to the app."""
    with connect(conninfo, read_only=True) as connection:
        publications = ", ".join(row[0] for row in connection.execute(_PUBLISH_ALL))
        revision = current_revision(connection)
    sentences = []
    if publications and revision is None:
        sentences.append(
            f"All tables are published ({publications}), so those of gjobs will be, too. A subscriber without them"
            " stops replicating. First create the schema gjobs there, or publish your tables by name."
        )
    if revision != EARLIER_BUILD:
        return sentences
    return [
        *sentences,
        (
            "An earlier build of gjobs had replaced functions, policies and a view of the app. The upgrade"
            f" restores those of the app. Run {command('doctor')} afterwards: it prints SQL that repairs their faults."
        ),
        (
            "The upgrade restores the policies one by one. On a hosted server, each locks tables of auth for an"
            " instant. Choose a quiet hour, and stop the workers first."
        ),
    ]


def columns_warnings(conninfo: Mapping[str, str | int]) -> list[str]:
    """Return sentences on what may fail after new columns."""
    with connect(conninfo, read_only=True) as connection:
        names = [row[0] for row in connection.execute(_READ_ALL_COLUMNS.encode())]
    sentences = ["A prepared statement that reads all columns with * fails once in each session that has prepared it."]
    if names:
        noun, verb = ("function", "reads") if len(names) == 1 else ("functions", "read")
        sentences.append(
            f"The {noun} {', '.join(names)} {verb} all columns of generation_jobs with *."
            " If such a function returns or inserts a fixed list of columns, each call will fail."
            " To prevent that, first replace * with the column names."
        )
    return sentences


def removal_warnings(conninfo: Mapping[str, str | int], *, export_to: Path | None = None) -> list[str]:
    """Return sentences on what a removal loses. Archived jobs prevent it, unless they go to the file `export_to`."""
    with connect(conninfo, read_only=True) as connection:

        def counted(table: str, query: str, *parameters: object) -> int:
            """Return 0 if the table is missing. A removal is how to restore a schema that lacks one."""
            return read_value(connection, query, parameters) if read_value(connection, _IS_PRESENT, [table]) else 0

        events = counted("job_event_log", _EVENTS_KEPT, MOST_COUNTED)
        waiting = counted("job_leases", _JOBS_WAITING)
        budgets = counted("budgets", _BUDGETS_KEPT, MOST_COUNTED)
        archived = counted("archived_jobs", _JOBS_ARCHIVED) if export_to else 0
    sentences = []
    if events:
        lost = "1 event" if events == 1 else f"{events:,}{' or more' if events == MOST_COUNTED else ''} events"
        jobs = "" if archived else " No job will be lost."
        sentences.append(f"{lost} will be lost, along with the start times of the jobs.{jobs}")
    if archived:
        moved, them = ("1 archived job", "it") if archived == 1 else (f"{archived:,} archived jobs", "them")
        sentences.append(f"gjobs will write {moved} to {export_to}, then remove {them} from the database.")
    if waiting:
        sentences.append(
            "1 job waits for another attempt. It stays running, and no worker takes it over."
            if waiting == 1
            else f"{waiting:,} jobs wait for another attempt. They stay running, and no worker takes them over."
        )
    if budgets:
        lost = "1 budget" if budgets == 1 else f"{budgets:,} budgets"
        sentences.append(f"{lost} will be lost, along with the amounts spent. Nothing will limit the cost of jobs.")
    return sentences
