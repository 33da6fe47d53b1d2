"""What a command imports: nothing that it does not need."""

import json
import os
import subprocess
import sys

import pytest

from tests.cli.support import PATIENCE

_PROGRAM = """
import json, sys
from tui.cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def modules_after(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
        timeout=PATIENCE,
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code in (0, None)
    return set(modules)


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_help_and_version_import_no_heavy_module(argument: str) -> None:
    heavy = {
        "psycopg",
        "sqlalchemy",
        "textual",
        "rich",
        "alembic",
        "asyncio",
        "store.embedded.server",
        "migrations.runner",
    }
    assert not heavy & modules_after(argument)


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize("command", [["jobs", "list"], ["projects"], ["stats"]])
def test_json_commands_import_neither_textual_nor_alembic(command: list[str]) -> None:
    modules = modules_after(*command, "--json")
    assert "psycopg" in modules
    assert not {"textual", "rich", "alembic"} & modules


@pytest.mark.usefixtures("url")
def test_printing_a_table_imports_no_rich_console() -> None:
    modules = modules_after("jobs", "list")
    assert not {"textual", "alembic", "rich.console", "rich.text"} & modules


def test_migrate_status_imports_no_alembic(url: str) -> None:
    assert not {"textual", "rich", "alembic", "sqlalchemy"} & modules_after("migrate", "status", "--json")
