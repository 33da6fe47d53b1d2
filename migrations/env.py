"""What Alembic runs for each command: on the runner's connection, with the version table in the schema `gjobs`."""

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, text

from migrations.scripts import load
from store.tables import metadata

COMPARED_SCHEMAS = ("auth", "public")


def is_compared(name: str | None, kind: str, _parents: object) -> bool:
    """The schemas that `store.tables` describes; the others are not the drift comparison's."""
    return kind != "schema" or name in COMPARED_SCHEMAS


def run_online(connection: Connection) -> None:
    # Without a default schema the drift comparison calls each table by its schema's name, as `store.tables` does.
    connection.dialect.default_schema_name = None
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table_schema="gjobs",
        include_schemas=True,
        include_name=is_compared,
        compare_type=True,
        compare_server_default=True,
        on_version_apply=context.config.attributes["on_version_apply"],
    )
    with context.begin_transaction():
        context.execute(load("begin.sql"))
        context.run_migrations()
        if not context.get_context().get_current_heads():
            # Back where nothing is: offline SQL from there makes the table again.
            connection.execute(text("drop table gjobs.alembic_version"))


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
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    connection = context.config.attributes.get("connection")
    if connection is None:
        raise CommandError("Alembic has no connection here: run 'gjobs migrate'.")
    run_online(connection)
