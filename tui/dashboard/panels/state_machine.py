"""The state machine with the figures of each state, as columns or as boxes, and its animation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from rich.cells import cell_len
from textual.geometry import Region

from gjobs.store.jobs.job import AnyStatus, JobStatus, UnknownStatus, in_order
from gjobs.store.statistics.statistics import MOST_AGE, Count, JobFlow, JobStatistics, Precision, Totals
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.formats import is_far, money
from gjobs.tui.text.format import MUTED, UNKNOWN, Span, count, elapsed, percent
from gjobs.tui.text.status_text import UNKNOWN_GLYPH, count_words, status_glyph, status_style, status_word


class Canvas:
    """Texts can be written at any place. Parts outside are cut off."""

    def __init__(self, width: int, height: int) -> None:
        self.width = max(width, 0)
        self._rows = [[(" ", "")] * self.width for _ in range(height)]

    def copy(self) -> "Canvas":
        other = Canvas(0, 0)
        other.width, other._rows = self.width, [row.copy() for row in self._rows]
        return other

    def write(self, x: int, y: int, text: str, style: str = "") -> int:
        """Write a clean text, and return the place after it."""
        for character in text:
            cells = cell_len(character)
            if 0 <= y < len(self._rows) and x >= 0 and x + cells <= self.width:
                row = self._rows[y]
                if cells > 0:
                    row[x : x + cells] = [(character, style), *[("", style)] * (cells - 1)]
                elif x > 0:  # It combines with the character before.
                    row[x - 1] = (row[x - 1][0] + character, row[x - 1][1])
            x += cells
        return x

    def write_spans(self, x: int, y: int, spans: list[Span]) -> int:
        for text, style in spans:
            x = self.write(x, y, text, style)
        return x

    def restyle(self, region: Region, style: str) -> None:
        for row in self._rows[region.y : region.bottom]:
            row[region.x : region.right] = [(character, style) for character, _ in row[region.x : region.right]]

    def lines(self) -> list[list[Span]]:
        """Return the lines without blanks at their ends."""
        lines: list[list[Span]] = []
        for row in self._rows:
            end = next((x for x in range(len(row), 0, -1) if row[x - 1] != (" ", "")), 0)
            groups = groupby(row[:end], key=lambda cell: cell[1])
            lines.append([("".join(character for character, _ in cells), style) for style, cells in groups])
        return lines


_MOST_OTHERS = 3
"""Maximum number of unknown statuses with their own figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFigures:
    """The texts of one state, of all other states together, or of all jobs."""

    state: JobStatus | None = None
    """The state whose jobs a click lists. None for anything but a state of the workflow."""
    glyph: str = ""
    word: str
    style: str
    number: str
    total: str
    average: str
    """Empty if the costs are unknown."""
    flow: str = ""
    """How many jobs entered the state per minute. Empty for anything but a state of the workflow."""

    @property
    def key(self) -> str:
        """The digit that lists the state."""
        return "" if self.state is None else str(_STATES.index(self.state) + 2)

    @property
    def label(self) -> str:
        return f"{self.glyph} {self.word}".lstrip()


_STATES = tuple(JobStatus)
_LEAST_RATE = 0.1
_WHOLE_FROM = 9.95
"""Jobs per minute. From here on, tenths are dropped."""


def state_figures(totals: Totals) -> dict[JobStatus, StateFigures]:
    """Return the figures of each state of the workflow, in its order."""
    return {status: _figures(totals, [status], status_glyph(status), status_word(status)) for status in JobStatus}


def other_figures(totals: Totals, *, most: int = _MOST_OTHERS) -> list[StateFigures]:
    """Return the figures of each unknown status. If there are more than `most`, they are added up."""
    unknown = [status for status in in_order(totals.counts) if isinstance(status, UnknownStatus)]
    if len(unknown) > most:
        return [_figures(totals, unknown, UNKNOWN_GLYPH, "other")]
    return [_figures(totals, [status], UNKNOWN_GLYPH, status_word(status)) for status in unknown]


def all_figures(totals: Totals) -> StateFigures:
    total, average = _costs(totals.statistics, None)
    return StateFigures(
        word="Total", style="bold", number=count_words(totals.count(None)), total=total, average=average
    )


