"""Shell examples of README and manual, and the commands that gjobs advises, work in a shell."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gjobs.migrations import HEAD
from gjobs.store.embedded.server_files import ServerHandle
from gjobs.store.sample.sample_data import fill
from gjobs.tui.cli.output import ExitCode
from gjobs.tui.cli.program import build_parser
from gjobs.tui.manual.pages import page_source
from tests.cli.command_line import Configure, Run, profile, uri
from tests.conftest import Conninfo, connect, temporary_database
from tests.manual import pages

BLOCK = re.compile(r"^(<!-- not run: .+? -->\n|<!-- test command -->\n)?```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    page: str
    line: str
    runs: bool


def examples() -> Iterator[Example]:
    for path in pages():
        for marker, block in BLOCK.findall(path.read_text(encoding="utf-8")):
            for line in block.splitlines():
                yield Example(page=path.stem, line=line.partition(" #")[0], runs=not marker)


EXAMPLES = list({example.line: example for example in examples()}.values())

VIEW = page_source("views").partition("```toml\n")[2].partition("```")[0]
"""The view that the examples use."""


@pytest.fixture
def sample_database(server: ServerHandle, migrated: str) -> Iterator[Conninfo]:
    with temporary_database(server, template=migrated) as conninfo:
        fill({name: str(value) for name, value in conninfo.items()}, now=datetime.now(UTC))
        yield conninfo


def arguments_of(line: str) -> list[str] | None:
    """Return the arguments of `gjobs`, or None if the line starts another program."""
    words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
    return words[1:] if words and words[0] == "gjobs" else None


def test_shell_examples_are_valid_commands() -> None:
    read = [example for example in EXAMPLES if arguments_of(example.line) is not None]
    assert len(read) > 40
    parser = build_parser()
    for example in read:
        parser.parse_args(arguments_of(example.line) or [])


def test_shell_examples_run_on_the_sample_data(
    gjobs: Run, configure: Configure, sample_database: Conninfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"write": True, "as": "ada@example.com"}
    configure(profile("sample", uri(sample_database), **values), VIEW)
    monkeypatch.setenv("GJOBS_PROFILE", "sample")
    monkeypatch.chdir(tmp_path)
    failed = []
    for example in EXAMPLES:
        arguments = arguments_of(example.line)
        if example.runs:
            assert arguments is not None, f"{example.page}: {example.line}"
            done = gjobs(*arguments)
            if done.code not in (ExitCode.DONE, ExitCode.FOUND) or not (done.out or done.err):
                failed.append(f"{example.page}: {example.line}\n{done}")
    assert failed == []


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
