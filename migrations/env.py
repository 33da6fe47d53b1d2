"""The script that Alembic runs for each command."""

from alembic import context
from alembic.operations import Operations
from alembic.util import CommandError
from sqlalchemy import Connection, text

from gjobs.migrations.execution import note_step
from gjobs.migrations.progress import Origin
from gjobs.migrations.scripts import (
    driver_connection,
    load,
    lock_tables,
    run_apart,
    run_earlier_build,
    run_script,
    this_run,
)
from gjobs.migrations.verification import require_app_schema, require_no_objects_of_others


def migrate(connection: Connection | None) -> None:
    """Run the pending revisions. Without a connection, they are printed."""
    run = this_run()
    with context.begin_transaction():
        context.execute(load("begin"))
        context.execute(load("conditions"))
        if run.condition:
            context.execute(load(run.condition))
            if connection is not None:
                require_no_objects_of_others(driver_connection(connection))
        if run.origin is Origin.APP:
            if connection is not None:
                require_app_schema(driver_connection(connection))
            context.execute(load("app/adopt"))
            run.step("Recorded the app's own tables as revision 0001_app.")
        if run.origin is Origin.EARLIER_BUILD:
            with Operations.context(context.get_context()):
                run_script("earlier_workers")
                run_apart("earlier_policies")
                lock_tables("earlier_build_tables")
                run_earlier_build()
            run.step("What the earlier build had replaced came back. Its data is carried over next.")
        context.run_migrations()
        if connection is not None and not context.get_context().get_current_heads():
            connection.execute(text("drop table gjobs.alembic_version"))


if context.is_offline_mode():
    context.configure(
        dialect_name="postgresql",
        # A bound value would double each percent sign.
        dialect_opts={"paramstyle": "named"},
        literal_binds=True,
        version_table_schema="gjobs",
    )
    migrate(None)
else:
    connection = context.config.attributes.get("connection")
    if connection is None:
        raise CommandError("Alembic has no connection here. Run 'gjobs migrate'.")
    context.configure(connection=connection, version_table_schema="gjobs", on_version_apply=note_step)
    migrate(connection)
