"""The last transitions of the presenter view, in large letters where they fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Center
from textual.content import Content

from store.jobs.job import USUAL_MODES, JobStatus
from tui.dashboard.stage import big_letters
from tui.dashboard.stage.transitions import Transition
from tui.dashboard.statistics.state_figures import MUTED
from tui.dashboard.widgets import SteadyText
from tui.text.clean_text import clean, pad, shorten
from tui.text.format import age, short_id
from tui.text.status_text import status_label, status_style

SHOWN_TRANSITIONS, MOST_TRANSITIONS = 5, 8
"""The number of transitions shown if they fit, and the maximum on a taller screen."""
_WITH_ID_FROM, _PATH_FROM = 100, 80
"""Minimum screen widths for the job's id and for three statuses, in a line of ordinary letters."""
_SIDE = 15
"""Cells for age, id and former status beside large letters."""
_ARROW = (" " * 5, "  →  ", " " * 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class _LargeWord:
    lines: tuple[str, ...]
    style: str = ""

    @property
    def width(self) -> int:
        return max(map(cell_len, self.lines))

    def line(self, number: int, width: int = 0) -> Content:
        return Content.styled(pad(self.lines[number], max(width, self.width)), self.style)


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
        lines, gap = self._large_rows(self._now) if self._are_large else self._small_rows(self._now)
        words = Content("\n" * (gap + 1)).join(lines) if lines else Content.styled(self._empty, MUTED)
        shape = [cell_len(line) for line in words.plain.splitlines()]
        self.query_one("#transitions", SteadyText).say(words, layout=shape != self._shape)
        self._shape = shape

    @property
    def _are_large(self) -> bool:
        """Whether there is room for the letters of five transitions, and a font for them."""
        has_room = self.content_size.height >= SHOWN_TRANSITIONS * big_letters.LINES
        return has_room and all(map(big_letters.can_draw, (*USUAL_MODES, *JobStatus)))

    def _small_rows(self, now: datetime) -> tuple[list[Content], int]:
        """Return one line for each transition, and the number of blank lines between them."""
        height, width = self.content_size.height, self.app.size.width
        gap = 1 if height >= 2 * SHOWN_TRANSITIONS - 1 else 0
        most = min(MOST_TRANSITIONS if gap else SHOWN_TRANSITIONS, (height + gap) // (1 + gap))
        statuses, has_id = 3 if width >= _PATH_FROM else 2, width >= _WITH_ID_FROM
        return [_line(one, now, has_id=has_id, most=statuses) for one in self._transitions[:most]], gap

    def _large_rows(self, now: datetime) -> tuple[list[Content], int]:
        """Return three lines for each transition, and the number of blank lines between them."""
        height, width = self.content_size.height, self.content_size.width - _SIDE - len(_ARROW[0])
        most = max(SHOWN_TRANSITIONS, min((height + 1) // (big_letters.LINES + 1), MOST_TRANSITIONS))
        gap = 1 if most * (big_letters.LINES + 1) - 1 <= height else 0
        shown = self._transitions[:most]
        words = [_words(one, width) for one in shown]
        status_width = big_letters.width_of(max(JobStatus, key=len))
        widest_name = max([big_letters.width_of(max(USUAL_MODES, key=len)), *(name.width for name, _ in words)])
        widths = min(widest_name, width - status_width), status_width
        return [_large_row(one, now, pair, widths) for one, pair in zip(shown, words, strict=True)], gap


def _line(transition: Transition, now: datetime, *, has_id: bool, most: int) -> Content:
    """Return the line of a transition with its last `most` statuses."""
    job = transition.job
    mode = clean(job.mode, limit=18)
    name = f"{short_id(job.id)}   {mode:<18}" if has_id else f"{mode:<18}"
    start = Content(f"{age(transition.at, now):>11}   {name}   ")
    path = [Content.styled(status_label(one), status_style(one)) for one in transition.path[-most:]]
    return Content.assemble(start, Content.styled("  →  ", MUTED).join(path))


def _words(transition: Transition, room: int) -> tuple[_LargeWord, _LargeWord]:
    """Return the mode and the status. Both are in ordinary letters if one cannot be drawn or there is no room."""
    job = transition.job
    mode, status, style = clean(job.mode, limit=40), clean(job.status.value, limit=20), status_style(job.status)
    if big_letters.can_draw(mode + status):
        name, state = (big_letters.draw_letters(text) for text in (mode, status))
        if len(name[0]) + len(state[0]) <= room:
            return _LargeWord(lines=name), _LargeWord(lines=state, style=style)
    label = status_label(job.status)
    mode = shorten(mode, max(room - cell_len(label), 1))
    return _LargeWord(lines=("", mode, "")), _LargeWord(lines=("", label, ""), style=style)


def _large_row(
    transition: Transition, now: datetime, words: tuple[_LargeWord, _LargeWord], widths: tuple[int, int]
) -> Content:
    """Return three lines. The widths are the same for all usual modes and statuses, so that rows keep their place."""
    (name, state), (name_width, state_width) = words, widths
    before = transition.path[-2:-1]
    sides = (age(transition.at, now), short_id(transition.job.id), *(f"was {status_label(one)}" for one in before))
    lines = [
        Content.assemble(
            (pad(sides[number] if number < len(sides) else "", _SIDE), MUTED),
            name.line(number, name_width),
            (_ARROW[number], MUTED),
            state.line(number, state_width),
        )
        for number in range(big_letters.LINES)
    ]
    return Content("\n").join(lines)
