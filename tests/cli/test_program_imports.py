"""What a command imports: nothing that it does not need."""

import json
import os
import subprocess
import sys

import pytest

from tests.cli.command_line import PATIENCE

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


HEAVY = {"psycopg", "sqlalchemy", "alembic", "asyncio", "store.embedded.server", "migrations.runner"}


@pytest.mark.parametrize(
    ("line", "unneeded"),
    [
        ("--version", {"textual", "rich", *HEAVY}),
        ("--help", {"textual", "rich", *HEAVY}),
        ("profiles", {"textual", "rich.console", "alembic", "sqlalchemy", "store.store"}),
        ("config path", {"textual", "rich.console", "alembic", "sqlalchemy", "store.store", "psycopg"}),
        ("jobs list --json", {"textual", "rich", "alembic"}),
        ("projects --json", {"textual", "rich", "alembic"}),
        ("stats --json", {"textual", "rich", "alembic"}),
        ("jobs list", {"textual", "rich.console", "rich.text", "alembic"}),
        ("migrate status --json", {"textual", "rich", "alembic", "sqlalchemy"}),
    ],
)
def test_command_imports_no_module_that_it_does_not_need(url: str, line: str, unneeded: set[str]) -> None:
    modules = modules_after(*line.split())
    assert not unneeded & modules
    assert "psycopg" in modules or line in ("--version", "--help", "profiles", "config path")
