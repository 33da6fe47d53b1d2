"""Output streams, also of writes that are not confirmed: data on stdout, messages on stderr, and exit codes."""

import asyncio
import io
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from gjobs.store.journal.journal import Journal, read_journal
from tests.cli.cli_rows import BENS_JOB, FAILED, QUEUED, RUNNING, SUCCEEDED
from tests.cli.command_line import GJOBS, PATIENCE, Command, OpenTerminal, Result, Run, Sql, run_process, uri
from tests.conftest import Conninfo
from tests.store.faulty_servers import CHANGE, COMMIT, Cut, proxied
from tests.store.store_fixtures import until

pytestmark = pytest.mark.usefixtures("url")


def test_closed_output_pipe_keeps_the_exit_code() -> None:
    for line, code in (
        ("jobs list --json", 0),
        ("jobs export - --format json", 0),
        ("--help", 0),
        (f"jobs transition {QUEUED} failed --json", 1),
    ):
        read_end, write_end = os.pipe()
        os.close(read_end)
        with tempfile.TemporaryFile() as nothing, tempfile.TemporaryFile() as errors:
            command = Command(line.split(), [nothing.fileno(), write_end, errors.fileno()])
            os.close(write_end)
            assert command.wait(PATIENCE) == code, line
            assert bool(os.fstat(errors.fileno()).st_size) is (code == 1), line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_full_disk_is_explained_without_a_traceback() -> None:
    with Path("/dev/full").open("wb") as full, tempfile.TemporaryFile() as errors:
        command = Command(["jobs", "list", "--status", "failed"], [full.fileno(), full.fileno(), errors.fileno()])
        assert command.wait(PATIENCE) == 74
        errors.seek(0)
        said = errors.read()
    assert said == b"Could not write the output: No space left on device.\nNothing was changed.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_full_disk_message_says_if_a_change_was_made(gjobs: Run, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    for line, is_changed in (
        *((line, False) for line in ("--version", "jobs --help", "stats --json", "jobs export - --format csv")),
        (f"jobs transition {QUEUED} failed --json", False),
        (f"jobs transition {QUEUED} running", True),
        (f"jobs update {QUEUED} --cost-cents 7 --json", True),
        (f"jobs delete {QUEUED} --yes --json", True),
        (f"jobs retry {FAILED}", True),
        ("jobs create --project Spring\\ lookbook --mode x", True),
        ("projects create New --as ada@example.com", True),
        ("budgets set --user ada@example.com --period day --limit 900", True),
        ("cleanup policies set --older-than 1000w --yes --json", True),
        ("cleanup --older-than 1d --delete --yes --json", True),
        ("cleanup --older-than 1000w --delete --yes --json", False),
        ("migrate repair-rollups --yes --json", True),
        ("db stop --json", None),
    ):
        monkeypatch.setattr(Journal, "writes_done", 0)
        with Path("/dev/full").open("w", encoding="utf-8") as full, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", full)
            done = gjobs(*shlex.split(line))
        assert done.code == 74, line
        assert "Could not write the output: No space left on device." in done.err, line
        assert ("The change was made: 'gjobs journal' shows it." in done.err) is (is_changed is True), line
        is_unchanged = is_changed is False and line not in ("--version", "jobs --help")
        assert ("Nothing was changed." in done.err) is is_unchanged, line
        assert ("The embedded server was not running." in done.err) is (is_changed is None), line
    # The policy for all projects remains when the fixture removes the rows.
    sql("delete from gjobs.retention_policies")


def test_command_runs_with_a_closed_standard_stream() -> None:
    for closing in (">&-", "<&- 2>&-"):
        shell = ["/bin/sh", "-c", f'exec "$0" "$@" {closing}']
        done = subprocess.run([*shell, GJOBS, "users"], capture_output=True, timeout=PATIENCE)
        assert (done.returncode, done.stderr) == (0, b""), closing
        assert (b"ada@example.com" in done.stdout) is (closing != ">&-")


def test_ascii_output_encoding_changes_no_json_data(gjobs: Run, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    sql("update public.projects set name = '秋の目録'")

    def printed(*arguments: str) -> str:
        stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stdout)
            assert gjobs(*arguments).code == 0
        stdout.seek(0)
        return stdout.read()

    assert "????" in printed("projects")
    assert json.loads(printed("projects", "--json"))[0]["name"] == "秋の目録"


def test_table_without_a_terminal_has_no_color_and_is_not_truncated(gjobs: Run, sql: Sql) -> None:
    sql("update public.generation_jobs set error = repeat('long ', 100) where id = %s", FAILED)
    listed = gjobs("jobs", "list")
    assert "\x1b" not in listed.out
    assert "long " * 100 in listed.out.replace("\n", " ")
    assert "ago" not in listed.out


Screen = Callable[..., str]


