"""Alembic, with its configuration built in code: a wheel has no pyproject to read."""

import threading
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationInfo
from alembic.script import Script
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from migrations.connecting import connect, translate_migrating

Notice = Callable[[str], None]

_alembic = threading.Lock()
"""Alembic's `context` and `op`, through which the revisions reach the connection, are one for the whole process."""


def configuration(connection: Connection | None = None, output: StringIO | None = None) -> Config:
    """For a command on this connection, or, without one, for a command that prints to `output`."""
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["on_version_apply"] = ()
    return config


def upgrade_to(conninfo: Mapping[str, str | int], revision: str, notice: Notice) -> list[str]:
    """In one transaction. Returns a sentence for each revision; `notice` receives what the server says meanwhile."""
    return _execute(conninfo, lambda config: command.upgrade(config, revision), notice)


def downgrade_to(conninfo: Mapping[str, str | int], revision: str, notice: Notice) -> list[str]:
    """As `upgrade_to`."""
    return _execute(conninfo, lambda config: command.downgrade(config, revision), notice)


def render(start: str | None) -> str:
    """The SQL from a revision, or from nothing, to the head."""
    output = StringIO()
    with _alembic:
        command.upgrade(configuration(output=output), f"{start or 'base'}:head", sql=True)
    return output.getvalue()


def _execute(conninfo: Mapping[str, str | int], run: Callable[[Config], None], notice: Notice) -> list[str]:
    steps: list[str] = []

    def note(*, step: MigrationInfo, **_: object) -> None:
        steps.append(_sentence(step))

    with connect(conninfo) as link:
        link.add_notice_handler(lambda diagnostics: notice(diagnostics.message_primary or ""))
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: link, poolclass=NullPool, use_native_hstore=False
        )
        try:
            with _alembic, engine.connect() as connection:
                config = configuration(connection)
                config.attributes["on_version_apply"] = note
                run(config)
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.Error):
                raise translate_migrating(error.orig) from error
            raise
    return steps


def _sentence(step: MigrationInfo) -> str:
    revision = step.up_revision
    name = f"{revision.revision} ({revision.doc})" if isinstance(revision, Script) else str(step.up_revision_id)
    return f"Revision {name} is {'applied' if step.is_upgrade else 'undone'}."