def _figures(totals: Totals, statuses: Sequence[AnyStatus], glyph: str, word: str) -> StateFigures:
    first, (total, average) = statuses[0], _costs(totals.statistics, statuses)
    return StateFigures(
        state=first if isinstance(first, JobStatus) else None,
        glyph=glyph,
        word=word,
        style=status_style(first),
        number=count_words(totals.count_of(statuses)),
        total=total,
        average=average,
        flow=_flow(totals, first) if isinstance(first, JobStatus) else "",
    )


def _current_flow(totals: Totals) -> JobFlow | None:
    """Return the flow, unless it is so much older than the counts that it would contradict them."""
    flow = totals.flow
    return flow if flow and (totals.taken_at - flow.taken_at).total_seconds() <= MOST_AGE else None


def _flow(totals: Totals, status: JobStatus) -> str:
    flow = _current_flow(totals)
    moves = flow.moves if flow else None
    rate = moves.per_minute(status) if moves else None
    if rate is None:
        return UNKNOWN
    if 0 < rate < _LEAST_RATE:
        return f"<{_LEAST_RATE}/min"
    return f"{rate:.1f}/min" if 0 < rate < _WHOLE_FROM else f"{count(round(rate))}/min"


def flow_rates(totals: Totals) -> str:
    """Return the flow of all states. Empty if that is unknown."""
    flows = [one.flow.removesuffix("/min") for one in state_figures(totals).values()]
    queued, running, succeeded, failed = flows
    return "" if UNKNOWN in flows else f"{queued} → {running} → {succeeded} / {failed} a min"


def oldest_queued(totals: Totals) -> str:
    """Return how long the oldest queued job had waited when the flow was read. Empty if none waited.

    The flow may be older than the counts. The oldest queued job in the flow may have started since.
    """
    flow = _current_flow(totals)
    if flow is None or totals.counts.get(JobStatus.QUEUED) == Count(number=0):
        return ""
    since = flow.oldest_queued_at
    return "" if since is None or is_far(since) else elapsed((flow.taken_at - since).total_seconds())


def stuck(totals: Totals) -> str:
    """Return `2 stuck`. Empty if no job is stuck, or if that is unknown."""
    number = totals.stuck_jobs
    if number is None or not number.number:
        return ""
    return f"{'≥ ' if number.is_more else ''}{count(number.number)} stuck"


def _costs(statistics: JobStatistics | None, statuses: Sequence[AnyStatus] | None) -> tuple[str, str]:
    """Return the total and the average cost. None means all statuses."""
    if statistics is None:
        return UNKNOWN, ""
    number = statistics.total_count if statuses is None else sum(map(statistics.count, statuses))
    total = statistics.total_cost_cents if statuses is None else sum(map(statistics.cost_cents, statuses))
    return money(total), f"{money(round(total / number))} a job" if number else UNKNOWN


def success_rates(totals: Totals) -> list[str]:
    """Return the success rates of the finished jobs and, if that differs, of all jobs. Or return why there are none."""
    statistics = totals.statistics
    if statistics is None:
        return ["costs not counted"]
    if statistics.success_rate_finished is None:
        return ["no finished jobs"]
    of_finished, of_all = percent(statistics.success_rate_finished), percent(statistics.success_rate)
    return [f"{of_finished} success", *([f"({of_all} of all jobs succeeded)"] if of_all != of_finished else [])]


_LEAST_GAP = 3
_LEAST_STEP = 4
"""The fewest cells between two states that leave room for `+1`."""
_ROOM_FOR_TRAVEL = 6
"""With at least this many cells between two states, a moving number does not cover the arrowhead or the slash."""
_EVEN_FROM = 7
"""With at least this many cells between columns, all gaps are equal. Otherwise, arrows get the room first."""
_MOST_GAP = 9
_LINES_WITHOUT_FLOW = 4
"""With this many lines or fewer, the flow is left out, because the averages matter more."""


