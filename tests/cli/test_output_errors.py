"""Errors: two lines on stderr and an exit code, without a traceback or a password."""

import asyncio
import json
import shlex
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store import errors
from gjobs.store.errors import StoreError
from gjobs.tui.cli.output import (
    CommandError,
    ExitCode,
    exit_code,
    without_passwords,
)
from tests.cli.cli_rows import FAILED, MISSING, QUEUED
from tests.cli.command_line import PATIENCE, Configure, Result, Run, assert_refused, run_process, uri
from tests.conftest import Conninfo
from tests.store.faulty_servers import NOT_ACCEPTING, RejectingServer, fatal, listening

SECRET = "hunter2"


def assert_explained(refused: Result, code: int, *words: str) -> None:
    assert_refused(refused, code, *words)
    assert len(refused.err.splitlines()) == 2
    assert "Traceback" not in refused.err
    assert SECRET not in refused.err


def test_missing_database_or_schema_is_explained(gjobs: Run, database: Conninfo, blank_database: Conninfo) -> None:
    assert_explained(gjobs("jobs", "list", "--database-url", uri({**database, "dbname": "nowhere"})), 3)

    for command in ("projects", "jobs list", "stats", f"jobs show {FAILED}", "users"):
        refused = gjobs(*command.split(), "--database-url", uri(blank_database))
        assert_explained(refused, 5, "gjobs migrate status")


def test_database_url_with_another_scheme_is_explained(gjobs: Run) -> None:
    for command in ("jobs list", "users", "migrate status", "snapshot", ""):
        refused = gjobs("--database-url", f"mysql://ada:{SECRET}@db/app", *command.split())
        assert_explained(refused, 2, "only Postgres")


@pytest.mark.parametrize(
    "arguments",
    [
        ["jobs", "list", f"postgresql://ada:{SECRET}@db/app"],
        [f"postgresql://ada:{SECRET}@db/app"],
        [f"postgresql://ada/@corp:x {SECRET}@db/app"],
        ["users", f"--databse-url=postgresql://ada:{SECRET}@db/app"],
        ["users", "--database-url", f"postgresql://ada:{SECRET} @db:port/app"],
        ["users", "--database-url", f"postgresql://ada:x@{SECRET}@127.0.0.1:1/app"],
        ["users", "--database-url", f"postgresql://ada:x/{SECRET}@127.0.0.1:1/app"],
        ["users", "--database-url", f"host=127.0.0.1 port=1 password='{SECRET}' nonsense"],
        ["users", "--database-url", f"host=127.0.0.1 port=1 password={SECRET}"],
        ["users", "--database-url", f"postgresql://127.0.0.1:1/app?password={SECRET}"],
        ["users", "--as", f"postgresql://ada:{SECRET}@db/app", "--database-url", "postgresql://127.0.0.1:1/app"],
        ["db", "status", "--database-url", f"postgresql://ada:{SECRET}@db/app"],
        ["demo", "--database-url", f"postgresql://ada:{SECRET}@db/app"],
        ["migrate", "status", "--database-url", f"postgresql://ada:{SECRET}@127.0.0.1:1/app"],
        ["snapshot", "--database-url", f"postgresql://ada:{SECRET}@127.0.0.1:1/app"],
    ],
)
def test_failed_command_prints_no_password_even_with_its_traceback(
    gjobs: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("GJOBS_DEBUG", "1")
    refused = gjobs(*arguments)
    assert refused.code in (2, 3)
    assert SECRET not in refused.out + refused.err
    assert "Traceback" in refused.err


FailWith = Callable[[BaseException], None]
"""Makes each command fail with the error."""


@pytest.fixture
def fail_with(monkeypatch: pytest.MonkeyPatch) -> FailWith:
    def install(error: BaseException) -> None:
        def fail(arguments: object) -> object:
            raise error

        monkeypatch.setattr("gjobs.tui.cli.program.parse", fail)

    return install


def test_internal_error_shows_an_escaped_traceback_only_in_debug_mode(
    gjobs: Run, monkeypatch: pytest.MonkeyPatch, fail_with: FailWith
) -> None:
    fail_with(ValueError(f"postgresql://ada:{SECRET}@db/app \x1b]0;hostile\x07\N{RIGHT-TO-LEFT OVERRIDE}"))
    assert_explained(gjobs("users"), 70, "ValueError")
    monkeypatch.setenv("GJOBS_DEBUG", "1")
    shown = gjobs("users").err
    assert "Traceback" in shown
    assert "@db/app ␛]0;hostile␇␦" in shown
    assert SECRET not in shown
    assert shown.replace("\n", "").isprintable()


NOWHERE = f"postgresql://ada:{SECRET}@127.0.0.1:1/app"


@pytest.mark.usefixtures("url")
def test_failure_under_json_is_one_document_on_the_last_line_of_stderr(gjobs: Run) -> None:
    for line, kind, code in (
        (f"jobs list --database-url {NOWHERE}", "unreachable", 3),
        (f"doctor --database-url {NOWHERE}", "unreachable", 3),
        (f"jobs list --database-url \"host=127.0.0.1 port=1 password='{SECRET}' nonsense\"", "invalid_value", 2),
        (f"jobs list --databse-url={NOWHERE}", "usage_error", 2),
        (f"jobs lst {NOWHERE}", "usage_error", 2),
        ("snapshot", "usage_error", 2),
        ("jobs list --filter statsu:x", "filter_error", 2),
        ("jobs list --project Atumn", "row_missing", 1),
        (f"jobs show {MISSING}", "row_missing", 1),
        ("jobs show 0000", "usage_error", 2),
        ("jobs delete 0000 --yes", "usage_error", 2),
        (f"jobs update {QUEUED} --mode x --read-only", "read_only", 6),
        ("users --as ada@example.com", "no_privilege", 6),
        (f"jobs delete {QUEUED}", "usage_error", 2),
        (f"jobs transition {QUEUED} failed", "declined", 1),
        (f"jobs retry {QUEUED} {MISSING}", "partly_declined", 1),
        ("cleanup policies remove", "declined", 1),
        ("--profile=nowhere users", "invalid_value", 2),
    ):
        words = shlex.split(line)
        refused, as_text = gjobs(*words, "--json"), gjobs(*words)
        assert refused.err, line
        error = json.loads(refused.err.splitlines()[-1])["error"]
        assert list(error) == ["kind", "message", "hint", "exit_code"], line
        assert (error["kind"], error["exit_code"], refused.code) == (kind, code, code), line
        assert SECRET not in refused.err + as_text.err, line
        if "snapshot" not in words:
            lines = as_text.err.splitlines()
            assert error["message"] in (lines[-1], lines[-2] if len(lines) > 1 else "", " ".join(lines)), line
            assert error["hint"] in (lines[-1], None), line
            assert "Traceback" not in as_text.err, line


def test_wrong_configuration_under_json_is_one_document(gjobs: Run, configure: Configure) -> None:
    configure("thme = 1", "colour = 2")
    error = json.loads(gjobs("users", "--json").err)["error"]
    assert (error["kind"], error["exit_code"]) == ("bad_configuration", 2)
    assert "thme is not known" in error["message"]
    assert "colour is not known" in error["message"]


@pytest.mark.parametrize(
    ("raised", "kind", "code"), [(KeyError("x"), "internal_error", 70), (KeyboardInterrupt(), "interrupted", 130)]
)
def test_internal_error_or_interrupt_under_json_is_one_document(
    gjobs: Run, fail_with: FailWith, raised: BaseException, kind: str, code: int
) -> None:
    fail_with(raised)
    error = json.loads(gjobs("users", "--json").err)["error"]
    assert (error["kind"], error["exit_code"]) == (kind, code)
    stopped = gjobs("users")
    assert (stopped.code, stopped.out, stopped.err == "Interrupted.\n") == (code, "", code == 130)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (NOT_ACCEPTING, "The server is starting, recovering or shutting down. Wait until it is ready, then try again."),
        (fatal("53300", "sorry, too many clients already"), "All connections of the server or the pooler"),
    ],
    ids=["recovery", "full"],
)
async def test_command_explains_why_the_server_takes_no_connections(refusal: bytes, words: str) -> None:
    async with listening(RejectingServer(refusal, asks_for_password=False).serve, "127.0.0.1") as port:
        for command in ("jobs list", "migrate status"):
            address = f"postgresql://ada@127.0.0.1:{port}/app"
            done = await asyncio.to_thread(run_process, *command.split(), "--database-url", address)
            assert done.code == 3
            assert words in done.err
            assert "sign-in" not in done.err
            assert "Check the address" not in done.err


