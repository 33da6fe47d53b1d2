"""`gjobs`, `gjobs demo` and `gjobs snapshot`: the terminal, the options and the output files."""

import asyncio
import signal
from pathlib import Path

import psycopg
import pytest

from tests.cli.command_line import Configure, OpenTerminal, Run, Sql, Terminal, assert_refused, profile
from tests.conftest import Conninfo, connect
from tests.odd_input import LATE_REPLIES, ODD_INPUT
from tests.store.store_fixtures import until

_STUCK = """
insert into generation_jobs (user_id, project_id, status, mode, cost_cents, created_at, updated_at)
select user_id, id, 'running', 'lifestyle', 250, now() - interval '5 hours', now() - interval '5 hours' from projects
"""


def test_dashboard_without_a_usable_terminal_is_refused(gjobs: Run, open_terminal: OpenTerminal) -> None:
    for arguments in ([], ["demo"]):
        assert_refused(gjobs(*arguments), 2, "needs a terminal", "gjobs snapshot")

    terminal = open_terminal(environment={"TERM": "dumb"})
    assert terminal.finish() == 2
    assert "needs a terminal" in terminal.screen


def test_snapshot_prints_text_of_the_requested_size_with_the_profile_label(
    gjobs: Run, url: str, configure: Configure, operator_connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def load_nothing_more() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("gjobs.tui.dashboard.frame.app.preload", load_nothing_more)
    configure(profile("world", url, label="Production", color="red"))
    operator_connection.execute(_STUCK)
    operator_connection.commit()
    frame = gjobs("snapshot", "--size", "100x30")
    assert (frame.code, frame.err) == (0, "")
    lines = frame.out.splitlines()
    assert len(lines) == 30
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith(" Production ")
    assert "read-only" in lines[0]
    assert "Autumn catalog" in frame.out
    assert "! stuck 5 h" in frame.out, "the rows are marked before the frame is taken"
    assert "\x1b" not in frame.out


@pytest.mark.usefixtures("url")
def test_snapshot_writes_an_svg_file(gjobs: Run, tmp_path: Path) -> None:
    picture = tmp_path / "dashboard.svg"
    written = gjobs("snapshot", "--svg", str(picture))
    assert (written.code, written.out) == (0, "")
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    assert picture.stat().st_mode & 0o777 == 0o600
    assert_refused(gjobs("snapshot", "--svg", str(tmp_path / "missing" / "dashboard.svg")), 2, "cannot be written")
    picture.write_text("mine")
    assert_refused(gjobs("snapshot", "--svg", str(picture)), 2, f"{picture} already exists", "--force")
    assert picture.read_text() == "mine"
    assert gjobs("snapshot", "--svg", str(picture), "--force").code == 0
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    printed = gjobs("snapshot", "--svg", "-")
    assert (printed.code, printed.err) == (0, "")
    assert printed.out.startswith("<svg")


def open_dashboard(open_terminal: OpenTerminal) -> Terminal:
    """Open the dashboard and wait for its jobs."""
    terminal = open_terminal("--as", "ada@example.com", columns=120)
    terminal.read_until("API timeout")
    return terminal


@pytest.mark.usefixtures("url")
def test_dashboard_ignores_invalid_input_and_restores_the_terminal(open_terminal: OpenTerminal, sql: Sql) -> None:
    # The odd input holds a key that would open an earlier moment.
    sql("update gjobs.fold_state set recorded_since = '2100-01-01Z'")
    terminal = open_dashboard(open_terminal)
    for data in (*ODD_INPUT, *LATE_REPLIES):
        terminal.send(data)
    terminal.send(b"?")
    terminal.read_until("Complete the job")
    terminal.send(b"\x11")
    assert terminal.finish() == 0
    assert "\x1b[?1049l" in terminal.screen
    assert "Traceback" not in terminal.screen


@pytest.mark.usefixtures("url")
def test_dashboard_ended_by_a_signal_or_a_closed_terminal_restores_the_terminal(open_terminal: OpenTerminal) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        terminal = open_dashboard(open_terminal)
        terminal.process.send_signal(number)
        assert terminal.finish() == -number
        assert "\x1b[?1049l" in terminal.screen, number
        assert "Traceback" not in terminal.screen
    assert open_dashboard(open_terminal).hang_up(signals=0) == 1, "without a signal, it finds the terminal closed"


async def test_export_leaves_no_file_if_the_terminal_closes(
    open_terminal: OpenTerminal, database: Conninfo, sql: Sql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    monkeypatch.chdir(folder)
    waiting = "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    terminal = open_dashboard(open_terminal)
    terminal.type("e")
    terminal.read_until("Export (enter)")
    with connect(database) as other:
        other.execute("lock table public.generation_jobs in access exclusive mode")
        terminal.type("\r")
        await until(lambda: any(folder.glob(".gjobs-export-*")) and bool(sql(waiting)))
        assert terminal.hang_up() == -signal.SIGHUP
    assert not list(folder.iterdir())


def test_mistakes_in_a_scenario_are_reported_by_line_and_key_before_the_demo_starts(gjobs: Run, tmp_path: Path) -> None:
    scenario = tmp_path / "talk.toml"
    scenario.write_text('title = "Talk"\n[[step]]\nsay = 1\n[[step]]\nburst = 0\n')
    refused = gjobs("demo", "--script", str(scenario))
    assert_refused(refused, 2, "line 3: step.1.say is a number", "line 5: step.2.burst must be from 1 to 100")
    assert_refused(gjobs("demo", "--script", "lifecycel"), 2, "Did you mean 'lifecycle'?")
