"""Every key, as the bindings say: moved keys show where they were moved to."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from tui.screens.dialog import Dialog
from tui.widgets.steady_text import SteadyText

_NARROWEST = 10
"""Cells of what a key does, on however narrow a screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpEntry:
    group: str
    keys: str
    what: str


class HelpDialog(Dialog[None]):
    DEFAULT_CSS = """
    HelpDialog #dialog { width: 88; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,q,enter", "leave", "Close", id="help.close", tooltip="Close the help"),
    ]

    def __init__(self, entries: Sequence[HelpEntry]) -> None:
        super().__init__()
        self._entries = tuple(entries)

    def compose(self) -> ComposeResult:
        with self.box("Keys"), VerticalScroll():
            yield SteadyText(id="entries")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._draw()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        width = self.query_one(VerticalScroll).scrollable_content_region.width
        self.query_one("#entries", SteadyText).say(_content(self._entries, width))


def _content(entries: Sequence[HelpEntry], width: int) -> Content:
    """In lines of so many cells: what goes on in a further line stands below its beginning."""
    widths: dict[str, int] = {}
    for entry in entries:
        widths[entry.group] = max(widths.get(entry.group, 0), len(entry.keys) + 3)
    lines: list[Content] = []
    group = ""
    for entry in entries:
        if entry.group != group:
            group = entry.group
            lines += [Content("")] * bool(lines) + [Content.assemble((group, "bold $text-primary"))]
        keys = f"  {entry.keys:<{widths[entry.group]}}"
        what = wrap(entry.what, max(width - len(keys), _NARROWEST)) or [""]
        lines.append(Content.assemble((keys, "bold"), f"\n{' ' * len(keys)}".join(what)))
    return Content("\n").join(lines)