def test_windows_user_is_pointed_to_wsl() -> None:
    # Modules that only POSIX has must not be imported before the check.
    program = """
import sys
sys.modules.update(dict.fromkeys(["fcntl", "grp", "pwd", "resource", "termios"]))
from gjobs.tui.cli.main import main
sys.platform = "win32"
sys.exit(main(["users"]))
"""
    refused = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.splitlines()[0].endswith("does not run on Windows directly.")
    assert "WSL" in refused.stderr


word = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"], exclude_characters=":/?#@&='\"\\"), min_size=1)


@given(word, word, word)
def test_password_in_a_uri_is_masked(user: str, password: str, host: str) -> None:
    hidden = without_passwords(f"connecting to postgresql://{user}:§{password}§@{host}/app failed")
    assert hidden == f"connecting to postgresql://{user}:***@{host}/app failed"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("postgresql://ada:a/b@c d?e@db/app", "postgresql://ada:***@db/app"),
        ("postgresql://ada/x@corp:secret@db/app", "postgresql://ada/x@corp:***@db/app"),
        ("postgresql://:secret@db/app", "postgresql://:***@db/app"),
        ("host=db password='a b\\'c' user=ada", "host=db password=*** user=ada"),
        ("postgresql://db/app?password=a%20b&user=ada", "postgresql://db/app?password=***&user=ada"),
        ("sslpassword = x", "sslpassword = ***"),
        ("password=ab'cd user=ada", "password=*** user=ada"),
        ("password=ab\\ cd user=ada", "password=*** user=ada"),
        ("postgresql://ada@db/app", "postgresql://ada@db/app"),
        ("Write to ada@example.com: it is 12:30.", "Write to ada@example.com: it is 12:30."),
    ],
)
def test_only_passwords_are_masked(text: str, hidden: str) -> None:
    assert without_passwords(text) == hidden


def descendants(kind: type[BaseException]) -> set[type[BaseException]]:
    children = set(kind.__subclasses__())
    return children.union(*map(descendants, children))


def test_only_unexpected_errors_count_as_faults_of_gjobs() -> None:
    raised = descendants(StoreError) | descendants(CommandError)
    # The command line converts errors of export files to command errors. The dashboard shows its own.
    elsewhere = ("tests", "gjobs.tui.export", "gjobs.tui.dashboard")
    own = {kind for kind in raised if not kind.__module__.startswith(elsewhere)}
    faults = {kind for kind in own | {KeyError} if exit_code(kind.__new__(kind)) is ExitCode.OUR_FAULT}
    assert faults == {errors.UnexpectedError, KeyError}
    assert exit_code(errors.SignInRefused("")) is ExitCode.UNREACHABLE


def test_exit_codes_have_their_documented_numbers() -> None:
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 70, 74, 130]
