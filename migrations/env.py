"""The script that Alembic runs for each command."""

from alembic import context
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from gjobs.migrations.execution import note_step
from gjobs.migrations.progress import Origin
from gjobs.migrations.scripts import driver_connection, load, this_run
from gjobs.migrations.verification import require_app_schema


def run_online(connection: Connection) -> None:
    context.configure(connection=connection, version_table_schema="gjobs", on_version_apply=note_step)
    with context.begin_transaction():
        context.execute(load("begin.sql"))
        context.execute(load("conditions.sql"))
        if condition := this_run().condition:
            context.execute(load(condition))
        if this_run().origin is Origin.APP:
            adopt(connection)
        drop_unrecorded()
        context.run_migrations()
        if not context.get_context().get_current_heads():
            # The database is empty again: offline SQL from there creates the table again.
            connection.execute(text("drop table gjobs.alembic_version"))


def drop_unrecorded() -> None:
    """Drop what an interrupted upgrade left, newest first. Triggers that the interrupted upgrade left would fail once
    the downgrade drops the objects they use.
    """
    scripts = ScriptDirectory.from_config(context.config)
    with Operations.context(context.get_context()):
        for revision in reversed(this_run().unrecorded):
            module = scripts.get_revision(revision).module
            if hasattr(module, "drop_unrecorded"):
                module.drop_unrecorded()


def adopt(connection: Connection) -> None:
    require_app_schema(driver_connection(connection))
    context.execute(load("adopt.sql"))
    this_run().step("Recorded the app's own tables as revision 0001.")


def run_offline() -> None:
    context.configure(
        dialect_name="postgresql",
        # A bound value would double each percent sign.
        dialect_opts={"paramstyle": "named"},
        literal_binds=True,
        version_table_schema="gjobs",
    )
    with context.begin_transaction():
        context.execute(load("begin.sql"))
        context.execute(load("conditions.sql"))
        if this_run().origin is Origin.APP:
            context.execute(load("adopt.sql"))
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    connection = context.config.attributes.get("connection")
    if connection is None:
        raise CommandError("Alembic has no connection here. Run 'gjobs migrate'.")
    run_online(connection)
