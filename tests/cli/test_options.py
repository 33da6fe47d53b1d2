"""Arguments and global options: parsing, precedence, and the explanation of mistakes."""

import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store.configuration.settings import EMBEDDED_PROFILE, Profile, Settings, WriteMode
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import PageKey
from gjobs.store.values.formats import plain_time
from gjobs.tui.cli import arguments
from gjobs.tui.cli.arguments import YES
from gjobs.tui.cli.command import ActorRule, Command, GlobalOptions, check_options, read_alone, settings_for
from gjobs.tui.cli.commands.dashboard import open_dashboard
from gjobs.tui.cli.output import BadArgument, UsageError
from gjobs.tui.cli.program import parse
from tests.cli.cli_rows import FAILED
from tests.cli.command_line import Run, assert_refused

ID = UUID(int=7)

INVALID_PAGE_KEYS = (
    *("", ",", "2026-01-04T00:00:00Z", f"2026-01-04,{ID}", f"2026-01-04T00:00:00,{ID}", f"soon,{ID}"),
    *(f"9999-12-31T23:59:59-05:00,{ID}", f"999999-01-01T00:00:00Z,{ID}", f"294277-06-01T00:00:00Z,{ID}"),
    *(f"5000-01-01T00:00:00Z BC,{ID}", f"0000-01-01T00:00:00Z,{ID}"),
)

INVALID_TIMES = ("", "h", "-3h", "1.5h", "yesterday", "9999999999999d", "0001-01-01T00:00+14:00")

