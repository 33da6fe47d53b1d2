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

FIRST_TABLE = "select from pg_class where oid = to_regclass('gjobs.replaced')"
"""Finds the first table of gjobs. It exists as long as any other object in the schema."""
FIRST_TRIGGER = (
    "select from pg_trigger where tgname = 'gjobs_count_inserted' and tgrelid = to_regclass('public.generation_jobs')"
)
"""Finds one of the triggers, which are created together."""
GENERATES = r"\gexec"
"""psql's command: the preceding query returns statements, which are then run."""

_LOCKED_SECONDS = """
select extract(epoch from clock_timestamp() - current_setting('gjobs.locked_at')::timestamptz)::double precision
"""
_OTHERS, _OTHERS_INDENT = "-- The others.", " " * 12
"""The line of `lock.sql` that is replaced by the locks of the other tables."""
_COUNTS = {
    "select gjobs.recount_jobs()": "the jobs",
    "select gjobs.recount_waste()": "the failed jobs and retries",
}
_APPS = "-- The app's functions and policies."
"""The line of `earlier_build.sql` that is replaced by the scripts of revision 0001_app."""
_CONCURRENT = re.compile(r"(?P<verb>create|drop) index concurrently if (?:not )?exists (?:public\.)?(?P<name>\w+)")


def run_script(name: str, kind: str = "sql") -> None:
    """Run a file of the folder `sql`, `functions` or `triggers` as one message, or print it if the run is offline."""
    op.execute(_text(_read(MIGRATIONS / kind / name)))


def run_folder(kind: str, feature: str) -> None:
    """Run the files `<kind>/<feature>/*.sql`."""
    for file in sorted((MIGRATIONS / kind / feature).glob("*.sql")):
        run_script(f"{feature}/{file.name}", kind)


def makes_tables() -> bool:
    """Return whether this run creates the app's tables."""
    return this_run().origin is Origin.NOTHING


def lock_tables(others: str) -> None:
    """Lock the jobs, and the tables that the file `others` locks, until the commit."""
    locks = _read(SQL / others).replace("\n", f"\n{_OTHERS_INDENT}") + ";"
    script = _read(SQL / "lock.sql").replace(_OTHERS, locks)
    op.execute(_text(script))
    if not context.is_offline_mode():
        this_run().locked(seconds=op.get_bind().scalar(text(_LOCKED_SECONDS)))


def commit() -> None:
    """Commit, so that no earlier locks are held while waiting for others.

    If the run creates the tables, nobody waits for them, and it stays one transaction.
    """
    if makes_tables():
        return
    with op.get_context().autocommit_block():
        this_run().committed()
    run_script("begin.sql")


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
    run_script("begin.sql")


def run_earlier_build() -> None:
    """Give back what the earlier build replaced."""
    scripts = (_read(SQL / "app" / f"{name}.sql") for name in ("functions", "policies"))
    apps = ";\n\n".join(scripts)
    op.execute(_text(_read(SQL / "earlier_build.sql").replace(_APPS, f"execute $apps$\n{apps}\n$apps$;")))


def remove_objects() -> None:
    """Remove everything of gjobs but its indexes."""
    if not is_missing(FIRST_TABLE):
        lock_tables("removed_tables.sql")
        # Since the first check, a worker may have taken a job, or somebody may have archived one.
        run_script("removable.sql")
        run_script("remove.sql")
        this_run().step("Everything of gjobs but its indexes is removed.")


def run_in_snapshot(*names: str) -> None:
    """Run the files, which have their own transactions, outside of ours. They count jobs; a run that creates the jobs'
    table has no jobs to count.
    """
    if not makes_tables():
        run_apart(*names)


def _print(*names: str) -> None:
    for statement in _statements("apart/begin.sql", *names, "apart/end.sql"):
        end = "" if statement.endswith(GENERATES) else ";"
        op.get_context().impl.static_output(statement + end)


def _execute(*names: str) -> None:
    run = this_run()
    connection = driver_connection(op.get_bind())
    doing = "getting ready"
    try:
        # On the driver's connection: an interruption then cancels the statement, and the connection stays usable.
        with reporting_progress(run.conninfo, connection, run.report):
            for statement in _statements("apart/begin.sql", *names, "apart/end.sql"):
                if _is_done(statement):
                    continue
                doing = _describe(statement) or doing
                cursor = connection.execute(statement.removesuffix(GENERATES).encode())
                if statement.endswith(GENERATES):
                    for (generated,) in cursor.fetchall():
                        connection.execute(str(generated).encode())
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
    elif counted := _COUNTS.get(statement):
        doing = f"counting {counted}"
    else:
        return None
    this_run().report(f"{doing[:1].upper()}{doing[1:]}.")
    return doing


def this_run() -> Run:
    return cast("Run", context.config.attributes["run"])


def driver_connection(connection: Connection) -> psycopg.Connection:
    return cast("psycopg.Connection", connection.connection.dbapi_connection)


def load(name: str) -> TextClause:
    return _text(_read(SQL / name))


def _text(script: str) -> TextClause:
    """Return the text as it is: its colons are SQL, never bound values."""
    return text(script.replace(":", r"\:"))


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip().removesuffix(";")


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
        for paragraph in _read(SQL / name).split("\n\n"):
            lines = [line for line in paragraph.splitlines() if not line.startswith("--")]
            if lines:
                yield "\n".join(lines).removesuffix(";")
