"""gjobs help: the manual's pages, and finding words in them."""

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence

from gjobs.store.configuration.settings import Settings
from gjobs.store.values.formats import nearest
from gjobs.tui.cli.command import Command, argument, option
from gjobs.tui.cli.output import Declined, Output, UsageError, print_message, text_width
from gjobs.tui.cli.parser import Parser
from gjobs.tui.manual.pages import GROUPS, TOPICS, Hit, page_text, summary
from gjobs.tui.manual.pages import search as search_pages

_PAGER = "less"
_LESS = "FRX"
"""Options of less: quit if the page fits, keep colors, and leave the page on the terminal. Git uses them too."""
_PAGE_LINK = re.compile(r"\[([^]]+)\]\([\w-]*(?:\.md)?(?:#[\w-]+)?\)")
"""A link to another page. Its text is the topic."""
_NARROWEST_TEXT = 30
"""Minimum width, in cells, of the column with the found text."""


@Command(name="help", example="gjobs help budgets", opens_database=False, reads_configuration=False, has_json=False)
def print_manual(
    _: Settings,
    output: Output,
    *,
    topic: list[str] = argument(str, "TOPIC", "a page of the manual, or a command", nargs="*"),
    search: str | None = option(str, "WORD", "list the pages that contain all these words"),
    parsers: Mapping[str, Parser],
) -> None:
    """Print or search the pages of the manual.

    `parsers` are the commands by name. Without a page, `gjobs help jobs` prints the help of the command `jobs`.
    """
    name = " ".join(topic)
    if search is not None:
        if name:
            raise UsageError("--search can't be combined with a topic.", hint="Leave one of them out.")
        _print_found(search, output)
    elif not name:
        output.text(_contents())
    elif name in TOPICS and output.is_terminal:
        _show_paged(_render(page_text(name), has_color=output.has_color), output)
    elif name in TOPICS:
        output.text(page_text(name).rstrip())
    elif (parser := _command(topic, parsers)) is not None:
        parser.print_help()
    else:
        near = nearest(name, (*TOPICS, *parsers)) or ""
        if search_pages(name) and not near.startswith(name):
            raise UsageError(f"Unknown topic {name!r}.", hint=f"'gjobs help --search {shlex.quote(name)}' finds pages.")
        question = f" Did you mean {near!r}?" if near else ""
        raise UsageError(f"Unknown topic {name!r}.{question}", hint="'gjobs help' lists the topics of the manual.")


def _command(words: list[str], commands: Mapping[str, Parser]) -> Parser | None:
    parser: Parser | None = None
    for word in words:
        parser = commands.get(word)
        if parser is None:
            return None
        commands = parser.commands.choices if parser.commands else {}
    return parser


def _contents() -> str:
    width = max(map(len, TOPICS))
    lines = ["The manual has these topics. 'gjobs help TOPIC' prints one; 'gjobs help --search WORD' finds pages."]
    for group, topics in GROUPS.items():
        lines += ["", group, *(f"  {topic:<{width}}  {summary(topic)}" for topic in topics)]
    return "\n".join(lines)


def _print_found(text: str, output: Output) -> None:
    hits = search_pages(text)
    if not hits:
        raise Declined(f"No page contains {text!r}.", hint="'gjobs help' lists the topics of the manual.")
    # On a terminal, the table cuts each text to the width that the other columns leave.
    taken = max(len(hit.section.topic) for hit in hits) + max(len(hit.section.heading) for hit in hits) + 4
    room = max(shutil.get_terminal_size().columns - taken, _NARROWEST_TEXT)
    from gjobs.tui.text.format import Column

    columns: Sequence[Column[Hit]] = (
        Column("TOPIC", lambda hit: hit.section.topic),
        Column("SECTION", lambda hit: hit.section.heading, least=20),
        Column("TEXT", lambda hit: hit.excerpt(room) if output.is_terminal else hit.line, least=_NARROWEST_TEXT),
    )
    output.table(columns, hits)


def _render(text: str, *, has_color: bool) -> str:
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    # By default, Rich gives code a black background, which is hard to read in a light terminal.
    theme = Theme({"markdown.code": "bold cyan", "markdown.code_block": "cyan"})
    console = Console(
        width=text_width(), theme=theme, force_terminal=has_color, color_system="standard" if has_color else None
    )
    page = Markdown(_PAGE_LINK.sub(r"\1", text), code_theme="ansi_dark", hyperlinks=False)
    with console.capture() as capture:
        console.print(page)
    return capture.get().rstrip()


def _show_paged(text: str, output: Output) -> None:
    """Run the pager that PAGER names, without a shell. After a signal, let it restore the terminal."""
    pager = os.environ.get("PAGER") or _PAGER
    terminated = False

    def end_pager(*_: object) -> None:
        nonlocal terminated
        terminated = True
        process.terminate()

    # The terminal interrupts the pager, too. The pager cancels its current command and keeps running.
    previous = {signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None)}
    try:
        # The exit code of the pager does not matter.
        with subprocess.Popen(
            shlex.split(pager), stdin=subprocess.PIPE, encoding="utf-8", env={"LESS": _LESS, **os.environ}
        ) as process:
            previous[signal.SIGTERM] = signal.signal(signal.SIGTERM, end_pager)
            process.communicate(text + "\n")
    except (OSError, ValueError):
        if os.environ.get("PAGER"):
            print_message(f"Can't run the pager {pager!r}. Check the variable PAGER.")
        output.text(text)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if terminated:
        signal.raise_signal(signal.SIGTERM)
