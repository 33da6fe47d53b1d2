"""Every key, as the bindings say: moved keys show where they were moved to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.screens.dialog import Dialog


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
            yield Static(_content(self._entries), markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


def _content(entries: Sequence[HelpEntry]) -> Content:
    widths: dict[str, int] = {}
    for entry in entries:
        widths[entry.group] = max(widths.get(entry.group, 0), len(entry.keys) + 3)
    lines: list[Content] = []
    group = ""
    for entry in entries:
        if entry.group != group:
            group = entry.group
            lines += [Content("")] * bool(lines) + [Content.assemble((group, "bold $text-primary"))]
        lines.append(Content.assemble((f"  {entry.keys:<{widths[entry.group]}}", "bold"), entry.what))
    return Content("\n").join(lines)
