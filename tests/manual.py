"""Generate parts of README and manual from the tables in the code: `python -m tests.manual`."""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.keys import Keys
from textual.keys import _character_to_key as key_name
from textual.screen import ModalScreen
from textual.theme import BUILTIN_THEMES

from gjobs.store.filters.filter_terms import KEYS
from gjobs.tui.cli.command import DECLARED, Command
from gjobs.tui.cli.output import ExitCode
from gjobs.tui.cli.parser import Parser
from gjobs.tui.cli.program import build_parser
from gjobs.tui.dashboard.bindings import APP_BINDINGS, inherited_bindings, own_bindings, shown_keys
from gjobs.tui.dashboard.dialogs.dialog import Dialog
from gjobs.tui.dashboard.dialogs.pick import PickDialog
from gjobs.tui.dashboard.frame.demo_app import DemoApp
from gjobs.tui.dashboard.frame.help import all_entries, key_list, owners
from gjobs.tui.dashboard.list.filter_bar import FilterField
from gjobs.tui.dashboard.list.job_table import JobTable
from gjobs.tui.dashboard.panels.screen import DashboardScreen
from gjobs.tui.dashboard_settings import TABLE
from gjobs.tui.demo.scenario_steps import STEP_KINDS
from gjobs.tui.manual.pages import GROUPS, TOPICS, page_path, with_generated
from tests.benchmarks.report import number
from tests.benchmarks.tables import RESULTS

README = Path(__file__).parents[1] / "README.md"
SAMPLE_CASE = Path(__file__).parent / "tui" / "case" / "sample_case.md"
"""A test compares it with a case of the sample data."""
WIDTH = 70

TYPED_INTO = (Dialog, PickDialog, FilterField)
"""Classes in which the user may be typing while their bindings are active."""

MAIN_KEYS = (
    "jobs.open",
    "list.find",
    "job.new",
    "job.start",
    "job.complete",
    "job.fail",
    "job.retry",
    "job.delete",
    "project.pick",
    "app.user",
    "app.lens",
    "app.help",
)
"""The twelve most important keys, for the README."""

START = "from the command to the first screen, with the server already running"
WORK = "jobs whose handlers do nothing, run by one worker until the last result is on disk"

HEADLINES: tuple[tuple[str, str, Mapping[str, int], tuple[str, str], tuple[str, str]], ...] = (
    (
        "from the command to the first rows",
        START,
        {},
        ("first rows of gjobs", "gjobs"),
        ("first paint of Posting", "Posting (a Textual program), first paint"),
    ),
    (
        "the same with a round trip of 100 ms",
        "time at 100 ms round trip",
        {},
        ("first rows of gjobs", "gjobs"),
        ("psql -c with 200 rows", "`psql -c`"),
    ),
    (
        "traffic of a minute without changes",
        "a minute of an idle dashboard, bytes in both directions",
        {},
        ("dashboard on a migrated database", "gjobs"),
        ("the list polled every 2 s, raw psycopg", "the list polled every 2 s"),
    ),
    (
        "a rare word among a million jobs of one project",
        "a rare word among the jobs of one project",
        {},
        ("the operator, with the index", "gjobs, with an index of `pg_trgm`"),
        ("the operator, without the index", "without the index"),
    ),
    *(
        (label, WORK, {"jobs a claim": claimed}, ("gjobs", "gjobs"), ("PgQueuer", "PgQueuer"))
        for label, claimed in (
            ("jobs whose handlers do nothing, one worker, one at a time", 1),
            ("in batches of 10", 10),
            ("in batches of 100", 100),
        )
    ),
)
"""The README's benchmarks: label, title, settings, and two series (ours and the rival's) as measured and as shown."""


def parsers(parser: Parser) -> Iterator[Parser]:
    """Yield the parser and, depth first, the parsers of its commands."""
    yield parser
    for child in subcommands(parser):
        yield from parsers(child)


def subcommands(parser: Parser) -> list[Parser]:
    return list(parser.commands.choices.values()) if parser.commands else []


