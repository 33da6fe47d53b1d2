"""The last transitions of the presenter view."""

from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Center
from textual.content import Content

from gjobs.tui.dashboard.stage.transitions import Transition
from gjobs.tui.dashboard.statistics.state_figures import MUTED
from gjobs.tui.dashboard.widgets import SteadyText
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.format import age, short_id
from gjobs.tui.text.status_text import status_label, status_style

SHOWN_TRANSITIONS, MOST_TRANSITIONS = 5, 8
"""The number of transitions shown if they fit, and the maximum on a taller screen."""
_WITH_ID_FROM, _PATH_FROM = 100, 80
"""Minimum screen widths for the job's id and for three statuses."""


class TransitionRows(Center):
    DEFAULT_CSS = """
    TransitionRows {
        height: 1fr;

        SteadyText { height: auto; width: auto; max-width: 100%; text-wrap: nowrap; text-style: bold; }
        SteadyText { text-overflow: ellipsis; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._transitions: Sequence[Transition] = ()
        self._now: datetime | None = None
        self._empty = ""
        self._shape: list[int] = []
        """The widths of the lines drawn last. A new age seldom needs a new layout."""
        self._drawn_from: object = None
        """What the rows were drawn from last."""

    def compose(self) -> ComposeResult:
        yield SteadyText(id="transitions")

    def on_resize(self) -> None:
        self._draw()

    def show(self, transitions: Sequence[Transition], now: datetime, *, empty: str) -> None:
        """Show the transitions, newest first. Without any, show the text `empty`."""
        self._transitions, self._now, self._empty = transitions, now, empty
        self._draw()

    def _draw(self) -> None:
        if self._now is None or not self.content_size.height:
            return
        # Building the rows is slow, and their ages seldom change.
        drawn = self._transitions, [age(one.at, self._now) for one in self._transitions], self._empty, self.content_size
        if drawn == self._drawn_from:
            return
        self._drawn_from = drawn
        lines, gap = self._rows(self._now)
        words = Content("\n" * (gap + 1)).join(lines) if lines else Content.styled(self._empty, MUTED)
        shape = [cell_len(line) for line in words.plain.splitlines()]
        self.query_one("#transitions", SteadyText).say(words, layout=shape != self._shape)
        self._shape = shape

    def _rows(self, now: datetime) -> tuple[list[Content], int]:
        """Return one line for each transition, and the number of blank lines between them."""
        height, width = self.content_size.height, self.app.size.width
        gap = 1 if height >= 2 * SHOWN_TRANSITIONS - 1 else 0
        most = min(MOST_TRANSITIONS if gap else SHOWN_TRANSITIONS, (height + gap) // (1 + gap))
        statuses, has_id = 3 if width >= _PATH_FROM else 2, width >= _WITH_ID_FROM
        return [_line(one, now, has_id=has_id, most=statuses) for one in self._transitions[:most]], gap


def _line(transition: Transition, now: datetime, *, has_id: bool, most: int) -> Content:
    """Return the line of a transition with its last `most` statuses."""
    job = transition.job
    mode = clean(job.mode, limit=18)
    name = f"{short_id(job.id)}   {mode:<18}" if has_id else f"{mode:<18}"
    start = Content(f"{age(transition.at, now):>11}   {name}   ")
    path = [Content.styled(status_label(one), status_style(one)) for one in transition.path[-most:]]
    return Content.assemble(start, Content.styled("  →  ", MUTED).join(path))