@pytest.fixture
def screen(open_terminal: OpenTerminal) -> Screen:
    """Run a command on a terminal and return what the terminal shows."""

    def run(*arguments: str, columns: int = 100, **environment: str) -> str:
        terminal = open_terminal(*arguments, columns=columns, environment=environment)
        assert terminal.finish() == 0
        return terminal.screen.replace("\r\n", "\n")

    return run


def test_terminal_shows_ages_indented_json_and_colors_unless_disabled(screen: Screen) -> None:
    shown = screen("jobs", "list")
    assert "\x1b[31mfailed" in shown
    assert " d ago" in shown
    assert "\x1b" not in screen("jobs", "list", NO_COLOR="1") + screen("jobs", "list", TERM="dumb")
    document = screen("jobs", "show", str(FAILED), "--json")
    assert document == json.dumps(json.loads(document), indent=2) + "\n"


def test_table_fits_the_width_of_the_terminal(screen: Screen, sql: Sql) -> None:
    sql("update public.generation_jobs set error = repeat('long ', 100), mode = repeat('m', 50)")
    for columns in (40, 100):
        lines = screen("jobs", "list", columns=columns, NO_COLOR="1").splitlines()
        assert len(lines) == 6
        assert max(map(len, lines)) <= columns
        assert {line[:36] for line in lines[1:]} == set(map(str, (QUEUED, RUNNING, SUCCEEDED, FAILED, BENS_JOB)))


def test_terminal_of_80_columns_shows_mode_project_and_error_beside_short_ids(screen: Screen, sql: Sql) -> None:
    sql("delete from public.generation_jobs where id <> %s", FAILED)
    titles, job = screen("jobs", "list", columns=80, NO_COLOR="1").splitlines()
    assert titles.split() == ["ID", "STATUS", "COST", "CREATED", "MODE", "PROJECT", "ERROR"]
    assert job.startswith(f"{FAILED.hex[:8]}  failed")
    assert job.endswith("feature_callout  Autumn catalog  API timeout")
    written = screen("jobs", "update", str(FAILED), "--cost-cents", "5", columns=80, NO_COLOR="1")
    assert str(FAILED) in written


def test_version_option_prints_the_installed_version(gjobs: Run) -> None:
    assert gjobs("--version").out == f"gjobs {version('gjobs')}\n"


TRANSITION = ("jobs", "transition", str(QUEUED), "running", "--write", "ticket 7", "--json")


def journal() -> list[tuple[str, str]]:
    directory = Path(os.environ["GJOBS_DATA_DIR"]) / "journal"
    return [(entry.what, entry.outcome.value) for entry in read_journal(directory).entries]


def assert_outcome_unknown(result: Result, words: str, advice: str) -> None:
    assert (result.code, result.out) == (7, "")
    error = json.loads(result.err)["error"]
    assert error["message"] == f"The connection was lost before the database confirmed the change{words}"
    assert error["hint"] == f"The command was: transition job to running {QUEUED}. {advice}"


@pytest.mark.parametrize("arrives", [True, False])
async def test_write_outcome_stays_unknown_while_the_connection_is_lost(database: Conninfo, arrives: bool) -> None:
    async with proxied(database) as (proxy, conninfo):
        proxy.cut = Cut(at=COMMIT, reaches_database=arrives)
        ended = await asyncio.to_thread(run_process, *TRANSITION, "--database-url", uri(conninfo))
    advice = "Check its outcome in the journal before you repeat it."
    assert_outcome_unknown(ended, ": it may or may not have been made.", advice)
    assert journal() == [("transition job to running", "unknown")]


async def test_connection_lost_before_the_commit_is_reported_with_the_unchanged_state(database: Conninfo) -> None:
    async with proxied(database) as (proxy, conninfo):
        proxy.cut = Cut(at=CHANGE)
        ended = await asyncio.to_thread(run_process, *TRANSITION, "--database-url", uri(conninfo))
    assert (ended.code, ended.out) == (3, "")
    message = json.loads(ended.err)["error"]["message"]
    assert message.startswith("The connection was lost: ")
    assert message.endswith(". Nothing was changed.")
    assert journal() == []


@pytest.mark.parametrize(
    ("arrives", "words", "outcome", "advice"),
    [
        (True, f"made: lifestyle {QUEUED.hex[:8]} is running now.", "done", "Don't repeat it."),
        (False, f"not made: lifestyle {QUEUED.hex[:8]} is queued now.", "not done", "You can repeat it."),
    ],
)
async def test_write_outcome_is_reported_after_the_connection_returns(
    database: Conninfo, arrives: bool, words: str, outcome: str, advice: str
) -> None:
    async with proxied(database) as (proxy, conninfo):
        proxy.cut = Cut(at=COMMIT, reaches_database=arrives)
        running = asyncio.create_task(asyncio.to_thread(run_process, *TRANSITION, "--database-url", uri(conninfo)))
        await until(lambda: proxy.cut is None)
        await asyncio.sleep(0.01)
        proxy.come_back()
        assert_outcome_unknown(await running, f". The change was {words}", advice)
    assert journal() == [("transition job to running", outcome)]
