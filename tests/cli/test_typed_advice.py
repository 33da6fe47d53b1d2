"""Advised commands work when they are typed in the shell that showed them."""

import os
import re
import subprocess
from collections.abc import Callable

import pytest

from gjobs.migrations import HEAD
from tests.cli.command_line import Configure, Run, profile, uri
from tests.conftest import Conninfo, connect

Way = Callable[[str, Configure], tuple[list[str], dict[str, str]]]
"""Takes the address of a database. Returns options and variables that choose it."""


def by_option(address: str, _: Configure) -> tuple[list[str], dict[str, str]]:
    return ["--database-url", address], {}


def by_variable(address: str, _: Configure) -> tuple[list[str], dict[str, str]]:
    return [], {"DATABASE_URL": address}


def by_profile(address: str, configure: Configure) -> tuple[list[str], dict[str, str]]:
    return ["--config", str(configure(profile("shop", address))), "--profile", "shop"], {"GJOBS_CONFIG": ""}


WORDS = """gjobs() { printf '%s\\0' "${GJOBS_DATABASE_URL-}" "$@"; }; """
"""A shell function instead of the command. It prints the variable and the arguments that the command would get."""


def typed(line: str, variables: dict[str, str]) -> tuple[str, list[str]]:
    """Type the line in a shell. Return what the command gets: the variable for its database, and its arguments."""
    shell = subprocess.run(
        ["/bin/sh", "-c", WORDS + line], capture_output=True, text=True, check=True, env={**os.environ, **variables}
    )
    variable, *arguments = shell.stdout.removesuffix("\0").split("\0")
    return variable, arguments


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
            is_run = options is ways[-1][0]
            variable, arguments = typed(advised.replace("REASON", "test"), variables)
            if variable:
                shell.setenv("GJOBS_DATABASE_URL", variable)
            arguments[:2] = ["migrate", "up", "--yes"] if is_run else ["migrate", "status"]
            done = gjobs(*arguments)
            assert done.code == 0, done.err
            assert is_run or str(attached_database["dbname"]) in done.out, options

    with connect(attached_database) as connection:
        assert connection.execute("select version_num from gjobs.alembic_version").fetchall() == [(HEAD,)]
