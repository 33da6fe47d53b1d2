"""Runs Alembic, which is configured in code."""

import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from gjobs.migrations.connection import acquire_run_lock, connect, translate_migrating
from gjobs.migrations.progress import Origin, Run, say_nothing
from gjobs.migrations.scripts import EARLIER_SCHEMA, FIRST_TABLE, FIRST_TRIGGER
from gjobs.migrations.verification import origin
from gjobs.store.schema.schema_diff import APP_REVISION

_alembic = threading.Lock()
"""Alembic's `context` and `op` are global for the process. The revisions reach the connection through them."""

_FOR_PSQL = r"""-- For psql, which stops at the first error. Indexes are built outside a transaction.
\set ON_ERROR_STOP on
"""


def configuration(
    connection: Connection | None = None, output: StringIO | None = None, run: Run | None = None
) -> Config:
    """Return the configuration for a connection, or for printing to `output`."""
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["run"] = run or Run(say_nothing)
    return config


def upgrade_to(run: Run, revision: str) -> None:
    """Upgrade. Everything before the first concurrent index build runs in one transaction."""
    _execute(run, lambda config: command.upgrade(config, revision))


def remove_all(run: Run) -> None:
    _execute(run, lambda config: command.downgrade(config, "base"))


def render(found: Origin, current: str | None, connection: psycopg.Connection | None) -> str:
    """Return the SQL from the current state to the head. None as a connection means an empty database."""
    output, run = StringIO(), Run(say_nothing)
    if connection is not None:
        run.present = frozenset(
            query
            for query in (FIRST_TABLE, FIRST_TRIGGER, EARLIER_SCHEMA)
            if connection.execute(query.encode()).fetchone() is not None
        )
    run.begin(found)
    match found:
        case Origin.APP:
            start = APP_REVISION
        case Origin.EARLIER_BUILD:
            start = APP_REVISION
            run.present = frozenset({EARLIER_SCHEMA})
        case Origin.NOTHING | Origin.MIGRATED:
            start = current or "base"
    with _alembic:
        command.upgrade(configuration(output=output, run=run), f"{start}:head", sql=True)
    return output.getvalue() if found is Origin.NOTHING else f"{_FOR_PSQL}\n{output.getvalue()}"


def _execute(run: Run, work: Callable[[Config], None]) -> None:
    with connect(run.conninfo) as driver:
        driver.add_notice_handler(lambda diagnostics: run.report(diagnostics.message_primary or ""))
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: driver, poolclass=NullPool, use_native_hstore=False
        )
        try:
            acquire_run_lock(driver, run.conninfo)
            driver.execute("set default_transaction_read_only = off")
            driver.execute("select set_config('gjobs.exported_archive', %s, false)", [run.exported_archive])
            run.begin(origin(driver))
            driver.autocommit = False
            with _alembic, engine.connect() as connection:
                work(configuration(connection, run=run))
            run.committed()
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.Error):
                raise translate_migrating(error.orig) from error
            raise
        finally:
            run.released()


def note_step(ctx: MigrationContext, step: MigrationInfo, *_: object, **__: object) -> None:
    """Note an applied revision. Alembic calls this after each one, also after an undone one."""
    if ctx.config is None or not step.is_upgrade:
        return
    run: Run = ctx.config.attributes["run"]
    revision = step.up_revision
    name = f"{revision.revision} ({revision.doc})" if isinstance(revision, Script) else str(step.up_revision_id)
    run.step(f"Revision {name} is applied.")
