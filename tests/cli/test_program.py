"""The program: its package, its imports, its help, and the parsing of command lines without a database."""

import argparse
import json
import os
import pkgutil
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module
from operator import attrgetter
from pathlib import Path

import pytest

from gjobs.tui.cli import commands, program
from gjobs.tui.cli.command import Command, GlobalOptions, Group, check_options
from gjobs.tui.cli.commands.dashboard import open_dashboard
from gjobs.tui.cli.output import UsageError
from gjobs.tui.cli.parser import Parser
from gjobs.tui.cli.program import build_parser, parse
from tests.cli.cli_rows import QUEUED
from tests.cli.command_line import PATIENCE, Sql

ROOT = Path(__file__).parents[2]

HANDLERS = """
from gjobs.store.worker import Registry, Work

registry = Registry()


@registry.handler()
def save(work: Work) -> None:
    \"\"\"Succeed.\"\"\"
"""


def commands_of(declared: Sequence[Command | Group]) -> Iterator[Command]:
    for one in declared:
        yield from [one] if isinstance(one, Command) else commands_of(one.commands)


def test_each_command_is_offered_and_has_a_help() -> None:
    offered = [*commands_of(program.COMMANDS), open_dashboard]
    modules = [import_module(f"{commands.__name__}.{found.name}") for found in pkgutil.iter_modules(commands.__path__)]
    declared = {one.name: one for module in modules for one in vars(module).values() if isinstance(one, Command)}
    assert [name for name, one in declared.items() if one not in offered] == []
    assert [one.name for one in offered if not one.help] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (found,) = directory.glob("*.whl")
    return found


def test_wheel_installs_only_the_package_gjobs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    top = {name.partition("/")[0] for name in names}

    assert {name for name in top if not name.endswith(".dist-info")} == {"gjobs"}
    assert {"gjobs/store/store.py", "gjobs/migrations/env.py", "gjobs/tui/manual/tour.md"} <= set(names)


