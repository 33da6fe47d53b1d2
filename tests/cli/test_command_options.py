"""The global options: their position, their precedence, and the commands that refuse them."""

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store.configuration.settings import EMBEDDED_PROFILE, Profile, Settings, WriteMode
from gjobs.tui.cli.arguments import YES
from gjobs.tui.cli.command import ActorRule, Command, GlobalOptions, check_options, read_alone, settings_for
from gjobs.tui.cli.commands.dashboard import open_dashboard
from gjobs.tui.cli.output import UsageError
from gjobs.tui.cli.program import parse

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


def test_global_options_may_stand_anywhere_in_a_command() -> None:
    expected = GlobalOptions(database_url="postgresql://option/db", act_as="ada@example.com", read_only=True, json=True)
    for positions in product(range(3), repeat=len(GIVEN)):
        slots: list[list[str]] = [[], [], []]
        for option, position in zip(GIVEN.values(), positions, strict=True):
            slots[position] += option
        before, between, after = slots
        _, options, own = parse([*before, "jobs", *between, "list", "--limit", "7", *after])
        assert options == expected, slots
        assert own == {"project": None, "status": None, "limit": 7, "after": None, "job_filter": None, "view": None}


def test_last_value_of_a_repeated_option_applies() -> None:
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
def test_option_that_does_not_apply_to_the_command_is_refused(
    options: GlobalOptions, command: dict[str, object]
) -> None:
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
