"""Keys and their actions as aligned text, in groups."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from operator import attrgetter
from textwrap import wrap

_TWO_COLUMNS_FROM = 96
_SHORT_LINES = 14
"""A list of up to this many lines has one column on any screen."""
_GAP = 3
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
    """Return one compact block of Markdown. A long list has two columns if there is enough room."""
    lines = _column(_titled_groups(entries, width))
    if width < _TWO_COLUMNS_FROM or len(lines) <= _SHORT_LINES:
        return _block(lines)
    room = (width - _GAP) // 2
    groups = _titled_groups(entries, room)
    left, right = min(
        ((_column(groups[:place]), _column(groups[place:])) for place in range(len(groups) + 1)),
        key=lambda columns: max(map(len, columns)),
    )
    return _block([f"{one:<{room + _GAP}}{other}".rstrip() for one, other in zip_longest(left, right, fillvalue="")])


def _titled_groups(entries: Sequence[HelpEntry], width: int) -> list[list[str]]:
    return [
        [f"{group}:", *(f"  {line}" for line in _lines(members, width - 2, has_ids=False))]
        for group, members in _grouped(entries)
    ]


def _column(groups: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of the groups with a blank line between them."""
    return [line for group in groups for line in ("", *group)][1:]


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