def test_worker_runs_handlers_of_an_app_with_packages_of_the_same_name(wheel: Path, sql: Sql, tmp_path: Path) -> None:
    site, app = tmp_path / "site", tmp_path / "app"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name in ("store", "tui", "migrations"):
        (app / name).mkdir(parents=True)
        (app / name / "__init__.py").write_text("")
    (app / "store" / "handlers.py").write_text(HANDLERS)

    done = subprocess.run(
        [sys.executable, "-m", "gjobs", "worker", "store.handlers:registry", "--once"],
        cwd=app,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert sql("select status from public.generation_jobs where id = %s", QUEUED) == [("succeeded",)]


PROGRAM = """
import json, sys
from gjobs.tui.cli.main import main
for group in json.loads(sys.argv[1]):
    for line in group:
        try:
            code = main(line.split())
        except SystemExit as end:
            code = end.code
        assert code in (0, None), (line, code)
    print("modules", json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def modules_after(groups: list[list[str]]) -> list[set[str]]:
    """Return the modules that one new process has imported after it ran each group of commands."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, json.dumps(groups)], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return [set(json.loads(line[8:])) for line in done.stderr.splitlines() if line.startswith("modules ")]


HEAVY = {"psycopg", "sqlalchemy", "alembic", "asyncio", "gjobs.store.embedded.server", "gjobs.migrations.runner"}


PROCESSES: list[list[tuple[list[str], set[str]]]] = [
    [
        (["--version", "--help"], {"textual", "rich", *HEAVY}),
        (["jobs list --json", "projects --json", "stats --json"], {"textual", "rich", "alembic"}),
    ],
    [
        (["config path"], {"textual", "rich.console", "alembic", "sqlalchemy", "gjobs.store.store", "psycopg"}),
        (["profiles"], {"textual", "rich.console", "alembic", "sqlalchemy", "gjobs.store.store"}),
        (["migrate status --json"], {"textual", "rich.console", "alembic", "sqlalchemy"}),
        (["jobs list"], {"textual", "rich.console", "rich.text", "alembic"}),
    ],
]
"""Commands in the order of one process, and the modules that are still not imported after them."""


def test_command_imports_no_module_that_it_does_not_need(url: str) -> None:
    for process in PROCESSES:
        found = modules_after([lines for lines, _ in process])
        for (lines, unneeded), modules in zip(process, found, strict=True):
            assert not unneeded & modules, lines
            assert "gjobs.tui.cli.main" in modules


LINES, COLUMNS = 23, 80

LINES_OF_ALL = 50
"""The number of lines of `gjobs --help`, which lists every command and explains the global options."""

LINES_WITH_FILTER = 36
"""The number of lines of the help of commands with a filter, which the help explains."""


def parsers(parser: Parser) -> Iterator[Parser]:
    """Yield the parser and the parsers of its commands, recursively."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers(child)


ALL = list(parsers(build_parser()))

COMMANDS = [parser for parser in ALL if isinstance(parser.get_default("command"), Command)]


def test_refusal_of_a_moment_names_each_command_that_shows_one() -> None:
    declared: dict[str, Command] = {parser.prog: parser.get_default("command") for parser in COMMANDS}
    with pytest.raises(UsageError) as refused:
        check_options(declared["gjobs users list"], GlobalOptions(at=datetime(2026, 1, 1, tzinfo=UTC)))
    named = re.findall("'([^']+)'", str(refused.value.hint))
    shown = {name for name, command in declared.items() if command.shows_moments}
    assert {"gjobs", *(f"gjobs {name}" for name in named)} == shown


@pytest.mark.parametrize("parser", ALL, ids=attrgetter("prog"))
def test_help_fits_a_screen_and_ends_with_a_valid_example(parser: Parser, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        ALL[0].parse_args([*parser.prog.split()[1:], "--help"])
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (parser.format_help(), "")

    lines = captured.out.rstrip().splitlines()
    has_filter = any("--filter" in action.option_strings for action in parser._actions)
    assert len(lines) <= (LINES_OF_ALL if parser.prog == "gjobs" else LINES_WITH_FILTER if has_filter else LINES)
    assert max(map(len, lines)) <= COLUMNS

    assert lines[-1].startswith("example: ")
    example = lines[-1].removeprefix("example: ").removeprefix('psql "$(').removesuffix(')"').partition(" > ")[0]
    program, *arguments = shlex.split(example)
    assert program == "gjobs"
    parse(arguments)


@pytest.mark.parametrize(
    ("short", "full"),
    [
        *(
            (group, f"{group} list")
            for group in ("projects", "users", "jobs", "budgets", "archive", "cleanup policies")
        ),
        ("projects --json --as operator", "projects list --json --as operator"),
        ("--json --as operator projects", "projects list --json --as operator"),
        ("jobs --status failed --json", "jobs list --status failed --json"),
        ("jobs --as list --limit 3", "jobs list --as list --limit 3"),
        ("users ana@", "users list ana@"),
        ("cleanup --older-than 30d --yes", "cleanup run --older-than 30d --yes"),
        ("users --as=operator ana@ --json", "users list ana@ --json --as operator"),
        ("users -- -x", "users list -- -x"),
        ("budgets --project x", "budgets list --project x"),
    ],
)
def test_group_without_a_command_means_its_default(short: str, full: str) -> None:
    assert parse(short.split()) == parse(full.split())


@pytest.mark.parametrize(
    "arguments",
    [
        *("watch --once", "cleanup policies set --keep 3", "doctor --sql", "stats --zzzzz"),
        *("demo --jsn", "snapshot --jsn", "demo --profil x", "profiles list --profil x"),
    ],
)
def test_option_that_resembles_none_that_the_command_takes_is_refused_without_a_suggestion(arguments: str) -> None:
    with pytest.raises(UsageError, match=r"^Option '--[a-z]+' is not known\.$"):
        parse(arguments.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--jsn", "users"], "Option '--jsn' is not known. Did you mean '--json'?"),
        (["-jsno", "jobs", "list"], "Option '-jsno' is not known. Did you mean '--json'?"),
        (["stats", "-jsno"], "Option '-jsno' is not known. Did you mean '--json'?"),
        (["-profil=x"], "Option '-profil' is not known. Did you mean '--profile'?"),
        (["-jsno"], "Unrecognized arguments: -jsno."),
        (["jobs", "list", "-5"], "Unrecognized arguments: -5."),
        (["job"], "Did you mean 'jobs'?"),
        (["waste"], "Command 'waste' is not known. Did you mean 'gjobs stats --waste'?"),
        (["wast"], "Did you mean 'gjobs stats --waste'?"),
        (["wats"], "Did you mean 'watch'?"),
        (["retry", str(QUEUED)], "Did you mean 'gjobs jobs retry'?"),
        (["list"], "Did you mean 'gjobs jobs list'?"),
        (["up"], "Did you mean 'gjobs migrate up'?"),
        (["status"], "Did you mean 'gjobs db status' or 'gjobs migrate status'?"),
        (["jobs", "events"], "Did you mean 'gjobs jobs show --events'?"),
        (["jobs", "lst"], "Did you mean 'list'?"),
        (["zzz"], "one of demo, snapshot, projects, users, jobs, stats, "),
        (["db"], "required: COMMAND"),
        (["projects", "crate", "X"], "Command 'crate' is not known. Did you mean 'create'?"),
        (["migrate", "remov"], "Command 'remov' is not known. Did you mean 'remove'?"),
        (["jobs", "transition", str(QUEUED), "faild"], "'faild' is not known. Did you mean 'failed'?"),
        (["budgets", "set", "--period", "mouth"], "'mouth' is not known. Did you mean 'month'?"),
        (["stats", "--by", "projct"], "'projct' is not known. Did you mean 'project'?"),
        (["jobs", "list", "extra"], "Unrecognized arguments: extra."),
        (["jobs", "list", "--lim", "3"], "Option '--lim' is not known. Did you mean '--limit'?"),
        (["jobs", "--lim", "3"], "Option '--lim' is not known. Did you mean '--limit'?"),
        (["jobs", "transition", "--eror=x", "y", "failed"], "Option '--eror' is not known. Did you mean '--error'?"),
        (["jobs", "show", "--evnts", str(QUEUED)], "Option '--evnts' is not known. Did you mean '--events'?"),
        (["--databse-url", "postgresql://x", "jobs"], "'--databse-url' is not known. Did you mean '--database-url'?"),
        (["users", "ana", "--jsn"], "Option '--jsn' is not known. Did you mean '--json'?"),
        (["jobs", "retry", "job"], "An id is a whole UUID"),
        (["jobs", "list", "--after", "yesterday"], "does not have the form CREATED_AT,ID"),
        (["--database-url", "", "users"], "--database-url: the value is empty."),
        (["users", "--as", " "], "--as: the value is empty."),
        (["snapshot", "--size", "12"], "COLUMNSxROWS"),
        (["stats", "--by", "owner"], "Use one of project, mode, "),
        (["jobs", "transition", str(QUEUED), "zzz"], "Use one of queued, running, "),
    ],
)
def test_mistyped_arguments_are_explained(arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(arguments)
    assert words in str(caught.value)
    assert str(caught.value).endswith((".", "?"))
    assert str(caught.value.hint).endswith("--help' shows the options.")