@dataclass(slots=True)
class Drawing:
    """A canvas, and the places on it."""

    canvas: Canvas
    states: dict[JobStatus, Region] = field(default_factory=dict)
    """A click here lists the state."""
    numbers: dict[JobStatus, Region] = field(default_factory=dict)
    arrows: dict[JobStatus, Region] = field(default_factory=dict)
    """The cells on which a number may move to a state. They touch no other number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """What is shown of one state. A part that does not fit is empty."""

    figures: StateFigures
    heading: list[Span]
    average: str

    @property
    def width(self) -> int:
        heading = sum(cell_len(text) for text, _ in self.heading)
        return max(heading, len(self.figures.total), len(self.average), len(self.figures.flow))


def draw_columns(totals: Totals, *, width: int, height: int) -> tuple[Drawing, int]:
    """Draw a column for each state: count, total cost, average cost and flow. Return the number of lines used, too.

    If the width is too small, either digits or status names are dropped. Then averages, then both, and then statuses
    from the left. Between states, there is room for the number of moved jobs, unless that would drop a state or the
    averages. Unknown statuses share one column if they are many or do not fit.
    """
    columns = _fitting(totals, width, with_averages=height > 3)
    has_flow = has_flow_line(height)
    lines = 2 + any(column.average for column in columns) + has_flow
    drawing = Drawing(Canvas(width, height))
    x = 0
    for column, gap in zip(columns, [*_gaps(columns, width), 0], strict=True):
        end = _draw_column(drawing, column, x, lines=lines, has_flow=has_flow)
        x += column.width + gap
        _draw_step(drawing, column.figures.state, end, x - end)
    return drawing, lines


def has_flow_line(height: int) -> bool:
    """Return whether the columns have a line with the flow."""
    return height > _LINES_WITHOUT_FLOW


def _gaps(columns: Sequence[_Column], width: int) -> list[int]:
    """Return the cells after each column but the last."""
    free = width - sum(column.width for column in columns)
    are_steps = [_NEXT[column.figures.state] is not None for column in columns[:-1]]
    even = min(free // max(len(are_steps), 1), _MOST_GAP)
    if even >= _EVEN_FROM or not any(are_steps):
        return [max(even, _LEAST_GAP)] * len(are_steps)
    steps = are_steps.count(True)
    step, spare = divmod(free - _LEAST_GAP * are_steps.count(False), steps)
    widths = iter([max(min(step + (place < spare), _EVEN_FROM), _LEAST_GAP) for place in range(steps)])
    return [next(widths) if is_step else _LEAST_GAP for is_step in are_steps]


def _draw_column(drawing: Drawing, column: _Column, x: int, *, lines: int, has_flow: bool) -> int:
    """Return the end of the heading."""
    canvas, figures = drawing.canvas, column.figures
    end = canvas.write_spans(x, 0, column.heading)
    canvas.write(x, 1, figures.total, "bold")
    canvas.write(x, 2, column.average, MUTED)
    if has_flow:
        canvas.write(x, lines - 1, figures.flow, MUTED)
    if figures.state is not None:
        drawing.states[figures.state] = Region(x, 0, column.width, lines)
        drawing.numbers[figures.state] = Region(end - len(figures.number), 0, len(figures.number), 1)
    return end


_NEXT: Mapping[JobStatus | None, JobStatus | None] = by_member(
    JobStatus,
    {
        None: None,
        JobStatus.QUEUED: JobStatus.RUNNING,
        JobStatus.RUNNING: JobStatus.SUCCEEDED,
        JobStatus.SUCCEEDED: JobStatus.FAILED,
        JobStatus.FAILED: None,
    },
)
"""The state drawn after each one. None for the column without a state."""


def _draw_step(drawing: Drawing, state: JobStatus | None, x: int, gap: int) -> None:
    """Draw what stands between a state and the next one: an arrow, or a slash between the two ends."""
    following = _NEXT[state]
    if following is None:
        return
    if following is JobStatus.FAILED:
        start = drawing.canvas.write(x + (gap - 1) // 2, 0, "/", MUTED)
        end = x + gap - 1
    else:
        drawing.canvas.write(x + 1, 0, "─" * (gap - 3) + "→", MUTED)
        start, end = x + 2, x + gap - 2
    if gap < _ROOM_FOR_TRAVEL:
        start, end = x + 1, x + gap - 1
    drawing.arrows[following] = Region(start, 0, max(end - start, 0), 1)


def _fitting(totals: Totals, width: int, *, with_averages: bool) -> Sequence[_Column]:
    states, everything = [*state_figures(totals).values()], all_figures(totals)

    def heading(one: StateFigures, *, key: bool, name: bool) -> list[Span]:
        digit: list[Span] = [(f"{one.key} ", MUTED)] if key and one.key else []
        return [*digit, (f"{one.label if name else one.glyph or one.label} ", one.style), (one.number, "bold")]

    def columns(*, average: bool = False, key: bool = False, name: bool = False) -> list[_Column]:
        return [
            _Column(figures=one, heading=heading(one, key=key, name=name), average=one.average if average else "")
            for one in (*states, *others, everything)
        ]

    others = other_figures(totals)
    if len(others) > 1 and _least_width(columns()) > width:
        others = other_figures(totals, most=1)
    short = columns()
    candidates: list[tuple[Sequence[_Column], int]] = []
    for average in (True, False) if with_averages else (False,):
        candidates += [
            (columns(average=average, key=True, name=True), _LEAST_STEP),
            (columns(average=average, name=True), _LEAST_STEP),
            (columns(average=average, key=True), _LEAST_STEP),
            (columns(average=average, key=True), _LEAST_GAP) if average else (short, _LEAST_STEP),
        ]
    candidates += [(short[first:], _LEAST_GAP) for first in range(len(short))]
    return next((columns for columns, step in candidates if _least_width(columns, step) <= width), short[-1:])


def _least_width(columns: Sequence[_Column], step: int = _LEAST_GAP) -> int:
    """Return the width of the columns, with `step` cells between a state and the next one."""
    gaps = (step if _NEXT[column.figures.state] else _LEAST_GAP for column in columns[:-1])
    return sum(column.width for column in columns) + sum(gaps)


BOX_LINES = 8
"""The height of the boxes of the two end states, one above the other. The other two states are in the middle."""
_LEAST_ARROW = 6
_MOST_ARROW = 8
_FRAME = 4
"""The cells that a box needs besides its text."""
_USUAL_WIDTH = len("$888.88 · $8.88 a job")
_MIDDLE, _UPPER, _LOWER = 3, 1, 5
"""The lines of the arrows."""


def draw_boxes(totals: Totals, *, width: int, height: int) -> Drawing | None:
    """Draw a box for each state, with count, costs, flow, and what needs attention. None if they do not fit.

    If the width is too small, averages are dropped.
    """
    figures = state_figures(totals)
    for has_averages, least in ((True, _USUAL_WIDTH), (False, 0)):
        texts = {state: _texts(one, totals, has_averages) for state, one in figures.items()}
        box = _width(figures, texts, least)
        arrow = min((width - 3 * box) // 2, _MOST_ARROW)
        if arrow >= _LEAST_ARROW:
            break
    else:
        return None
    left, right = box + arrow, 2 * (box + arrow)
    regions = by_member(
        JobStatus,
        {
            JobStatus.QUEUED: Region(0, 1, box, 6),
            JobStatus.RUNNING: Region(left, 1, box, 6),
            JobStatus.SUCCEEDED: Region(right, 0, box, 4),
            JobStatus.FAILED: Region(right, 4, box, 4),
        },
    )
    canvas = Canvas(width, height)
    drawing = Drawing(canvas, states=dict(regions))
    for state, region in regions.items():
        _draw_box(canvas, region, figures[state], texts[state])
        drawing.numbers[state] = Region(region.x + 2, region.y + 1, len(figures[state].number), 1)
    _draw_arrows(drawing, box, left + box, arrow)
    return drawing


def _texts(figures: StateFigures, totals: Totals, has_averages: bool) -> list[list[Span]]:
    has_average = has_averages and figures.average not in ("", UNKNOWN)
    costs = [figures.total, figures.average] if has_average else [figures.total]
    number: Span = (figures.number, "bold")
    if figures.state in (JobStatus.SUCCEEDED, JobStatus.FAILED):
        return [[number, (f"  {figures.flow}", MUTED)], [(" · ".join(costs), "")]]
    return [[number], [(" · ".join(costs), "")], [(figures.flow, MUTED)], [_note(figures, totals)]]


def _note(figures: StateFigures, totals: Totals) -> Span:
    if figures.state is JobStatus.RUNNING:
        return stuck(totals), "bold $text-warning"
    waits = oldest_queued(totals)
    return f"oldest {waits}" if waits else "", MUTED


def _width(figures: dict[JobStatus, StateFigures], texts: dict[JobStatus, list[list[Span]]], least: int) -> int:
    """Return the width of each box. It is the same for all and has a minimum, so that boxes seldom move."""
    titles = (len(one.label) + _FRAME for one in figures.values())
    lines = (sum(len(text) for text, _ in line) for of_state in texts.values() for line in of_state)
    return max(least, *titles, *lines) + _FRAME


def _draw_box(canvas: Canvas, region: Region, figures: StateFigures, texts: Sequence[list[Span]]) -> None:
    x, y, width, height = region
    canvas.write(x, y, "╭" + "─" * (width - 2) + "╮", MUTED)
    canvas.write_spans(x + 1, y, [(f" {figures.key} ", MUTED), (f"{figures.label} ", f"bold {figures.style}")])
    for line in range(1, height - 1):
        canvas.write(x, y + line, "│", MUTED)
        canvas.write(x + width - 1, y + line, "│", MUTED)
    canvas.write(x, y + height - 1, "╰" + "─" * (width - 2) + "╯", MUTED)
    for line, spans in enumerate(texts, 1):
        canvas.write_spans(x + 2, y + line, list(spans))


def _draw_arrows(drawing: Drawing, start: int, fork: int, arrow: int) -> None:
    """Draw an arrow to the running jobs, and one that forks to the two ends."""
    canvas = drawing.canvas
    canvas.write(start + 1, _MIDDLE, "─" * (arrow - 3) + "→", MUTED)
    drawing.arrows[JobStatus.RUNNING] = Region(start + 1, _MIDDLE, arrow - 2, 1)
    knee = fork + arrow // 3
    canvas.write(fork + 1, _MIDDLE, "─" * (knee - fork - 1) + "┤", MUTED)
    for y in (_MIDDLE - 1, _MIDDLE + 1):
        canvas.write(knee, y, "│", MUTED)
    rest = fork + arrow - knee - 2
    for y, corner, state in ((_UPPER, "╭", JobStatus.SUCCEEDED), (_LOWER, "╰", JobStatus.FAILED)):
        canvas.write(knee, y, corner + "─" * (rest - 1) + "→", MUTED)
        drawing.arrows[state] = Region(knee + 1, y, rest, 1)


FRAMES = 10
FRAME_SECONDS = 0.1
LONGEST_TRANSACTION = timedelta(seconds=30)
"""A row has the time at which its transaction began. Other sessions see the row only after the commit, which may be
up to this much later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanges:
    """What changed between two counts."""

    changed: frozenset[JobStatus]
    moved: Mapping[JobStatus, int]
    """How many jobs moved along the arrow to each state."""


