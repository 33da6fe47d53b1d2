"""Every `--help` fits a screen and ends with an example that can be typed."""

import argparse
import inspect
import shlex
from collections.abc import Iterator

import pytest

from tui.cli.command import Command
from tui.cli.exit_codes import UsageError
from tui.cli.parser import Parser
from tui.cli.program import build_parser, parse

LINES, COLUMNS = 23, 80

LINES_OF_ALL = 41

"""Of the whole program's, which lists every command and explains the global options."""

LINES_WITH_FILTER = 36

"""Of those that explain how jobs are found."""


def parsers(parser: Parser) -> Iterator[Parser]:
    """The parser and, in depth, those of its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers(child)


ALL = list(parsers(build_parser()))

COMMANDS = [parser for parser in ALL if isinstance(parser.get_default("command"), Command)]


def name(parser: Parser) -> str:
    return parser.prog


def test_commands_match_the_documented_list() -> None:
    assert {parser.prog for parser in COMMANDS} == {
        "gjobs",
        "gjobs demo",
        "gjobs snapshot",
        "gjobs projects",
        "gjobs projects create",
        "gjobs users",
        *(
            f"gjobs jobs {verb}"
            for verb in ("list", "export", "show", "create", "update", "transition", "retry", "delete")
        ),
        "gjobs stats",
        "gjobs cleanup",
        "gjobs archive list",
        "gjobs archive restore",
        "gjobs worker",
        "gjobs workers",
        *(f"gjobs retention {verb}" for verb in ("list", "set", "remove", "apply")),
        "gjobs watch",
        "gjobs metrics",
        "gjobs budgets",
        *(f"gjobs budgets {verb}" for verb in ("list", "set", "remove", "check")),
        "gjobs journal",
        *(f"gjobs db {verb}" for verb in ("url", "start", "stop", "status", "reset")),
        *(f"gjobs migrate {verb}" for verb in ("status", "verify", "repair-rollups", "up", "down", "sql")),
        "gjobs doctor",
        "gjobs profiles",
        "gjobs config path",
    }


@pytest.mark.parametrize("parser", ALL, ids=name)
def test_help_fits_a_screen(parser: Parser) -> None:
    lines = parser.format_help().rstrip().splitlines()
    has_filter = any("--filter" in action.option_strings for action in parser._actions)
    assert len(lines) <= (LINES_OF_ALL if parser.prog == "gjobs" else LINES_WITH_FILTER if has_filter else LINES)
    assert max(map(len, lines)) <= COLUMNS


@pytest.mark.parametrize("parser", ALL, ids=name)
def test_help_ends_with_an_example_that_can_be_typed(parser: Parser) -> None:
    last = parser.format_help().rstrip().splitlines()[-1]
    assert last.startswith("example: ")
    typed = last.removeprefix("example: ").removeprefix('psql "$(').removesuffix(')"').partition(" > ")[0]
    program, *arguments = shlex.split(typed)
    assert program == "gjobs"
    parse(arguments)


@pytest.mark.parametrize("parser", ALL, ids=name)
def test_help_is_printed_on_stdout(parser: Parser, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        build_parser().parse_args([*parser.prog.split()[1:], "--help"])
    captured = capsys.readouterr()
    assert captured.out == parser.format_help()
    assert captured.err == ""


@pytest.mark.parametrize("parser", COMMANDS, ids=name)
def test_options_match_the_parameters_of_the_command_function(parser: Parser) -> None:
    group = parser._global
    own = {
        action.dest
        for action in parser._actions
        if action not in group._group_actions and not isinstance(action, argparse._SubParsersAction)
    }
    _, _, *parameters = inspect.signature(parser.get_default("command").run).parameters
    assert set(parameters) == own


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["job"], "did you mean 'jobs'?"),
        (["jobs", "lst"], "did you mean 'list'?"),
        (
            ["zzz"],
            "one of demo, snapshot, projects, users, jobs, stats, budgets, cleanup, archive, retention, ",
        ),
        (["jobs"], "required: COMMAND"),
        (["jobs", "list", "extra"], "Unrecognized arguments: extra."),
        (["jobs", "list", "--lim", "3"], "Unrecognized arguments: --lim 3."),
        (["jobs", "show", "3f2a9c1e"], "an id is a whole UUID"),
        (["jobs", "list", "--after", "yesterday"], "is not CREATED_AT,ID"),
        (["--database-url", "", "users"], "--database-url: it is empty."),
        (["users", "--as", " "], "--as: it is empty."),
        (["snapshot", "--size", "12"], "COLUMNSxROWS"),
        (["stats", "--by", "user"], "it is one of project, mode."),
        (["migrate", "down", "all"], "it is one of base, 0001"),
    ],
)
def test_mistyped_arguments_are_explained(arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(arguments)
    assert words in str(caught.value)
    assert str(caught.value).endswith((".", "?"))
    assert str(caught.value.hint).endswith("--help' shows what it takes.")
