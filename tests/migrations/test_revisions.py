import ast
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from gjobs import migrations
from gjobs.migrations import HEAD, REVISIONS
from gjobs.migrations.execution import configuration
from gjobs.migrations.runner import pending_sql, remove, upgrade
from gjobs.migrations.status import MigrationStatus, read_status
from gjobs.migrations.verification import verify
from gjobs.store.errors import SchemaMissing, SignInRefused, Unreachable
from tests.conftest import Conninfo, connect

VERSIONS = Path(migrations.__file__).parent / "versions"


def test_revision_constants_match_the_alembic_scripts() -> None:
    scripts = ScriptDirectory.from_config(configuration())

    assert scripts.get_heads() == [HEAD]
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS


def test_revision_scripts_import_only_migrations_scripts() -> None:
    for file in VERSIONS.glob("*.py"):
        nodes = ast.walk(ast.parse(file.read_text()))
        statements = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
        imported = {ast.unparse(statement).partition(" import ")[0] for statement in statements}
        assert imported <= {"from gjobs.migrations.scripts"}, file.stem


def test_alembic_commands_without_gjobs_are_refused() -> None:
    with pytest.raises(CommandError, match="gjobs migrate"):
        command.current(configuration())


def test_reading_the_status_imports_neither_alembic_nor_sqlalchemy() -> None:
    heavy = {"alembic", "sqlalchemy", "textual", "gjobs.store.schema.schema_diff"}
    program = f"import sys, gjobs.migrations.runner; print(*{heavy} & set(sys.modules))"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == []


def test_status_of_an_empty_database_lists_all_revisions_as_pending(blank_database: Conninfo) -> None:
    assert read_status(blank_database) == MigrationStatus(current=None, head=HEAD, pending=REVISIONS, managed=False)


def test_status_lists_pending_revisions(migrated_copy: Conninfo) -> None:
    assert read_status(migrated_copy) == MigrationStatus(current=HEAD, head=HEAD, pending=(), managed=True)
    with connect(migrated_copy) as connection:
        connection.execute("update gjobs.alembic_version set version_num = '0001_app'")
    assert read_status(migrated_copy) == MigrationStatus(
        current="0001_app", head=HEAD, pending=REVISIONS[1:], managed=True
    )


def test_revision_of_a_newer_program_is_refused(migrated_copy: Conninfo) -> None:
    with connect(migrated_copy) as connection:
        connection.execute("update gjobs.alembic_version set version_num = '9999'")

    assert read_status(migrated_copy) == MigrationStatus(current="9999", head=HEAD, pending=(), managed=True)
    for run in (upgrade, pending_sql, verify):
        with pytest.raises(SchemaMissing, match="9999"):
            run(migrated_copy)
    with pytest.raises(SchemaMissing, match="9999"):
        remove(migrated_copy)


def test_status_of_a_missing_database_raises_an_error(blank_database: Conninfo) -> None:
    with pytest.raises(SignInRefused, match="does not exist"):
        read_status({**blank_database, "dbname": "nowhere"})
    with pytest.raises(Unreachable):
        read_status({**blank_database, "host": "/nowhere", "password": "secret"})
