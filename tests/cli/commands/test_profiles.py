"""`gjobs profiles`, `gjobs config path`, the app's databases, and the effect of a configuration."""

import json
from pathlib import Path

import pytest

from gjobs.store.configuration.settings import resolve
from gjobs.tui.cli import sessions
from tests.cli.command_line import Configure, OpenTerminal, Result, Run, Sql, assert_refused, profile

NOWHERE = "postgresql://ada@127.0.0.1:1/nowhere"

HOSTILE = "\x1b[2J[/oops] \u202eprod"


def test_profiles_json_lists_every_setting(gjobs: Run, configure: Configure) -> None:
    file = configure(
        'default_profile = "prod"',
        profile("prod", "postgresql://ada@db.example.com/app", label="Production", color="red", interval=5),
        profile("lab", "postgresql:///lab", write=True, **{"as": "ben@example.com"}),
    )
    listed = gjobs("profiles", "--json")
    assert (listed.code, listed.err) == (0, "")
    assert list(listed.document[0]) == [
        *("name", "label", "where", "write", "as", "color", "interval", "statement_timeout", "pooler", "default"),
        *("origin", "in_app"),
    ]
    assert [tuple(entry.values()) for entry in listed.document] == [
        ("prod", "Production", "db.example.com/app", False, "operator", "red", 5.0, None, None, True, str(file), False),
        ("lab", "lab", "local/lab", True, "ben@example.com", None, None, None, None, False, str(file), False),
        ("embedded", "embedded", "embedded", True, "ada@example.com", None, None, None, None, False, "built in", False),
    ]


def test_profiles_prints_a_table_without_passwords(gjobs: Run, configure: Configure) -> None:
    configure(profile("prod", "postgresql://ada:hunter2@db.example.com/app", color="red"))
    listed = gjobs("profiles")
    titles, prod, embedded = listed.out.splitlines()
    assert titles.split() == ["PROFILE", "DEFAULT", "LABEL", "WRITE", "AS", "COLOR", "WHERE", "ORIGIN"]
    assert prod.split()[:6] == ["prod", "prod", "no", "operator", "red", "db.example.com/app"]
    assert embedded.split()[:3] == ["embedded", "default", "embedded"]
    assert "hunter2" not in listed.out + listed.err


def test_missing_configuration_lists_the_embedded_profile_and_creates_no_file(gjobs: Run, tmp_path: Path) -> None:
    listed = gjobs("profiles", "--json")
    assert [entry["name"] for entry in listed.document] == ["embedded"]
    path = gjobs("config", "path")
    assert path.code == 0
    assert Path(path.out.strip()).is_relative_to(tmp_path)
    assert "does not exist" in path.err
    assert gjobs("config", "path", "--json").document == {"path": path.out.strip(), "exists": False}
    assert list(tmp_path.iterdir()) == []


def test_config_path_and_db_commands_work_with_an_invalid_file(gjobs: Run, configure: Configure) -> None:
    file = configure("not TOML")
    assert gjobs("db", "status").code == 0
    assert gjobs("config", "path") == Result(code=0, out=f"{file}\n", err="")
    assert gjobs("config", "path", "--config", "/other.toml").out == "/other.toml\n"