def described(parser: Parser) -> list[Parser]:
    """Return the commands that the reference explains. A group whose default is `list` has no entry of its own."""
    return [
        one
        for one in parsers(parser)
        if isinstance(one.get_default("command"), Command)
        and not any(child.prog == f"{one.prog} list" for child in subcommands(one))
    ]


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def code(text: str) -> str:
    """Format the text as inline code for a table cell."""
    escaped = text.replace("|", "\\|")
    return f"`{escaped}`"


def generate(part: str) -> str:
    name, _, arguments = part.partition(" gjobs ")
    match name:
        case "keys":
            return key_list(all_entries(App()), width=WIDTH)
        case "demo keys":
            return table(("key", "does"), _rows_of(own_bindings(DemoApp)))
        case "scenario steps":
            return table(("key", "takes", "does", "further keys"), _step_rows())
        case "main keys":
            return table(("key", "does"), _main_keys())
        case "filter keys":
            rows = ((code(key.example), key.takes, f"jobs {key.words}") for key in KEYS.values())
            return table(("write", "value", "finds"), rows)
        case "exit codes":
            return table(("code", "meaning"), ((str(int(code)), code.meaning) for code in ExitCode))
        case "options":
            declared = ((flag, one.metadata["option"].settings) for flag, one in DECLARED.items())
            flags = ((f"{flag} {one.get('metavar', '')}".rstrip(), one["help"]) for flag, one in declared)
            return table(("option", "does"), ((code(flag), words) for flag, words in flags))
        case "list of commands":
            return table(("command", "does"), _command_rows(build_parser()))
        case "commands":
            return "\n\n".join(map(reference, _chosen(arguments)))
        case "topics":
            return "\n".join(f"- {group}: {', '.join(map(_page_link, topics))}" for group, topics in GROUPS.items())
        case "sample case":
            return "\n".join(_excerpt(SAMPLE_CASE.read_text(encoding="utf-8").splitlines()))
        case "headline benchmarks":
            return "\n\n".join([table(("what", "gjobs", "compared with"), _headlines()), _machines()])
        case _:
            raise ValueError(f"Unknown generated part {part!r}")


def _main_keys() -> Iterator[tuple[str, str]]:
    bindings: list[Binding] = [*(one for owner in owners() for one in own_bindings(owner)), *APP_BINDINGS]
    known = {binding.id: binding for binding in bindings}
    return _rows_of(known[name] for name in MAIN_KEYS)


def _rows_of(bindings: Iterable[Binding]) -> Iterator[tuple[str, str]]:
    app: App[Any] = App()
    for binding in bindings:
        yield code(shown_keys(app, binding)[0]), binding.tooltip


def _step_rows() -> Iterator[tuple[str, ...]]:
    for name, step in STEP_KINDS.items():
        options = "; ".join(f"{code(option)}: {words}" for option, words in step.options.items())
        yield code(name), step.takes, step.does, options


def _command_rows(parser: Parser) -> Iterator[tuple[str, str]]:
    for child in subcommands(parser):
        verbs = [verb.prog.rpartition(" ")[2] for verb in subcommands(child)]
        words, _, _ = (child.description or "").removesuffix(".").partition(". ")
        yield code(child.prog), f"{words}: {', '.join(map(code, verbs))}" if verbs else words


def _chosen(names: str) -> list[Parser]:
    """Return the parsers of a list such as `budgets, gjobs jobs show`. A group stands for all its commands."""
    known = {parser.prog: parser for parser in parsers(build_parser())}
    return [one for name in names.split(", ") for one in described(known[f"gjobs {name.removeprefix('gjobs ')}"])]


def reference(parser: Parser) -> str:
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    parts = [f"### {parser.prog}", parser.description or "", f"`{usage}`"]
    if rows := list(_option_rows(parser)):
        parts.append(table(("argument", "does"), rows))
    return "\n\n".join(parts)


