"""Markdown from untrusted texts, which no text can break out of."""

import re
from collections.abc import Iterable, Sequence
from datetime import tzinfo

from rich.cells import cell_len

from gjobs.tui.text.clean_text import clean, clean_block


def zone_name(zone: tzinfo) -> str:
    return str(getattr(zone, "key", None) or zone)


_BACKTICKS = re.compile(r"`+")
_LEAST_FENCE, _LEAST_RULE = 3, 3


def code(text: str, *, limit: int = 400) -> str:
    """Return one line as a code span. Renderers neither link nor mention anything in it."""
    line = clean(text, limit=limit).strip()
    if not line:
        return "–"
    marks = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{marks}{pad}{line}{pad}{marks}"


def cell(text: str, *, limit: int = 200) -> str:
    """Return a code span for a table. A pipe would end the cell, so it is escaped."""
    # Renderers disagree on a pipe after two backslashes.
    return code(text, limit=limit).replace("\\|", "\\ |").replace("|", "\\|")


def block(text: str, *, limit: int = 2_000) -> list[str]:
    """Return lines that show the text unchanged, in a fence that is longer than any in the text."""
    lines = clean_block(text, limit=limit)
    fence = "`" * max(_LEAST_FENCE, _longest_run(lines) + 1)
    return [f"{fence}text", *lines.split("\n"), fence]


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table with aligned columns, so that it is readable as text, too. Cells must be safe already."""
    lines = [titles, *rows]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    widths[-1] = 0  # The last column often has long texts.
    rule = ["-" * max(width, _LEAST_RULE) for width in widths]
    padded = (
        [text + " " * (width - cell_len(text)) for text, width in zip(cells, widths, strict=True)]
        for cells in (titles, rule, *lines[1:])
    )
    return [f"| {' | '.join(cells)} |" for cells in padded]


def _longest_run(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text)), default=0)
