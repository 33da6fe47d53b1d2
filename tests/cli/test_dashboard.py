"""`gjobs`, `gjobs demo` and `gjobs snapshot`, as far as the command line has a say."""

import signal
from pathlib import Path

import pytest

from tests.cli.support import OpenTerminal, Run, run_process

LEAVE_FULL_SCREEN = "\x1b[?1049l"


@pytest.mark.parametrize("arguments", [[], ["demo"]])
def test_dashboard_without_a_terminal_suggests_the_snapshot_command(arguments: list[str]) -> None:
    refused = run_process(*arguments)
    assert (refused.code, refused.out) == (2, "")
    assert "needs a terminal" in refused.err
    assert "gjobs snapshot" in refused.err


def test_dumb_terminal_is_refused(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal(environment={"TERM": "dumb"})
    assert terminal.finish() == 2
    assert "needs a terminal" in terminal.screen


@pytest.mark.parametrize("arguments", [["--json"], ["demo", "--json"], ["snapshot", "--json"]])
def test_dashboard_commands_refuse_json(gjobs: Run, arguments: list[str]) -> None:
    refused = gjobs(*arguments)
    assert (refused.code, refused.out) == (2, "")
    assert "no JSON form" in refused.err


@pytest.mark.parametrize("option", [["--as", "ada@example.com"], ["--read-only"], ["--write", "why not"]])
def test_demo_refuses_options_that_it_cannot_honor(gjobs: Run, option: list[str]) -> None:
    refused = gjobs("demo", *option)
    assert (refused.code, refused.out) == (2, "")
    assert "Leave --as, --read-only and --write out." in refused.err


@pytest.mark.parametrize(("arguments", "words"), [([], "W asks for the reason"), (["snapshot"], "writes nothing")])
def test_dashboard_and_snapshot_refuse_a_write_reason(gjobs: Run, arguments: list[str], words: str) -> None:
    refused = gjobs(*arguments, "--write", "ticket 4711")
    assert (refused.code, refused.out) == (2, "")
    assert words in refused.err


@pytest.mark.usefixtures("url")
def test_snapshot_prints_text_of_the_requested_size(gjobs: Run) -> None:
    frame = gjobs("snapshot", "--size", "100x30")
    assert (frame.code, frame.err) == (0, "")
    lines = frame.out.splitlines()
    assert len(lines) == 30
    assert max(map(len, lines)) <= 100
    assert "Autumn catalog" in frame.out
    assert "\x1b" not in frame.out


@pytest.mark.usefixtures("url")
def test_snapshot_writes_an_svg_file(gjobs: Run, tmp_path: Path) -> None:
    picture = tmp_path / "dashboard.svg"
    written = gjobs("snapshot", "--svg", str(picture))
    assert (written.code, written.out) == (0, "")
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    refused = gjobs("snapshot", "--svg", str(tmp_path / "missing" / "dashboard.svg"))
    assert refused.code == 1
    assert "cannot be written" in refused.err


@pytest.mark.usefixtures("url")
def test_terminated_dashboard_restores_the_terminal(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal("--as", "ada@example.com", columns=120)
    terminal.read_until("API timeout")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.finish() == -signal.SIGTERM
    assert LEAVE_FULL_SCREEN in terminal.screen
    assert "Traceback" not in terminal.screen


@pytest.mark.usefixtures("url")
def test_dashboard_opens_on_a_terminal_and_quits(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal("--as", "ada@example.com", columns=120)
    terminal.read_until("API timeout")
    terminal.type("q")
    assert terminal.finish() == 0
    assert "Traceback" not in terminal.screen
