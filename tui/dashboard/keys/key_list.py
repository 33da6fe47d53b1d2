"""Keys and their actions as aligned text, in groups."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from textwrap import wrap

_NARROWEST = 10
"""Minimum cells for the action, even on a narrow screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpEntry:
    group: str
    keys: str
    what: str
    binding_id: str


def key_list(entries: Sequence[HelpEntry], *, width: int) -> str:
    """Return Markdown with one heading for each group, and the binding ids."""
    parts = [f"### {group}\n\n{_block(_lines(members, width, has_ids=True))}" for group, members in _grouped(entries)]
    return "\n\n".join(parts)


def short_key_list(entries: Sequence[HelpEntry], *, width: int) -> str:
    """Return one compact block of Markdown."""
    lines: list[str] = []
    for group, members in _grouped(entries):
        lines += [""] * bool(lines) + [f"{group}:"]
        lines += [f"  {line}" for line in _lines(members, width - 2, has_ids=False)]
    return _block(lines)


def _grouped(entries: Sequence[HelpEntry]) -> Iterator[tuple[str, list[HelpEntry]]]:
    for group, members in groupby(entries, key=attrgetter("group")):
        yield group, list(members)


def _block(lines: Sequence[str]) -> str:
    return "\n".join(["```text", *lines, "```"])


def _lines(entries: Sequence[HelpEntry], width: int, *, has_ids: bool) -> list[str]:
    """Return aligned lines. Long texts wrap below their beginning."""
    indent = max(len(entry.keys) for entry in entries) + 2
    lines: list[str] = []
    for entry in entries:
        text = f"{entry.what} [{entry.binding_id}]" if has_ids else entry.what
        first, *further = wrap(text, max(width - indent, _NARROWEST), break_on_hyphens=False)
        lines += [f"{entry.keys:<{indent}}{first}", *(f"{'':<{indent}}{line}" for line in further)]
    return lines