INVALID_SIZES = ("", "120", "x", "120x", "0x24", "80x-1", "9999x24", "80x24x2")


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_printed_page_key_can_be_parsed_again(created_at: datetime, job_id: UUID) -> None:
    key = PageKey(created_at=created_at, id=job_id)
    assert arguments.page_key(f"{plain_time(created_at)},{job_id}") == key


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (arguments.size, "120x36", (120, 36)),
        (arguments.size, "80X24", (80, 24)),
        (arguments.identifier, str(ID), ID),
        (arguments.status, "queued", JobStatus.QUEUED),
        (arguments.since, "30m", timedelta(minutes=30)),
        (arguments.since, "24h", timedelta(hours=24)),
        (arguments.since, "7d", timedelta(days=7)),
        (arguments.since, "99999999d", timedelta(days=36_500)),
        (arguments.since, "2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (arguments.since, "2026-01-31T12:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
    ],
)
def test_argument_is_parsed(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        *((arguments.page_key, text, "CREATED_AT,ID") for text in INVALID_PAGE_KEYS),
        *((arguments.size, text, "is not a size") for text in INVALID_SIZES),
        *((arguments.since, text, "is not a time") for text in INVALID_TIMES),
        (arguments.identifier, "7", "7"),
        (arguments.status, "QUEUED", "QUEUED"),
        (arguments.whole_number, "1.0", r"1\.0"),
    ],
)
def test_invalid_argument_is_rejected(read: Callable[[str], object], text: str, words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        read(text)


DB_VERBS = ("url", "start", "stop", "status", "reset")

INVALID_AGES = ("30", "0d", "-1d", "d", "36501d", "''")

SET_BUDGET = "budgets set --project 'Autumn catalog' --period all"


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--json", "no JSON form"),
        ("demo --json", "no JSON form"),
        *((f"demo --speed {speed}", "0.5 to 10") for speed in ("0.4", "11", "nan", "fast")),
        ("--tour jobs list", "Only the dashboard has a tour.\nLeave --tour out."),
        ("snapshot --json", "no JSON form"),
        ("worker --simulate --json", "no JSON form"),
        ("--write 'ticket 4711'", "press W to enter a reason"),
        ("snapshot --write 'ticket 4711'", "writes nothing"),
        ("demo --as ada@example.com", "Leave --as, --read-only and --write out."),
        ("demo --read-only", "Leave --as, --read-only and --write out."),
        ("demo --write 'why not'", "Leave --as, --read-only and --write out."),
        ("journal --as ada@example.com", "This command opens no database.\nLeave --as out.\n"),
        ("journal --read-only", "This command opens no database.\nLeave --read-only out.\n"),
        ("journal --database-url postgresql://x", "This command opens no database.\nLeave --database-url out.\n"),
        ("journal --limit 0", "limit"),
        ("jobs show 3f2", "'3f2' is not an id, and not the first 4 or more hexadecimal digits of one."),
        *((f"db {verb} --database-url postgresql:///x", "--database-url") for verb in DB_VERBS),
        *((f"jobs list --limit {limit}", "imit") for limit in ("0", "10001", "-1", "many")),
        ("projects create Winter", "--as EMAIL"),
        ("projects create '  ' --as ada@example.com", "is empty"),
        (f"projects create {'x' * 201} --as ada@example.com", "the maximum is 200."),
        *((f"cleanup --older-than={age} --delete --yes", "Argument --older-than: ") for age in INVALID_AGES),
        ("archive restore --yes", "Choose the jobs to restore."),
        ("archive restore --yes --all --status failed", "--all can't be combined with --project, --status or --since."),
        (f"archive restore --yes {FAILED} --all", "Ids can't be combined with other options."),
        ("budgets set --period day --limit 1", "One of the arguments --user --project is required."),
        ("budgets set --user a --project b --period day --limit 1", "not allowed with"),
        (f"{SET_BUDGET} --limit 12.5", "Use whole cents (1250) or dollars (12.50)"),
        (f"{SET_BUDGET} --limit 1 --warn 80", "Use one such as 80% or 0.8"),
        ("budgets set --user a --period week --limit 1", "Use one of day, month, all"),
        (f"{SET_BUDGET} --limit 99999999999999.00", "from 0 to 1,000,000,000,000,000"),
        ("budgets set --user '' --period day --limit 1", "the value is empty"),
        ("budgets check --cost-cents 1", "--project"),
        ("stats --window 7d", "--window needs --by mode."),
        ("stats --by mode --window 0d", "'0d' is not an age"),
        ("stats --by mode --archive", "--archive"),
        ("metrics --serve 70000", "'70000' is not a port"),
        ("watch --until 'faild>1'", "'faild' is not known. Did you mean 'failed'?"),
        ("watch --exec no-such-program", "There is no program 'no-such-program'."),
        ("watch --webhook example.com", "--webhook needs an http(s) URL."),
        ("watch --webhook https://example.com", "Webhooks are signed, but no secret is set."),
        ("watch --filter staus:failed", "staus"),
        ("watch --resume /", "is not a resume file of 'gjobs watch'."),
        ("worker", "A worker needs either MODULE:REGISTRY or --simulate."),
        ("worker some_handlers:registry --simulate", "A worker needs either MODULE:REGISTRY or --simulate."),
        ("worker some_handlers", "is not MODULE:REGISTRY"),
        ("worker no_such_module:registry", "There is no module 'no_such_module'."),
        ("worker json:loads", "has no registry 'loads'"),
        ("worker --simulate --concurrency 0", "must be at least 1."),
        ("worker --simulate --lease 0s", "is not a length of time"),
        ("worker --simulate --lease 'a while'", "Use a number with s, m, h, d or w, such as 30s"),
        (f"jobs delete {FAILED} --yes --at 1h", "This command shows no earlier moment."),
        ("users --at 1h", "This command shows no earlier moment."),
        ("jobs list --at 1h --write why", "--at and --write contradict each other."),
        ("jobs list --at soon", "'soon' is not a time. Use 2026-01-31, 2026-01-31T12:00"),
        ("jobs list --at 9999-01-01", "This moment is in the future."),
        ("jobs list --at 2020-01-01", "The log of this database reaches back to 20"),
        ("stats --at 1h --by project", "--at shows only counts and costs by status"),
        ("stats --waste --archive", "--waste can't be combined with --archive or --window."),
        ("stats --waste --by mode --window 7d", "--waste can't be combined with --archive or --window."),
        ("stats --by group", "--by group needs --waste."),
        ("errors --window soon", "'soon' is not an age"),
        ("errors --filter error-group:0000", "is not the id of an error group"),
        ("help bugets", "Unknown topic 'bugets'. Did you mean 'budgets'?\n"),
        ("help waste", "Unknown topic 'waste'.\n'gjobs help --search waste' finds pages."),
        ("help jobs lst", "Unknown topic 'jobs lst'."),
        ("help budgets --search x", "--search can't be combined with a topic."),
        ("help budgets --as ada@example.com", "This command opens no database."),
        ("serve --read-only --allow-write", "contradict each other"),
        ("serve --write 'ticket 7'", "gjobs serve does not take --write.\nLeave it out. With --allow-write, press W"),
        ("serve --max-tabs 0", "is not a number of tabs"),
        ("serve --json", "no JSON form"),
    ],
)
def test_invalid_command_line_is_explained(gjobs: Run, monkeypatch: pytest.MonkeyPatch, line: str, words: str) -> None:
    monkeypatch.delenv("GJOBS_WEBHOOK_SECRET", raising=False)
    assert_refused(gjobs(*shlex.split(line)), 2, words)


