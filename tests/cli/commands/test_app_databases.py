"""Databases of an app's files on the command line: listed, named by --profile, and never opened unasked."""

from pathlib import Path

import pytest

from gjobs.store.configuration.settings import resolve
from gjobs.tui.cli import sessions
from tests.cli.command_line import Configure, OpenTerminal, Run, Sql, assert_refused, profile

SECRET = "hunter2"

SUPABASE = "[db]\nport = 54322\n"


@pytest.fixture
def app_directory(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an app whose .env file names the test's database. Commands start in a folder below it."""
    directory = tmp_path / "shop"
    for folder in (".git", "supabase", "src"):
        (directory / folder).mkdir(parents=True)
    (directory / "supabase/config.toml").write_text(SUPABASE)
    (directory / ".env.local").write_text(
        f"DATABASE_URL='{url}'\nDIRECT_URL=postgres://ada:{SECRET}@db.example.com/far\nPOSTGRES_URL={SECRET}://x\n"
    )
    monkeypatch.chdir(directory / "src")
    monkeypatch.delenv("GJOBS_PROFILE")
    return directory


def test_profiles_lists_databases_of_the_app_in_a_section_without_passwords(
    gjobs: Run, app_directory: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure('default_profile = "prod"', profile("prod", "postgresql://ada@db.example.com/app"))
    listed = gjobs("profiles")
    table, found = (part.splitlines() for part in listed.out.split("IN THE APP"))
    assert [line.split()[0] for line in table] == ["PROFILE", "prod", "embedded"]
    assert found[0].split() == ["DEFAULT", "LABEL", "WRITE", "WHERE", "FOUND", "IN"]
    assert [line.split()[0] for line in found[1:]] == [
        "app:supabase",
        "app:.env.local:DATABASE_URL",
        "app:.env.local:DIRECT_URL",
    ]
    assert found[1].split()[-3:] == ["yes", "127.0.0.1:54322", "supabase/config.toml"]
    assert found[3].split()[-3:] == ["no", "db.example.com/far", ".env.local"]
    assert listed.err.splitlines() == [
        f"Found in {app_directory}. gjobs opens these only if you choose one, such as by --profile:",
        "Skipped: .env.local: POSTGRES_URL does not start with postgresql://.",
    ]

    monkeypatch.setenv("GJOBS_PROFILE", "app:supabase")
    as_json = gjobs("profiles", "--json")
    prod, embedded, supabase, *_ = as_json.document
    assert [entry["in_app"] for entry in as_json.document] == [False, False, True, True, True]
    assert (prod["default"], embedded["default"], supabase["default"]) == (False, False, True)
    assert (supabase["origin"], supabase["write"], supabase["as"]) == ("supabase/config.toml", True, "operator")
    assert SECRET not in listed.out + listed.err + as_json.out + as_json.err


def test_profile_option_opens_a_database_of_the_app_and_may_write_to_a_local_one(
    gjobs: Run, app_directory: Path, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "app:.env.local:DATABASE_URL"
    created = gjobs("projects", "create", "Winter", "--as", "ada@example.com", "--profile", name)
    assert created.code == 0
    assert sql("select count(*) from public.projects where name = 'Winter'") == [(1,)]

    monkeypatch.setenv("GJOBS_PROFILE", name)
    assert gjobs("projects", "create", "Spring", "--as", "ada@example.com", "--read-only").code == 6
    assert len(gjobs("projects", "--json").document) == 3
    assert_refused(gjobs("projects", "--profile", "app:supabas"), 2, "Did you mean 'app:supabase'?")
    assert_refused(gjobs("projects", "--profile", "DATABASE_URL"), 2, "app:.env.local:DATABASE_URL")
    monkeypatch.chdir("/")
    elsewhere = "Names that begin with 'app:' exist only in the folder of their app. Run 'gjobs profiles' there."
    assert_refused(gjobs("projects"), 2, "GJOBS_PROFILE does not name a profile", elsewhere)


@pytest.mark.parametrize(
    ("environment", "hint"),
    [
        ({}, "This is the sample database. --profile app:supabase opens local Supabase at 127.0.0.1:54322 from"),
        ({"GJOBS_PROFILE": "embedded"}, ""),
    ],
)
def test_commands_on_a_terminal_name_the_apps_database_when_they_open_the_sample_database(
    app_directory: Path,
    environment: dict[str, str],
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = resolve(data_dir=Path("/data"), environment=environment)
    sessions._print_origin(settings)
    assert capsys.readouterr().err == "", "a script gets no hint"
    monkeypatch.setattr(sessions, "is_terminal", lambda _: True)
    sessions._print_origin(settings)
    assert capsys.readouterr().err.partition(" supabase/config.toml")[0].strip() == hint


def test_dashboard_in_the_folder_of_an_app_asks_before_it_opens_a_database(
    app_directory: Path, open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    terminal = open_terminal(columns=120)
    terminal.read_until("local Supabase at 127.0.0.1:54322")
    assert "Sample database" in terminal.screen
    assert not (tmp_path / "data" / "pgdata").exists()
    terminal.send(b"\x11")
    assert terminal.finish() == 0
    assert SECRET not in terminal.screen
