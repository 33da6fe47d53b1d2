"""A small world with two users, and the command line on it."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.cli.support import Configure, OpenTerminal, Result, Run, Sql, Terminal, profile, uri
from tests.cli.world import fill
from tests.conftest import Conninfo
from tui.cli.main import main


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing that a developer's shell sets, and no server of theirs."""
    for name in ("DATABASE_URL", "GJOBS_DATABASE_URL", "GJOBS_PROFILE", "GJOBS_CONFIG", "GJOBS_AS", "GJOBS_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GJOBS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture
def url(
    database: Conninfo, operator_connection: psycopg.Connection, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A migrated database with the small world, which the command line opens by its configuration, and may write."""
    with operator_connection.transaction(), operator_connection.pipeline():
        fill(operator_connection)
    address = uri(database)
    configure(profile("world", address, write=True))
    monkeypatch.setenv("GJOBS_PROFILE", "world")
    return address


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Writes the configuration file that the command line reads."""

    def write(*parts: str) -> Path:
        file = tmp_path / "gjobs.toml"
        file.write_text("\n".join(parts), encoding="utf-8")
        file.chmod(0o600)
        monkeypatch.setenv("GJOBS_CONFIG", str(file))
        return file

    return write


@pytest.fixture
def sql(url: str, operator_connection: psycopg.Connection) -> Sql:
    """Runs one statement as the operator, and returns its rows."""

    def run(statement: str, *values: object) -> list[tuple[object, ...]]:
        cursor: psycopg.Cursor[tuple[object, ...]] = operator_connection.execute(statement.encode(), values)
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