def _option_rows(parser: Parser) -> Iterator[tuple[str, str]]:
    for action in parser._actions:
        if action.help in (None, argparse.SUPPRESS) or isinstance(action, argparse._SubParsersAction):
            continue
        value = action.metavar if isinstance(action.metavar, str) else ""
        if not value and action.choices:
            value = "{" + ",".join(map(str, action.choices)) + "}"
        yield code(" ".join(filter(None, (*action.option_strings[:1], value)))), str(action.help).replace("%%", "%")


def _page_link(topic: str) -> str:
    return f"[{topic}](tui/manual/{topic}.md)"


_ROWS_OF_EXCERPT = 3


def _excerpt(lines: Sequence[str]) -> Iterator[str]:
    """Yield the case two heading levels lower, with the first rows of each table and the first item of each section."""
    rows, items, is_code = 0, 0, False
    for line in lines:
        is_fence = line.startswith("```")
        if line.startswith("## "):
            items = 0
        elif line.startswith(("### ", "The newest error of")):
            items += 1
        is_code ^= is_fence
        rows = rows + 1 if line.startswith("|") else 0
        if items > 1:
            continue
        if rows <= 2 + _ROWS_OF_EXCERPT:
            deeper = f"##{line}" if line.startswith("#") and not is_code else line
            yield f"{deeper[: WIDTH - 1]}…" if is_code and len(deeper) > WIDTH else deeper
        elif rows == 3 + _ROWS_OF_EXCERPT:
            yield f"|{' … |' * (line.count(' | ') + 1)}"


def _runs() -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return runs


def _machines() -> str:
    """Name the machines of the runs that the headlines come from."""
    titles = {title for _, title, *_ in HEADLINES}
    measured = [run["surroundings"] for run in _runs() if titles & {finding["title"] for finding in run["findings"]}]
    machines = dict.fromkeys(f"{one['cores']} cores of an {one['machine']}" for one in measured)
    return f"Measured on {' or '.join(machines)}."


def _headlines() -> Iterator[tuple[str, ...]]:
    findings = [finding for run in _runs() for finding in run["findings"]]
    for label, title, settings, *compared in HEADLINES:
        series, unit = next(
            (one["series"], one["unit"])
            for one in findings
            if one["title"] == title and settings.items() <= one["settings"].items()
        )
        yield (label, *(f"{shown}: {number(series[name]['median'])} {unit}" for name, shown in compared))


def dashboard_facts() -> str:
    """Return the table for checking the configured theme and keymap without importing the dashboard."""
    of_all = [*(list(own_bindings(one)) for one in owners()), list(own_bindings(DemoApp)), list[Binding](APP_BINDINGS)]
    characters = [chr(code) for code in range(0x20, 0x250) if chr(code).isprintable()]
    facts: dict[str, object] = {
        "themes": list(BUILTIN_THEMES),
        "bindings": {binding.id: binding.key for bindings in of_all for binding in bindings if binding.id},
        "scopes": [[binding.id for binding in scope if binding.id] for scope in _scopes()],
        "typed_into": [binding.id for owner in TYPED_INTO for binding in own_bindings(owner) if binding.id],
        "characters": {character: key_name(character) for character in characters},
        "other_keys": sorted({key.value for key in Keys}),
    }
    lines = (f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _scopes() -> Iterator[list[Binding]]:
    """The bindings that are active at the same time."""
    app = list(APP_BINDINGS)
    screen = list(own_bindings(DashboardScreen))
    anywhere = [binding for binding in app if binding.priority]
    # In a demo, ctrl+r starts over. In a demo, only the other refresh key refreshes.
    yield [*own_bindings(JobTable), *screen, *own_bindings(DemoApp), *(one for one in app if one.id != "app.refresh")]
    for owner in owners():
        if issubclass(owner, ModalScreen):
            yield [*inherited_bindings(owner), *anywhere]
        elif owner is not DashboardScreen:
            yield [*own_bindings(owner), *screen, *app]


def pages() -> list[Path]:
    return [README, *map(page_path, TOPICS)]


def main() -> None:
    for path in pages():
        source = path.read_text(encoding="utf-8")
        path.write_text(with_generated(source, generate), encoding="utf-8")
    TABLE.write_text(dashboard_facts(), encoding="utf-8")


if __name__ == "__main__":
    main()
