"""The command line, and a database with the rows of `cli_rows`."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gjobs.tui.cli.commands.dashboard import open_dashboard
from gjobs.tui.cli.commands.jobs import JOBS
from gjobs.tui.cli.main import main
from gjobs.tui.cli.parser import Parser, root_parser
from gjobs.tui.cli.program import build_parser
from tests.cli.cli_rows import fill
from tests.cli.command_line import (
    SETTINGS,
    Configure,
    OpenTerminal,
    Result,
    Run,
    Sql,
    Terminal,
    UseProfile,
    profile,
    uri,
)
from tests.conftest import Conninfo
from tests.tui.app_waits import parse_once


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove what a developer's shell sets, and use new directories for data and configuration."""
    for name in (*SETTINGS, "NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GJOBS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TZ", "UTC")


_parser_built_once = cache(build_parser)


@cache
def _jobs_parser() -> Parser:
    return root_parser([JOBS], open_dashboard)


@pytest.fixture(autouse=True)
def one_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build the parsers and parse the styles of snapshots once. Each takes as long as a command."""
    monkeypatch.setattr("gjobs.tui.cli.program.build_parser", _parser_built_once)
    monkeypatch.setattr("gjobs.tui.cli.parser.root_parser", lambda *_: _jobs_parser())
    monkeypatch.setattr("textual.css.stylesheet.Stylesheet._parse_rules", parse_once)


@pytest.fixture
def url(database: Conninfo, operator_connection: psycopg.Connection, use_profile: UseProfile) -> str:
    """Return the address of a migrated database with rows, which the command line opens and may write."""
    with operator_connection.transaction(), operator_connection.pipeline():
        fill(operator_connection)
    return use_profile("world", database)


@pytest.fixture
def use_profile(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> UseProfile:
    """Configure a profile that the command line opens. It may write unless `write` is False."""

    def use(name: str, conninfo: Conninfo, **values: object) -> str:
        address = uri(conninfo)
        configure(profile(name, address, **{"write": True, **values}))
        monkeypatch.setenv("GJOBS_PROFILE", name)
        return address

    return use


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Write the configuration file that the command line reads."""

    def write(*parts: str) -> Path:
        file = tmp_path / "gjobs.toml"
        file.write_text("\n".join(parts), encoding="utf-8")
        file.chmod(0o600)
        monkeypatch.setenv("GJOBS_CONFIG", str(file))
        return file

    return write


@pytest.fixture
def sql(url: str, operator_connection: psycopg.Connection) -> Sql:
    """Run one statement as the operator and return its rows."""

    def run(statement: str, *values: object) -> list[tuple[object, ...]]:
        cursor: psycopg.Cursor[tuple[object, ...]] = operator_connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def gjobs(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process, without a terminal."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Result(code=int(code), out=captured.out, err=captured.err)

    return run


@pytest.fixture
def open_terminal() -> Iterator[OpenTerminal]:
    with ExitStack() as cleanup:

        def start(*arguments: str, **options: Any) -> Terminal:
            terminal = Terminal(*arguments, **options)
            cleanup.callback(terminal.close)
            return terminal

        yield start
