"""Which statuses are listed: all of them, or one."""

from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from store.model import JobStatus
from tui.words.status import STATUS_GLYPHS, STATUS_STYLES, status_label

TABS: tuple[JobStatus | None, ...] = (None, *JobStatus)
"""In the order of their keys, 1 to 5. None is all of them."""

_GAP = 2


class StatusTabs(Static):
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    StatusTabs {
        height: 1;
        text-wrap: nowrap;
    }
    """

    chosen: reactive[JobStatus | None] = reactive[JobStatus | None](None)
    """None for all statuses."""

    @dataclass
    class Chosen(Message):
        status: JobStatus | None

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, markup=False)

    def render(self) -> Content:
        parts: list[tuple[str, str]] = []
        for place, (status, label) in enumerate(zip(TABS, self._labels(), strict=True)):
            key, style = str(place + 1), "" if status is None else STATUS_STYLES[status]
            if status == self.chosen:
                parts.append((f" {key} {label} ", f"bold reverse {style}"))
            else:
                parts += [(f" {key} ", "$foreground-muted"), (f"{label} ", style)]
            parts.append((" " * _GAP, ""))
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        start = 0
        for status, label in zip(TABS, self._labels(), strict=True):
            end = start + _width(label)
            if start <= event.x < end:
                self.post_message(self.Chosen(status))
                return
            start = end + _GAP

    def _labels(self) -> list[str]:
        """With the words where there is room; the glyphs alone where not, but for the chosen one."""
        words = ["all" if status is None else status_label(status) for status in TABS]
        if sum(map(_width, words)) + _GAP * (len(words) - 1) <= self.size.width:
            return words
        return [
            word if status in (None, self.chosen) else STATUS_GLYPHS[status]
            for status, word in zip(TABS, words, strict=True)
        ]


def _width(label: str) -> int:
    return len(f" 1 {label} ")