DATA_DIR = Path("/data")

FROM_ENVIRONMENT = {"GJOBS_DATABASE_URL": "postgresql://variable/db", "GJOBS_AS": "ben@example.com"}

ANY_ADDRESS = {**FROM_ENVIRONMENT, "DATABASE_URL": "postgresql://app/db", "GJOBS_PROFILE": "prod"}

APP_URL = {"DATABASE_URL": "postgresql://app/db"}

APP_DATABASE = Profile(address="postgresql://app/db", variable="DATABASE_URL")

OPERATOR_COMMANDS = ("users", "db status", "migrate status", "migrate sql")

GIVEN: dict[str, list[str]] = {
    "database_url": ["--database-url", "postgresql://option/db"],
    "act_as": ["--as", "ada@example.com"],
    "read_only": ["--read-only"],
    "json": ["--json"],
}


def settings(options: GlobalOptions, environment: dict[str, str], **command: object) -> Settings:
    declared = Command(**command)  # type: ignore[arg-type]
    check_options(declared, options)
    return settings_for(declared, options, data_dir=DATA_DIR, environment=environment)


def test_profile_config_and_write_options_are_parsed() -> None:
    _, options, _ = parse(["--profile", "prod", "users", "--config", "here.toml", "--write", " ticket 4711 "])
    assert options == GlobalOptions(profile="prod", config=Path("here.toml"), write_reason="ticket 4711")


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "\x1b[2J", "x" * 201])
def test_write_reason_must_be_one_line_of_text(reason: str) -> None:
    with pytest.raises(UsageError, match="--write"):
        parse(["users", "--write", reason])


def test_global_options_may_stand_anywhere_and_the_last_value_applies() -> None:
    expected = GlobalOptions(database_url="postgresql://option/db", act_as="ada@example.com", read_only=True, json=True)
    for positions in product(range(3), repeat=len(GIVEN)):
        slots: list[list[str]] = [[], [], []]
        for option, position in zip(GIVEN.values(), positions, strict=True):
            slots[position] += option
        before, between, after = slots
        _, options, own = parse([*before, "jobs", *between, "list", "--limit", "7", *after])
        assert options == expected, slots
        assert own == {"project": None, "status": None, "limit": 7, "after": None, "job_filter": None, "view": None}

    assert parse(["--as", "a@x", "users", "--as", "b@x"])[1].act_as == "b@x"


@pytest.mark.parametrize(
    ("actor_rule", "option", "environment", "expected"),
    [
        (ActorRule.CHOSEN, None, {}, "ada@example.com"),
        (ActorRule.CHOSEN, None, {"GJOBS_DATABASE_URL": "postgresql:///x"}, "operator"),
        (ActorRule.CHOSEN, None, FROM_ENVIRONMENT, "ben@example.com"),
        (ActorRule.CHOSEN, "cy@example.com", FROM_ENVIRONMENT, "cy@example.com"),
        (ActorRule.CHOSEN, "operator", {}, "operator"),
        (ActorRule.OPERATOR_UNLESS_ASKED, None, {}, "operator"),
        (ActorRule.OPERATOR_UNLESS_ASKED, None, FROM_ENVIRONMENT, "operator"),
        (ActorRule.OPERATOR_UNLESS_ASKED, "cy@example.com", FROM_ENVIRONMENT, "cy@example.com"),
        (ActorRule.OPERATOR_ONLY, None, FROM_ENVIRONMENT, "operator"),
        (ActorRule.OPERATOR_ONLY, "operator", FROM_ENVIRONMENT, "operator"),
    ],
)
def test_actor_is_chosen_by_rule_option_and_environment(
    actor_rule: ActorRule, option: str | None, environment: dict[str, str], expected: str
) -> None:
    assert settings(GlobalOptions(act_as=option), environment, actor_rule=actor_rule).act_as == expected