def test_profiles_reports_environment_variables_that_override_the_default(
    gjobs: Run, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure('default_profile = "prod"', profile("prod", NOWHERE))
    monkeypatch.setenv("GJOBS_DATABASE_URL", "postgresql://ada:hunter2@other/db")
    listed = gjobs("profiles", "--json")
    assert not any(entry["default"] for entry in listed.document)
    assert "GJOBS_DATABASE_URL is set" in listed.err
    monkeypatch.setenv("GJOBS_PROFILE", "prd")
    assert "both name a database" in gjobs("profiles").err
    monkeypatch.delenv("GJOBS_DATABASE_URL")
    assert "Did you mean 'prod'?" in gjobs("profiles").err


def test_readable_password_file_is_reported_once(gjobs: Run, configure: Configure) -> None:
    file = configure(profile("prod", "postgresql://ada:hunter2@127.0.0.1:1/app"))
    file.chmod(0o644)
    for arguments in (["profiles"], ["users", "--profile", "prod"]):
        printed = gjobs(*arguments)
        assert printed.err.count(f"chmod 600 {file}") == 1
        assert "hunter2" not in printed.out + printed.err


def test_profiles_escape_hostile_names(gjobs: Run, configure: Configure) -> None:
    configure(f"[profiles.{json.dumps(HOSTILE)}]", f"url = {json.dumps(NOWHERE)}", f"label = {json.dumps(HOSTILE)}")
    listed = gjobs("profiles")
    assert listed.code == 0
    assert not set(listed.out) & {"\x1b", "\u202e"}
    assert gjobs("profiles", "--json").document[0]["label"] == HOSTILE
    refused = gjobs("users", "--profile", "\x1b[2J")
    assert refused.code == 2
    assert "\x1b" not in refused.err


def test_use_of_database_url_is_read_only(gjobs: Run, url: str, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GJOBS_PROFILE")
    monkeypatch.setenv("DATABASE_URL", url)
    listed = gjobs("projects", "--json")
    assert (listed.code, len(listed.document)) == (0, 2)
    assert listed.err.startswith("Using DATABASE_URL: ")
    assert listed.err.endswith(", read-only.\n")
    assert gjobs("projects", "create", "Winter", "--as", "ada@example.com").code == 6
    assert sql("select count(*) from public.projects where name = 'Winter'") == [(0,)]


def test_unusable_database_url_is_explained(gjobs: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:hunter2@127.0.0.1:1/app")
    failed = gjobs("projects")
    assert failed.code == 3
    assert failed.err.splitlines() == [
        "Using DATABASE_URL: 127.0.0.1:1/app, read-only.",
        "The database is not reachable: Connection refused.",
        "Check the address 127.0.0.1:1, the network, and that the server is running.",
    ]
    monkeypatch.setenv("DATABASE_URL", "mysql://root:hunter2@db/app")
    refused = gjobs("users")
    assert_refused(refused, 2, "DATABASE_URL starts with 'mysql'", "--profile embedded")
    assert "hunter2" not in refused.err


def test_unknown_user_is_reported_with_the_setting_that_names_it(
    gjobs: Run, url: str, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(profile("world", url), profile("lab", url, **{"as": "nobody@example.com"}))
    of_profile = gjobs("jobs", "list", "--profile", "lab")
    assert_refused(of_profile, 1, "nobody@example.com", "The profile 'lab' selects this user.")
    monkeypatch.setenv("GJOBS_AS", "nobody@example.com")
    assert_refused(gjobs("jobs", "list"), 1, "nobody@example.com", "GJOBS_AS selects this user.")


def test_dashboard_reports_invalid_settings_before_it_opens(open_terminal: OpenTerminal, configure: Configure) -> None:
    file = configure('[keymap]\njob.start = "alt+s"', profile("prod", NOWHERE))
    terminal = open_terminal("--profile", "prod", columns=200)
    assert terminal.finish() == 2
    assert f"{file}, line 2: " in terminal.screen
    assert "terminals send alt in different ways." in terminal.screen
    assert "\x1b[?1049h" not in terminal.screen

    configure(profile("prod", "postgresql://a?b@c/d"))
    terminal = open_terminal("--profile", "prod")
    assert terminal.finish() == 2
    assert "The address in the profile 'prod' cannot be read." in terminal.screen


@pytest.mark.parametrize("command", ["doctor", "stats", "jobs list", "profiles"])
def test_every_command_reports_invalid_theme_and_keymap(gjobs: Run, configure: Configure, command: str) -> None:
    file = configure('theme = "norb"', profile("prod", NOWHERE), '[keymap]\njob.strat = "S"')
    refused = gjobs(*command.split(), *(() if command == "profiles" else ("--profile", "prod")))
    assert (refused.code, refused.out) == (2, "")
    assert f"{file}, line 1: theme 'norb' is not known. Did you mean 'nord'?" in refused.err
    assert "\"job.strat\" is not known. Did you mean 'job.start'?" in refused.err
    assert refused.err.endswith("Fix the file, or use another one with --config.\n")


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
