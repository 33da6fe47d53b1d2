"""A small world with two users, and the command line on it."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.cli.support import OpenTerminal, Result, Run, Sql, Terminal, uri
from tests.cli.world import fill
from tests.conftest import Conninfo, connect
from tui.cli.main import main


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing that a developer's shell sets, and no server of theirs."""
    for name in ("GJOBS_DATABASE_URL", "GJOBS_AS", "GJOBS_DEBUG", "NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GJOBS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture
def url(database: Conninfo, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated database with the small world, which the command line finds in its environment."""
    with connect(database) as connection:
        fill(connection)
    address = uri(database)
    monkeypatch.setenv("GJOBS_DATABASE_URL", address)
    return address


@pytest.fixture
def sql(url: str, database: Conninfo) -> Sql:
    """Runs one statement as the operator, and returns its rows."""

    def run(statement: str, *values: object) -> list[tuple[object, ...]]:
        with connect(database) as connection:
            cursor: psycopg.Cursor[tuple[object, ...]] = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def gjobs(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process, without a terminal."""

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

        def start(*arguments: str, columns: int = 100, environment: Mapping[str, str] | None = None) -> Terminal:
            terminal = Terminal(*arguments, columns=columns, environment=environment)
            cleanup.callback(terminal.close)
            return terminal

        yield start
