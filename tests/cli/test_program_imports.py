"""Modules that commands must not import, because that slows their start."""

import json
import subprocess
import sys

from tests.cli.command_line import PATIENCE

PROGRAM = """
import json, sys
from gjobs.tui.cli.main import main
for line in sys.argv[1:]:
    try:
        code = main(line.split())
    except SystemExit as end:
        code = end.code
    assert code in (0, None), (line, code)
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def modules_after(lines: list[str]) -> set[str]:
    """Return the modules that one new process has imported after it ran the commands."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, *lines], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


HEAVY = {"psycopg", "sqlalchemy", "alembic", "asyncio", "gjobs.store.embedded.server", "gjobs.migrations.runner"}


def test_command_imports_no_module_that_it_does_not_need(url: str) -> None:
    for lines, unneeded in (
        (["--version", "--help"], {"textual", "rich", *HEAVY}),
        (["config path"], {"textual", "rich.console", "alembic", "sqlalchemy", "gjobs.store.store", "psycopg"}),
        (["profiles"], {"textual", "rich.console", "alembic", "sqlalchemy", "gjobs.store.store"}),
        (["jobs list --json", "projects --json", "stats --json"], {"textual", "rich", "alembic"}),
        (["migrate status --json"], {"textual", "rich.console", "alembic", "sqlalchemy"}),
        (["jobs list"], {"textual", "rich.console", "rich.text", "alembic"}),
    ):
        modules = modules_after(lines)
        assert not unneeded & modules, lines
        assert "gjobs.tui.cli.main" in modules
