"""The installed command's streams: data on stdout, words on stderr, and what happens where one cannot be written."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from store.journal.journal import Journal
from tests.cli.cli_rows import BENS, FAILED, QUEUED, RUNNING, SUCCEEDED
from tests.cli.command_line import GJOBS, PATIENCE, OpenTerminal, Run, Sql, run_process

pytestmark = pytest.mark.usefixtures("url")


def run_into(descriptor: int, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """With stdout going to an open file, which is closed here."""
    try:
        return subprocess.run(
            [GJOBS, *arguments], stdin=subprocess.DEVNULL, stdout=descriptor, stderr=subprocess.PIPE, timeout=PATIENCE
        )
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("jobs list", 0),
        ("jobs list --json", 0),
        ("jobs export - --format json", 0),
        ("--help", 0),
        (f"jobs transition {QUEUED} failed --json", 1),
    ],
)
def test_closed_output_pipe_keeps_the_exit_code(line: str, code: int) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = run_into(write_end, *line.split())
    assert (done.returncode, bool(done.stderr)) == (code, code == 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_full_disk_is_explained_without_a_traceback() -> None:
    done = run_into(os.open("/dev/full", os.O_WRONLY), "jobs", "list", "--status", "failed")
    assert done.returncode == 74
    assert done.stderr == b"Could not write the output: No space left on device.\nNothing was changed.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize(
    ("line", "is_changed"),
    [
        *((line, False) for line in ("--version", "jobs --help", "stats --json", "jobs export - --format csv")),
        (f"jobs transition {QUEUED} failed --json", False),
        (f"jobs transition {QUEUED} running", True),
        (f"jobs update {QUEUED} --cost-cents 7 --json", True),
        (f"jobs delete {QUEUED} --yes --json", True),
        (f"jobs retry {FAILED}", True),
        ("jobs create --project Spring\\ lookbook --mode x", True),
        ("projects create New --as ada@example.com", True),
        ("budgets set --user ada@example.com --period day --limit 900", True),
        ("retention set --older-than 1000w --yes --json", True),
        ("cleanup --older-than 1d --delete --yes --json", True),
        ("cleanup --older-than 1000w --delete --yes --json", False),
        ("migrate repair-rollups --yes --json", True),
        ("db stop --json", None),
    ],
)
def test_full_disk_message_says_whether_the_change_was_made(
    gjobs: Run, sql: Sql, monkeypatch: pytest.MonkeyPatch, line: str, is_changed: bool | None
) -> None:
    monkeypatch.setattr(Journal, "writes_done", 0)
    with Path("/dev/full").open("w", encoding="utf-8") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        done = gjobs(*shlex.split(line))
    # A policy for all projects outlives the rows that this test removes.
    sql("delete from gjobs.retention_policies")
    assert done.code == 74
    assert "Could not write the output: No space left on device." in done.err
    assert ("The change was made: 'gjobs journal' shows it." in done.err) is (is_changed is True)
    assert ("Nothing was changed." in done.err) is (is_changed is False and line not in ("--version", "jobs --help"))
    if is_changed is None:
        assert "The embedded server was not running." in done.err


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&-"])
def test_command_runs_with_a_closed_standard_stream(closing: str) -> None:
    shell = ["/bin/sh", "-c", f'exec "$0" "$@" {closing}']
    done = subprocess.run([*shell, GJOBS, "users"], capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b"ada@example.com" in done.stdout) is (closing != ">&-")


def test_ascii_output_encoding_changes_no_json_data(sql: Sql) -> None:
    sql("update public.projects set name = '秋の目録'")
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    assert "????" in run_process("projects", environment=ascii_only).out
    assert json.loads(run_process("projects", "--json", environment=ascii_only).out)[0]["name"] == "秋の目録"


def test_table_without_a_terminal_has_no_color_and_is_not_truncated(sql: Sql) -> None:
    sql("update public.generation_jobs set error = repeat('long ', 100) where id = %s", FAILED)
    listed = run_process("jobs", "list")
    assert "\x1b" not in listed.out
    assert "long " * 100 in listed.out.replace("\n", " ")
    assert "ago" not in listed.out


Screen = Callable[..., str]


@pytest.fixture
def screen(open_terminal: OpenTerminal) -> Screen:
    """What stands on a terminal after a command has run there."""

    def run(*arguments: str, columns: int = 100, **environment: str) -> str:
        terminal = open_terminal(*arguments, columns=columns, environment=environment)
        assert terminal.finish() == 0
        return terminal.screen.replace("\r\n", "\n")

    return run


def test_terminal_shows_colored_statuses_and_ages(screen: Screen) -> None:
    shown = screen("jobs", "list")
    assert "\x1b[31mfailed" in shown
    assert " d ago" in shown


def test_no_color_and_dumb_terminals_disable_color(screen: Screen) -> None:
    assert "\x1b" not in screen("jobs", "list", NO_COLOR="1") + screen("jobs", "list", TERM="dumb")


@pytest.mark.parametrize("columns", [40, 100])
def test_table_fits_the_width_of_the_terminal(screen: Screen, sql: Sql, columns: int) -> None:
    sql("update public.generation_jobs set error = repeat('long ', 100), mode = repeat('m', 50)")
    lines = screen("jobs", "list", columns=columns, NO_COLOR="1").splitlines()
    assert len(lines) == 6
    assert max(map(len, lines)) <= columns
    assert {line[:36] for line in lines[1:]} == set(map(str, (QUEUED, RUNNING, SUCCEEDED, FAILED, BENS)))


def test_terminal_of_80_columns_shows_mode_project_and_error_beside_short_ids(screen: Screen, sql: Sql) -> None:
    sql("delete from public.generation_jobs where id <> %s", FAILED)
    titles, job = screen("jobs", "list", columns=80, NO_COLOR="1").splitlines()
    assert titles.split() == ["ID", "STATUS", "COST", "CREATED", "MODE", "PROJECT", "ERROR"]
    assert job.startswith(f"{FAILED.hex[:8]}  failed")
    assert job.endswith("feature_callout  Autumn catalog  API timeout")
    written = screen("jobs", "update", str(FAILED), "--cost-cents", "5", columns=80, NO_COLOR="1")
    assert str(FAILED) in written


def test_json_is_indented_on_a_terminal(screen: Screen) -> None:
    document = screen("jobs", "show", str(FAILED), "--json")
    assert document == json.dumps(json.loads(document), indent=2) + "\n"


def test_version_option_prints_the_installed_version() -> None:
    assert run_process("--version").out == f"gjobs {version('gjobs')}\n"
