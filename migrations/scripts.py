"""Runs the SQL files of revisions."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psycopg
from alembic import context, op
from sqlalchemy import Connection, TextClause, text

from gjobs.migrations.progress import Origin, Run, reporting_progress

MIGRATIONS = Path(__file__).parent
SQL = MIGRATIONS / "sql"

FIRST_TABLE = "select from pg_class where oid = to_regclass('gjobs.job_event_log')"
"""Finds one of the tables of gjobs, which are created together."""
_ANY_TABLE = """
select from pg_class
 where relnamespace = to_regnamespace('gjobs') and relkind = 'r' and relname <> 'alembic_version' limit 1
"""
FIRST_TRIGGER = (
    "select from pg_trigger where tgname = 'gjobs_created' and tgrelid = to_regclass('public.generation_jobs')"
)
"""Finds one of the triggers, which are created together."""
EARLIER_SCHEMA = "select from pg_namespace where nspname = 'gjobs_0013'"
"""Finds the schema in which a takeover keeps the data of the earlier build."""
GENERATES = r"\gexec"
"""psql's command: the preceding query returns statements, which are then run."""

LOCKED_SECONDS = """
select extract(epoch from clock_timestamp() - current_setting('gjobs.locked_at')::timestamptz)::double precision
"""
_OTHERS, _OTHERS_INDENT = "-- The others.", " " * 12
"""The line of `lock.sql` that is replaced by the locks of the other tables."""
_COUNT = "select gjobs.count_again()"
_OF_APP = {
    "-- The app's functions and policies.": ("app/functions", "app/policies"),
    "-- What keeps completed_at.": ("app/completed_at",),
}
"""The lines of `earlier_build.sql` that are replaced by scripts of revision 0001_app."""
_CONCURRENT = re.compile(r"(?P<verb>create|drop) index concurrently if (?:not )?exists (?:public\.)?(?P<name>\w+)")


def run_script(name: str) -> None:
    """Run the file `sql/<name>.sql` as one message, or print it if the run is offline."""
    op.execute(load(name))


def makes_tables() -> bool:
    """Return whether this run creates the app's tables."""
    return this_run().origin is Origin.NOTHING


def lock_tables(others: str | None = None) -> None:
    """Lock the jobs, and the tables that the file `others` locks, until the commit. Without others, only for new
    triggers: these need not wait for readers.
    """
    locks = "" if others is None else read(others).replace("\n", f"\n{_OTHERS_INDENT}") + ";"
    script = read("lock").replace(_OTHERS, locks)
    if others is None:
        script = script.replace("access exclusive", "share row exclusive")
    op.execute(_text(script))
    if not context.is_offline_mode():
        this_run().locked(seconds=op.get_bind().scalar(text(LOCKED_SECONDS)))


def commit() -> None:
    """Commit, so that no earlier locks are held while waiting for others.

    If the run creates the tables, nobody waits for them, and it stays one transaction.
    """
    if makes_tables():
        return
    with op.get_context().autocommit_block():
        this_run().committed()
    run_script("begin")


def is_missing(query: str) -> bool:
    """Return whether the query finds no row. Offline, `Run.present` has the queries that found one before."""
    if context.is_offline_mode():
        return query not in this_run().present
    return op.get_bind().execute(_text(query)).first() is None


def run_apart(*names: str) -> None:
    """Run each statement of the files by itself, outside a transaction and without time-outs, for concurrent index
    builds.

    The work before is committed, and the work after starts another transaction. If the run creates the tables, nobody
    waits for them, and everything stays in its transaction.
    """
    if makes_tables():
        for statement in _statements(*names):
            if not statement.endswith(GENERATES) and not _is_done(statement):
                op.execute(_text(statement.replace(" concurrently", "")))
        return
    with op.get_context().autocommit_block():
        this_run().committed()
        if context.is_offline_mode():
            _print(*names)
        else:
            _execute(*names)
    run_script("begin")


def run_earlier_build() -> None:
    """Give back what the earlier build replaced, but for the app's policies, which came back before."""
    script = read("earlier_build")
    for line, names in _OF_APP.items():
        of_app = ";\n\n".join(map(read, names))
        script = script.replace(line, f"execute $apps$\n{of_app}\n$apps$;")
    op.execute(_text(script))


def remove_objects() -> None:
    """Remove everything of gjobs but its index, even if some of it is missing."""
    if not is_missing(_ANY_TABLE):
        lock_tables("removed_tables")
        # Since the first check, a worker may have taken a job, or somebody may have archived one.
        run_script("removable")
        run_script("remove")
        this_run().step("Everything of gjobs but its index is removed.")


def count_jobs() -> None:
    """Count the jobs outside of our transaction, unless this run creates their table."""
    if makes_tables():
        op.execute(_COUNT)
    else:
        run_apart("count")


def _print(*names: str) -> None:
    for statement in _statements("apart/begin", *names, "apart/end"):
        end = "" if statement.endswith(GENERATES) else ";"
        op.get_context().impl.static_output(statement + end)


def _execute(*names: str) -> None:
    run = this_run()
    connection = driver_connection(op.get_bind())
    doing = "getting ready"
    try:
        # On the driver's connection: an interruption then cancels the statement, and the connection stays usable.
        with reporting_progress(run.conninfo, connection, run.report):
            for statement in _statements("apart/begin", *names, "apart/end"):
                if _is_done(statement):
                    continue
                doing = _describe(statement) or doing
                cursor = connection.execute(statement.removesuffix(GENERATES).encode())
                if statement.endswith(GENERATES):
                    for (generated,) in cursor.fetchall():
                        connection.execute(str(generated).encode())
                        run.has_changed = True
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            run.report(f"Stopped while {doing}. The finished steps are kept.")
        rebuilds = " It rebuilds an incomplete index." if doing.startswith("building") else ""
        run.report(f"Run the same command to continue.{rebuilds}")
        raise


def _describe(statement: str) -> str | None:
    """Report a long statement, and return what it does. Return None for other statements."""
    if found := _CONCURRENT.match(statement):
        doing = f"{'building' if found['verb'] == 'create' else 'dropping'} the index {found['name']}"
    elif statement == _COUNT:
        doing = "counting the jobs"
    else:
        return None
    this_run().report(f"{doing[:1].upper()}{doing[1:]}.")
    return doing


def this_run() -> Run:
    return cast("Run", context.config.attributes["run"])


def driver_connection(connection: Connection) -> psycopg.Connection:
    return cast("psycopg.Connection", connection.connection.dbapi_connection)


def load(name: str) -> TextClause:
    return _text(read(name))


def _text(script: str) -> TextClause:
    """Return the text as it is: its colons are SQL, never bound values."""
    return text(script.replace(":", r"\:"))


def read(name: str) -> str:
    """Return the file `sql/<name>.sql` without its last semicolon."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8").strip().removesuffix(";")


def _is_done(statement: str) -> bool:
    """Return whether the statement builds an index that exists, or drops one that does not. It is then skipped
    silently.
    """
    found = _CONCURRENT.match(statement)
    if context.is_offline_mode() or found is None:
        return False
    connection = driver_connection(op.get_bind())
    row = connection.execute("select to_regclass('public.' || %s) is not null", [found["name"]]).fetchone()
    return row == (found["verb"] == "create",)


def _statements(*names: str) -> Iterator[str]:
    """Yield the statements of files. Empty lines separate them; comments come before the first."""
    for name in names:
        for paragraph in read(name).split("\n\n"):
            lines = [line for line in paragraph.splitlines() if not line.startswith("--")]
            if lines:
                yield "\n".join(lines).removesuffix(";")
