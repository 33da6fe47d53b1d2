"""Runs the SQL files of revisions."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psycopg
from alembic import context, op
from sqlalchemy import Connection, TextClause, text

from migrations.progress import Origin, Run, reporting_progress

SQL = Path(__file__).parent / "sql"

GENERATES = r"\gexec"
"""What psql calls it: the query before it returns statements, which are run."""

_LOCKED_SECONDS = """
select extract(epoch from clock_timestamp() - current_setting('gjobs.locked_at')::timestamptz)::double precision
"""
_OTHERS, _OTHERS_INDENT = "-- The others.", " " * 12
"""Where `lock.sql` locks what comes after the jobs."""
_COUNTS = "select gjobs.recount_jobs()"
_CONCURRENT = re.compile(r"(?P<verb>create|drop) index concurrently if (?:not )?exists (?:public\.)?(?P<name>\w+)")


def run_script(name: str) -> None:
    """Executes a file under `sql/` as one message, or prints it where the run is offline."""
    op.execute(load(name))


def run_folder(kind: str, first: str, last: str | None = None) -> None:
    """Run the files `sql/<revision>/<kind>/*.sql` of a revision, or of all revisions from the first to the last."""
    for file in sorted(SQL.glob(f"*/{kind}/*.sql")):
        name = file.relative_to(SQL)
        if first <= name.parts[0] <= (last or first):
            run_script(name.as_posix())


def makes_tables() -> bool:
    """Whether this run creates the app's tables, so that the database holds nothing of an earlier build."""
    return this_run().origin is Origin.NOTHING


def lock_tables(others: str = "app_tables.sql", *, mode: str = "access exclusive") -> None:
    """Lock the jobs in the mode, and what the file of plpgsql locks besides, from here to the commit."""
    script = _read("lock.sql").replace("access exclusive", mode)
    script = script.replace(_OTHERS, _read(others).replace("\n", f"\n{_OTHERS_INDENT}") + ";")
    op.execute(_text(script))
    if not context.is_offline_mode():
        this_run().locked(seconds=op.get_bind().scalar(text(_LOCKED_SECONDS)))


def commit() -> None:
    """What came before, whose locks are not to be held while others are waited for.

    Where the run itself makes the tables nobody waits for them, and all stays one transaction.
    """
    if makes_tables():
        return
    with op.get_context().autocommit_block():
        this_run().committed()
    run_script("begin.sql")


def may_lack(relation: str) -> bool:
    """Whether the database has no such relation; offline nobody can tell."""
    if context.is_offline_mode():
        return True
    return op.get_bind().scalar(text("select to_regclass(:relation)"), {"relation": relation}) is None


def run_apart(*names: str) -> None:
    """Executes each statement of the files by itself and outside a transaction, without time-outs: for what is built or
    dropped concurrently. What came before is committed, and what comes after starts another transaction.

    Where the run itself makes the tables nobody waits for them, and all is done in its transaction.
    """
    if makes_tables():
        for statement in _statements(*names):
            if not statement.endswith(GENERATES) and not _is_built(statement):
                op.execute(_text(statement.replace(" concurrently", "")))
        return
    with op.get_context().autocommit_block():
        this_run().committed()
        if context.is_offline_mode():
            _print(*names)
        else:
            _execute(*names)
    run_script("begin.sql")


def run_in_snapshot(name: str) -> None:
    """Executes the file, which has a transaction of its own, apart. It counts jobs: where the run itself makes their
    table there are none."""
    if not makes_tables():
        run_apart(name)


def _print(*names: str) -> None:
    for statement in _statements("apart/begin.sql", *names, "apart/end.sql"):
        end = "" if statement.endswith(GENERATES) else ";"
        op.get_context().impl.static_output(statement + end)


def _execute(*names: str) -> None:
    run = this_run()
    connection = driver_connection(op.get_bind())
    doing = "getting ready"
    try:
        # On the driver's connection: an interruption cancels the statement, and the connection stays of use.
        with reporting_progress(run.conninfo, connection, run.report):
            for statement in _statements("apart/begin.sql", *names, "apart/end.sql"):
                if _is_built(statement):
                    continue
                if found := _CONCURRENT.match(statement):
                    doing = f"{'building' if found['verb'] == 'create' else 'dropping'} the index {found['name']}"
                    run.report(f"{doing[:1].upper()}{doing[1:]}.")
                elif statement == _COUNTS:
                    doing = "counting the jobs"
                    run.report("Counting the jobs.")
                cursor = connection.execute(statement.removesuffix(GENERATES).encode())
                if statement.endswith(GENERATES):
                    for (generated,) in cursor.fetchall():
                        connection.execute(str(generated).encode())
    except KeyboardInterrupt:
        run.report(f"Stopped while {doing}. What came before is kept.")
        run.report("The same command goes on from there; an index that was left incomplete it makes anew.")
        raise


def this_run() -> Run:
    return cast("Run", context.config.attributes["run"])


def driver_connection(connection: Connection) -> psycopg.Connection:
    return cast("psycopg.Connection", connection.connection.dbapi_connection)


def load(name: str) -> TextClause:
    return _text(_read(name))


def _text(script: str) -> TextClause:
    """As it stands: a colon in it is SQL's own, never a bound value."""
    return text(script.replace(":", r"\:"))


def _read(name: str) -> str:
    return (SQL / name).read_text(encoding="utf-8").strip().removesuffix(";")


def _is_built(statement: str) -> bool:
    """Whether it makes an index that is there, of which nothing need be said."""
    found = _CONCURRENT.match(statement)
    if context.is_offline_mode() or found is None or found["verb"] != "create":
        return False
    connection = driver_connection(op.get_bind())
    return connection.execute("select to_regclass('public.' || %s) is not null", [found["name"]]).fetchone() == (True,)


def _statements(*names: str) -> Iterator[str]:
    """Those of such a file stand apart by an empty line, and comments before the first."""
    for name in names:
        for paragraph in _read(name).split("\n\n"):
            lines = [line for line in paragraph.splitlines() if not line.startswith("--")]
            if lines:
                yield "\n".join(lines).removesuffix(";")