def state_changes(before: Totals | None, after: Totals, *, created_at: Iterable[datetime] = ()) -> StateChanges | None:
    """Return the changes, or None if there are none. Only exact counts of the same query and actor are compared.

    `created_at` has the times of listed jobs. A restored or imported job is subtracted from the moves to each state,
    so a real move may be hidden. A deleted job may hide one, too.
    """
    if before is None or before is after or (before.query, before.actor) != (after.query, after.actor):
        return None
    if not before.precision is after.precision is Precision.EXACT:
        return None
    grown = {status: after.counts[status].number - before.counts[status].number for status in JobStatus}
    changed = frozenset(status for status, number in grown.items() if number)
    ended = {status: max(grown[status], 0) for status in (JobStatus.SUCCEEDED, JobStatus.FAILED)}
    moved = {JobStatus.RUNNING: grown[JobStatus.RUNNING] + sum(ended.values()), **ended}
    new = sum(before.taken_at - LONGEST_TRANSACTION < at <= after.taken_at for at in created_at)
    restored = max(sum(grown.values()) - max(grown[JobStatus.QUEUED], new), 0)
    moved = {to: number - restored for to, number in moved.items() if number > restored}
    return StateChanges(changed=changed, moved=moved) if changed else None


def draw_changes(drawing: Drawing, changes: StateChanges, *, frame: int) -> None:
    """Highlight the changed counts. Draw the numbers of moved jobs on their way along the arrows, if they fit."""
    for status in changes.changed & drawing.numbers.keys():
        drawing.canvas.restyle(drawing.numbers[status], f"bold reverse {status_style(status)}")
    for status in changes.moved.keys() & drawing.arrows.keys():
        way, words = drawing.arrows[status], f"+{count(changes.moved[status])}"
        room = way.width - len(words)
        if room >= 0:
            drawing.canvas.write(way.x + room * frame // FRAMES, way.y, words, f"bold {status_style(status)}")
