"""Modules that commands must not import, because that slows their start."""

import json
import subprocess
import sys

from tests.cli.command_line import PATIENCE

PROGRAM = """
import json, sys
from gjobs.tui.cli.main import main
for group in json.loads(sys.argv[1]):
    for line in group:
        try:
            code = main(line.split())
        except SystemExit as end:
            code = end.code
        assert code in (0, None), (line, code)
    print("modules", json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def modules_after(groups: list[list[str]]) -> list[set[str]]:
    """Return the modules that one new process has imported after it ran each group of commands."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, json.dumps(groups)], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return [set(json.loads(line[8:])) for line in done.stderr.splitlines() if line.startswith("modules ")]


HEAVY = {"psycopg", "sqlalchemy", "alembic", "asyncio", "gjobs.store.embedded.server", "gjobs.migrations.runner"}


PROCESSES: list[list[tuple[list[str], set[str]]]] = [
    [
        (["--version", "--help"], {"textual", "rich", *HEAVY}),
        (["jobs list --json", "projects --json", "stats --json"], {"textual", "rich", "alembic"}),
    ],
    [
        (["config path"], {"textual", "rich.console", "alembic", "sqlalchemy", "gjobs.store.store", "psycopg"}),
        (["profiles"], {"textual", "rich.console", "alembic", "sqlalchemy", "gjobs.store.store"}),
        (["migrate status --json"], {"textual", "rich.console", "alembic", "sqlalchemy"}),
        (["jobs list"], {"textual", "rich.console", "rich.text", "alembic"}),
    ],
]
"""Commands in the order of one process, and the modules that are still not imported after them."""


def test_command_imports_no_module_that_it_does_not_need(url: str) -> None:
    for process in PROCESSES:
        found = modules_after([lines for lines, _ in process])
        for (lines, unneeded), modules in zip(process, found, strict=True):
            assert not unneeded & modules, lines
            assert "gjobs.tui.cli.main" in modules
