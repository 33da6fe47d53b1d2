"""Waste dialog: what failed jobs and retries cost, grouped by one dimension at a time (mode, project, user, group or
day).
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from store.errors import StoreError
from store.statistics.waste import Waste, WasteKey
from tui.dashboard.dialogs.dialog import Dialog, choices_line
from tui.dashboard.widgets import SteadyText
from tui.text.clean_text import pad
from tui.text.error_text import error_words
from tui.text.waste_text import NUMBERS, TITLES, TOTAL, headline, name, numbers, sentences

_KEYS = {
    "waste.before": "previous",
    "waste.next": "next",
    "waste.again": "refresh",
    "dialog.leave": "close",
}
_GAP = "  "
_NAME_CELLS, _LEAST_NAME_CELLS = 80, 24
_RETRIES = "RETRIES", "RETRY COST"
_BAR_CELLS = 16
_BAR = " " * _BAR_CELLS
"""The title of the bars."""
_LEFT_OUT = (_BAR,), ("ALL JOBS",), _RETRIES
"""The neighboring numbers that a narrow screen leaves out, in this order."""
_ALL_COUNTED = "All jobs that exist are counted."

Ask = Callable[[WasteKey], Awaitable[Waste]]


class WasteDialog(Dialog[None]):
    """Show waste. The waste is read when the dialog opens, when the user changes the grouping, and on refresh."""

    DEFAULT_CSS = """
    WasteDialog {
        #dialog { width: 130; height: 40; overflow: hidden; }
        VerticalScroll { height: 1fr; }
        #by { margin-bottom: 1; }
        #headline { text-style: bold; margin-bottom: 1; }
        #summary { height: auto; max-height: 3; color: $foreground-muted; }
        #keys { height: 1; color: $foreground-muted; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q,w", "leave", "Close", id="waste.close", tooltip="Close the waste"),
        Binding("right,l", "step(1)", "Next", id="waste.next", tooltip="Group the waste by the next dimension"),
        Binding("left,h", "step(-1)", "Previous", id="waste.before", tooltip="Group the waste by the previous key"),
        Binding("f5", "read", "Refresh", id="waste.again", tooltip="Read the waste again"),
    ]

    def __init__(self, ask: Ask, *, of: str) -> None:
        """`of` names the project or all projects. It must be clean text."""
        super().__init__()
        self._ask = ask
        self._of = of
        self._by = 0
        self._found: Waste | None = None

    def compose(self) -> ComposeResult:
        with self.box(f"Waste · {self._of}"):
            yield SteadyText(id="by")
            yield SteadyText(id="headline")
            with VerticalScroll():
                yield SteadyText(id="table")
            yield SteadyText(id="summary")
            yield SteadyText(id="keys")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self.say("keys", self.keys_line(_KEYS))
        self.action_read()

    def action_step(self, steps: int) -> None:
        self._by = (self._by + steps) % len(WasteKey)
        self.action_read()

    @work(exclusive=True)
    async def action_read(self) -> None:
        self.say("by", choices_line((key.value for key in WasteKey), self._by))
        self.say("summary", Content("Reading …"))
        try:
            self._found = await self._ask(list(WasteKey)[self._by])
        except StoreError as error:
            self._found = None
            self._draw()
            self.say("summary", Content.styled(error_words(error), "$text-error"))
            return
        self._draw()
        self.say("summary", Content("\n".join(sentences(self._found)) or _ALL_COUNTED))

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        found = self._found
        if self.is_open:
            width = self.query_one(VerticalScroll).scrollable_content_region.width
            self.say("headline", Content() if found is None else Content(headline(found)))
            self.say("table", Content() if found is None else _table(found, width))


def _table(waste: Waste, width: int) -> Content:
    """Return the table. On a narrow screen, names are cut and some columns are left out. Groups have no share."""
    shown = -2 if waste.by is WasteKey.GROUP else None
    most = max([1, *(row.waste_cents for row in waste.rows)])
    lines = [
        [TITLES[waste.by], *NUMBERS[:shown], _BAR],
        *(
            [name(row, waste.by, has_group_id=False), *numbers(row)[:shown], _bar(row.waste_cents / most)]
            for row in waste.rows
        ),
        [TOTAL, *numbers(waste.total)[:shown], ""],
    ]
    if not waste.total.retry_count:
        lines = _without(lines, _RETRIES)
    for titles in _LEFT_OUT:
        first, *others = _widths(lines)
        if width - _cells(others) < min(first, _LEAST_NAME_CELLS) and titles[0] in lines[0]:
            lines = _without(lines, titles)
    first, *others = _widths(lines)
    first = max(min(first, _NAME_CELLS, width - _cells(others)), 1)
    title, *rows, total = (_line(line, [first, *others]) for line in lines)
    bar = _BAR_CELLS if _BAR in lines[0] else 0
    return Content("\n").join(
        [
            Content.styled(title, "$foreground-muted"),
            *(Content.assemble(row[: len(row) - bar], (row[len(row) - bar :], "$text-warning")) for row in rows),
            Content.styled(total, "bold"),
        ]
    )


def _without(lines: Sequence[Sequence[str]], titles: Sequence[str]) -> list[list[str]]:
    """Return the lines without these neighboring columns."""
    place = lines[0].index(titles[0])
    return [[*line[:place], *line[place + len(titles) :]] for line in lines]


def _bar(share: float) -> str:
    """Return a bar, padded to its full width. Only nothing looks empty."""
    return ("█" * max(round(share * _BAR_CELLS), 1 if share > 0 else 0)).ljust(_BAR_CELLS)


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(*lines, strict=True)]


def _cells(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * len(widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    others = (pad(cell, width, right=True) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return _GAP.join([pad(cells[0], widths[0]), *others])