@pytest.mark.parametrize(
    ("options", "command"),
    [
        (GlobalOptions(act_as="ada@example.com"), {"actor_rule": ActorRule.OPERATOR_ONLY}),
        (GlobalOptions(database_url="postgresql:///x"), {"embedded_only": True}),
        (GlobalOptions(profile="prod"), {"embedded_only": True}),
        (GlobalOptions(config=Path("here.toml")), {"reads_configuration": False}),
        (GlobalOptions(profile="prod"), {"about_configuration": True}),
        (GlobalOptions(write_reason="ticket 4711"), {"about_configuration": True}),
        (GlobalOptions(read_only=True, write_reason="ticket 4711"), {}),
        (GlobalOptions(json=True), {"has_json": False}),
    ],
)
def test_option_that_does_not_apply_is_refused(options: GlobalOptions, command: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        settings(options, {}, **command)


@pytest.mark.parametrize("words", ["db url", "db start", "db stop", "db status", "db reset", "demo"])
def test_embedded_database_commands_ignore_configured_addresses(words: str) -> None:
    command, _, _ = parse(words.split())
    chosen = settings_for(command, GlobalOptions(profile="embedded"), data_dir=DATA_DIR, environment=ANY_ADDRESS)
    assert (chosen.is_embedded, chosen.data_dir, chosen.write_rule) == (True, DATA_DIR, WriteMode.OPEN)


@pytest.mark.parametrize(
    ("words", "environment", "expected"),
    [
        ("migrate up", APP_URL, {"profile": EMBEDDED_PROFILE, "data_dir": DATA_DIR}),
        ("migrate status", APP_URL, {"profile": EMBEDDED_PROFILE, "data_dir": DATA_DIR}),
        ("users", APP_URL, {"profile": APP_DATABASE}),
        ("jobs list", APP_URL, {"profile": APP_DATABASE}),
        *((words, FROM_ENVIRONMENT, {"act_as": "operator"}) for words in OPERATOR_COMMANDS),
    ],
)
def test_command_uses_only_the_environment_variables_meant_for_it(
    words: str, environment: dict[str, str], expected: dict[str, object]
) -> None:
    command, options, _ = parse(words.split())
    assert options == GlobalOptions()
    chosen = settings_for(command, options, data_dir=DATA_DIR, environment=environment)
    assert {name: getattr(chosen, name) for name in expected} == expected


WORDS = [
    *GIVEN["database_url"],
    *GIVEN["act_as"],
    *("--profile", "--profile=prod", "--config", "--config=here.toml", "--write", "--write=ticket 4711"),
    *("--read-only", "--json", "--as=", "--json=yes", "--as=-x", "-x", "-1", "--", "-", ""),
    *("--help", "-h", "--version", "--unknown", "--data", "--read", "two\nlines", "users", "jobs", "demo"),
]
"""Words of valid and invalid command lines."""


@given(st.lists(st.sampled_from(WORDS), max_size=5))
def test_options_without_a_command_are_read_as_the_full_parser_reads_them(words: list[str]) -> None:
    options = read_alone(words)
    if options is not None:
        assert parse(words) == (open_dashboard, options, {})


@pytest.mark.parametrize(
    "words", [[], *([*one, *other] for one, other in product(GIVEN.values(), repeat=2)), ["--as=-x", "--config=a.toml"]]
)
def test_global_options_without_a_command_need_no_full_parser(words: list[str]) -> None:
    assert read_alone(words) is not None


def test_option_without_a_passed_value_is_not_taken_as_true() -> None:
    with pytest.raises(TypeError, match="No value was passed"):
        bool(YES)
