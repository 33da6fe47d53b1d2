"""Advised commands work when they are typed in the shell that showed them."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gjobs.migrations import HEAD
from tests.cli.command_line import GJOBS, PATIENCE, Configure, Run, profile, uri
from tests.conftest import Conninfo, connect

Way = Callable[[str, Configure], tuple[list[str], dict[str, str]]]
"""Takes the address of a database. Returns options and variables that choose it."""


def by_option(address: str, _: Configure) -> tuple[list[str], dict[str, str]]:
    return ["--database-url", address], {}


def by_variable(address: str, _: Configure) -> tuple[list[str], dict[str, str]]:
    return [], {"DATABASE_URL": address}


def by_profile(address: str, configure: Configure) -> tuple[list[str], dict[str, str]]:
    return ["--config", str(configure(profile("shop", address))), "--profile", "shop"], {"GJOBS_CONFIG": ""}


def test_advised_migration_migrates_the_database_in_use(
    attached_database: Conninfo, configure: Configure, gjobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way to choose the database leads to its migration. The first ones only print its status."""
    ways = [choose(uri(attached_database), configure) for choose in (by_option, by_variable, by_profile)]
    for options, variables in ways:
        with monkeypatch.context() as shell:
            for name, value in variables.items():
                shell.setenv(name, value)
            shown = gjobs(*options, "jobs", "list", "--at", "1h")
        assert shown.code == 5, options
        (advised,) = re.findall(r"'((?:GJOBS_DATABASE_URL=\S+ )?gjobs migrate up [^']+)'", shown.err)
        line = advised.replace("REASON", "test")
        is_run = options is ways[-1][0]
        typed = subprocess.run(
            ["/bin/sh", "-c", f"{line} --yes" if is_run else line.replace("migrate up", "migrate status")],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **variables, "PATH": f"{Path(GJOBS).parent}:{os.environ['PATH']}"},
            timeout=PATIENCE,
        )
        assert typed.returncode == 0, typed.stderr
        assert is_run or str(attached_database["dbname"]) in typed.stdout, options

    with connect(attached_database) as connection:
        assert connection.execute("select version_num from gjobs.alembic_version").fetchall() == [(HEAD,)]
