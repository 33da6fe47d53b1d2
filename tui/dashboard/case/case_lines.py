"""A case's Markdown as lines of a given width: sentences are wrapped, tables and blocks show a part of each line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, get_character_cell_size, set_cell_size
from textual.content import Content

from gjobs.tui.case.markdown import table
from gjobs.tui.text.clean_text import ELLIPSIS

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BORDER = re.compile(r"(?<!\\)\|")
_HEADING = "bold $text-primary"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLines:
    """The text, and how far its tables and blocks can be shifted."""

    content: Content
    most_hidden: int
    """How many cells of the widest line do not fit."""


def case_lines(text: str, *, width: int, hidden: int) -> CaseLines:
    """Return the text. Leave out `hidden` cells at the left of each table and block that is too wide.

    Tables that are too wide have only the first digits of each id.
    """
    parts = [(kind, _fitted(lines, width) if kind == "|" else lines) for kind, lines in _parts(text.split("\n"))]
    widest = max((cell_len(line) for kind, lines in parts if kind for line in lines), default=0)
    shown: list[Content] = []
    for kind, lines in parts:
        # Hide at most the cells that do not fit, so that narrower tables do not move out of sight.
        left_out = min(hidden, max(map(cell_len, lines)) - width)
        for line in lines:
            if kind:
                shown.append(Content(_cut(line, width, left_out) if left_out >= 0 else line))
            else:
                content = Content.styled(line, _HEADING if line.startswith("#") else "")
                shown += content.wrap(width) if content.cell_length > width else [content]
    return CaseLines(content=Content("\n").join(shown), most_hidden=max(widest - width, 0))


def _parts(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield neighboring lines of one kind: `|` for a table, a backtick for a block, empty for sentences."""
    part: list[str] = []
    before, fence = "", ""
    for line in lines:
        kind = "`" if fence else "|" if line.startswith("|") else "`" if line.startswith("```") else ""
        if kind != before and part:
            yield before, part
            part = []
        part.append(line)
        before = kind
        if kind == "`":
            fence = "" if line == fence else fence or line.removesuffix("text")
    yield before, part


def _fitted(lines: list[str], width: int) -> list[str]:
    """Return the table, with short ids if it is too wide."""
    if max(map(cell_len, lines)) <= width:
        return lines
    titles, *rows = [[cell.strip() for cell in _BORDER.split(line)[1:-1]] for line in lines]
    del rows[0]  # The rule below the titles.
    return table(titles, [[_ID.sub(lambda found: found[0][:8], cell) for cell in row] for row in rows])


def _cut(line: str, width: int, hidden: int) -> str:
    """Leave out the hidden cells at the left, and what does not fit at the right."""
    place = 0
    while hidden > 0 and place < len(line):
        hidden -= get_character_cell_size(line[place])
        place += 1
    rest = line[place:]
    return rest if cell_len(rest) <= width else set_cell_size(rest, width - 1) + ELLIPSIS
