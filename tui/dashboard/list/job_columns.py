"""The columns of the job list: which ones fit, where, and their cells."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate
from uuid import UUID

from rich.cells import cell_len

from gjobs.store.job_list.list_query import ListOrder, OrderColumn
from gjobs.store.jobs.job import GenerationJob, JobStatus, JobTimes, ListedJob, UnknownStatus, job_times
from gjobs.store.jobs.job_results import TIME_FIELDS, PastField
from gjobs.store.values.data_classes import by_member, dataclass
from gjobs.store.values.formats import money
from gjobs.tui.text.clean_text import clean_cell, pad
from gjobs.tui.text.format import (
    UNKNOWN,
    UNRECORDED,
    age,
    coarse_duration,
    duration,
    error_summary,
    is_unrecorded,
    share_room,
    short_id,
)
from gjobs.tui.text.status_text import status_label

GUTTER = 3
"""Cells at the left for the mark and the cursor."""

WIDE = 120
"""The width from which the id column fits."""

STUCK_LABELS = ("running ! stuck 9 h", "! stuck 59 min")
"""A usual status text of a stuck job: in a wide list, and in a narrow list. If a text is longer than its column, a
shorter one replaces it. The exclamation mark is one cell wide in every font.
"""

HIDDEN = "⊘ hidden"
"""The visibility cell of a job that the user does not see."""

_NARROW = 60
_GAP = 2
"""Cells between two columns, unless the list is narrow or tight."""
MOST_TEXT, _MOST_ERROR = 32, 80
"""Maximum cells of a mode or a name, and of an error. Longer lines are harder to read."""
_TIGHT_TEXT = 7
"""Cells of a mode or a name at least, if the list is tight."""


class ColumnName(StrEnum):
    """Columns in screen order. The value is the title."""

    VISIBILITY = "VISIBLE"
    STATUS = "STATUS"
    MODE = "MODE"
    COST = "COST"
    CREATED = "CREATED"
    UPDATED = "UPDATED"
    RUN = "DURATION"
    TOTAL = "TOTAL"
    PROJECT = "PROJECT"
    OWNER = "OWNER"
    ID = "ID"
    ERROR = "ERROR"


_QUIET = "job-table--quiet"


@dataclass(frozen=True, slots=True)
class _Row:
    """A job, and what the texts of its cells depend on."""

    job: GenerationJob
    now: datetime
    notes: "RowNotes"

    @property
    def is_hidden(self) -> bool:
        return self.notes.hidden is not None and self.job.id in self.notes.hidden


@dataclass(frozen=True, slots=True)
class _ColumnKind:
    """What is fixed for a column."""

    least: int
    """The fewest cells. Some lists need a column that is wider or narrower, see `_fit_columns`."""
    text: Callable[[_Row], str]
    order: OrderColumn | None = None
    """The order that the title sorts by."""
    fields: Iterable[PastField] = ()
    """The fields that an earlier moment may not have."""
    style: str = ""
    is_right_aligned: bool = False
    rounds: int = 0
    """The other columns need room for this many rounds of `_GROWTH`. Applies to lists of several projects."""


def _duration_kind(name: str, time_of: Callable[[JobTimes], timedelta | None]) -> _ColumnKind:
    """Return a column of times, with a dash for an unknown one. Empty if the job is queued or has an unknown status."""

    def text(row: _Row) -> str:
        if row.job.status is JobStatus.QUEUED or isinstance(row.job.status, UnknownStatus):
            return ""
        time = time_of(job_times(row.job, row.now))
        return UNKNOWN if time is None else duration(time.total_seconds())

    return _ColumnKind(_TIME, text, OrderColumn.TOTAL, TIME_FIELDS[name], _QUIET, is_right_aligned=True)


def _name_of(names: Mapping[UUID, str] | None, identifier: UUID) -> str:
    """Return the name, or else the id."""
    return (names or {}).get(identifier, short_id(identifier))


def _error(row: _Row) -> str:
    return error_summary(row.job.error, is_cut=isinstance(row.job, ListedJob) and row.job.is_error_cut)


_WIDEST_STATUS = max(len(status_label(status)) for status in JobStatus)
_AGE, _TIME = len("59 min ago"), len("59 min 59 s")
_CHANGING_BY_TIME = frozenset((ColumnName.CREATED, ColumnName.UPDATED, ColumnName.RUN, ColumnName.TOTAL))
_KINDS = by_member(
    ColumnName,
    {
        ColumnName.VISIBILITY: _ColumnKind(len(HIDDEN), lambda row: HIDDEN if row.is_hidden else ""),
        ColumnName.STATUS: _ColumnKind(_WIDEST_STATUS, lambda row: status_label(row.job.status)),
        ColumnName.MODE: _ColumnKind(len("MODE ▾"), lambda row: row.job.mode or UNKNOWN, fields=("mode",)),
        ColumnName.COST: _ColumnKind(
            len("COST ▾"), lambda row: money(row.job.cost_cents), OrderColumn.COST, is_right_aligned=True
        ),
        ColumnName.CREATED: _ColumnKind(
            _AGE, lambda row: age(row.job.created_at, row.now), OrderColumn.CREATED, ("created_at",), _QUIET
        ),
        ColumnName.UPDATED: _ColumnKind(
            _AGE, lambda row: age(row.job.updated_at, row.now), OrderColumn.UPDATED, ("updated_at",), _QUIET
        ),
        # No index orders jobs by their run. So the title DURATION sorts by the total, and TOTAL then replaces it.
        ColumnName.RUN: _duration_kind("run", lambda times: times.run),
        ColumnName.TOTAL: _duration_kind("total", lambda times: times.total),
        ColumnName.PROJECT: _ColumnKind(8, lambda row: _name_of(row.notes.project_names, row.job.project_id)),
        ColumnName.OWNER: _ColumnKind(8, lambda row: _name_of(row.notes.owners, row.job.user_id), fields=("user_id",)),
        ColumnName.ID: _ColumnKind(8, lambda row: short_id(row.job.id), style=_QUIET, rounds=4),
        ColumnName.ERROR: _ColumnKind(10, _error, fields=("error",), style="job-table--error", rounds=3),
    },
)

SORTED_BY = {name: kind.order for name, kind in _KINDS.items()}
"""The order that each title sorts by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobColumn:
    """A column that fits, and where it is."""

    name: ColumnName
    start: int
    """Cells from the left."""
    width: int


ContentWidths = Mapping[ColumnName, int]
"""Cells of the widest values among the loaded rows, so that columns do not move during a scroll.

The project width covers all project names, even those without a loaded row. A column that the list does not have is
missing, such as PROJECT if all jobs belong to one project. RUN is missing if the jobs do not have the times when they
first ran, so that only totals are known.
"""

_GROWTH: tuple[Mapping[ColumnName, int], ...] = (
    {ColumnName.OWNER: 12, ColumnName.MODE: 8, ColumnName.PROJECT: 8},
    {ColumnName.MODE: len("main_white"), ColumnName.OWNER: 16},
    {ColumnName.MODE: 12, ColumnName.PROJECT: 12, ColumnName.ERROR: 16},
    {ColumnName.MODE: 16, ColumnName.PROJECT: 16, ColumnName.ERROR: 24},
    {ColumnName.STATUS: len(STUCK_LABELS[0]), ColumnName.MODE: 24, ColumnName.PROJECT: 24, ColumnName.OWNER: 24},
    {ColumnName.ERROR: 40, ColumnName.MODE: MOST_TEXT, ColumnName.PROJECT: MOST_TEXT, ColumnName.OWNER: MOST_TEXT},
    {ColumnName.STATUS: len(STUCK_LABELS[1]), ColumnName.ERROR: _MOST_ERROR},
)
"""The target widths of the columns in each round. No column gets wider than its longest text.

Owners grow first. A list has more owners than modes or projects, so short parts of their names are ambiguous. The
second round has enough cells for a usual mode.
"""


def lay_out(width: int, content: ContentWidths, sort: ListOrder | None = None) -> tuple[JobColumn, ...]:
    """Share a width of 40 to 200 cells among the columns that fit, from left to right.

    On a narrow screen, the least important columns are dropped. Before a run or a total is dropped, columns get closer
    and narrower. The same happens before a list with owners drops the error. Then the columns grow, and the error gets
    the rest, up to a maximum. The widths do not depend on whether a job is stuck, so that one such job moves no column.
    """
    widths, gaps, dropped = _fit_columns(width, content, sort, is_tight=False)
    is_error_needed = ColumnName.PROJECT not in content or ColumnName.OWNER in content
    may_drop = {ColumnName.ID} if is_error_needed else {ColumnName.ID, ColumnName.ERROR}
    if dropped - may_drop and width >= _NARROW:
        widths, gaps, _ = _fit_columns(width, content, sort, is_tight=True)
    room = width - GUTTER - sum(gaps[name] for name in widths) + min(gaps.values())
    widths = _grow(widths, content, room, len(_GROWTH))
    if ColumnName.RUN in content and ColumnName.TOTAL in widths and not (sort and sort.column is OrderColumn.TOTAL):
        widths[ColumnName.RUN] = widths.pop(ColumnName.TOTAL)
    shown = [name for name in ColumnName if name in widths]
    starts = accumulate((widths[name] + gaps[name] for name in shown), initial=GUTTER)
    return tuple(
        JobColumn(name=name, start=start, width=widths[name]) for name, start in zip(shown, starts, strict=False)
    )


def _grow(widths: dict[ColumnName, int], content: ContentWidths, room: int, rounds: int) -> dict[ColumnName, int]:
    for steps in _GROWTH[:rounds]:
        wanted = {name: min(cells, content.get(name, cells)) for name, cells in steps.items() if name in widths}
        # If the status column cannot get wide enough for the next longer label, it gets no more cells.
        longer = wanted.get(ColumnName.STATUS, 0) - widths.get(ColumnName.STATUS, 0)
        if longer > max(room - sum(widths.values()), 0):
            del wanted[ColumnName.STATUS]
        widths = share_room(widths, wanted, room)
    return widths


def _fit_columns(
    width: int, content: ContentWidths, sort: ListOrder | None, *, is_tight: bool
) -> tuple[dict[ColumnName, int], Mapping[ColumnName, int], set[ColumnName]]:
    """Return the columns that fit with their least widths, the gaps after columns, and the columns that do not fit."""
    is_close = width < _NARROW
    gaps = {name: 1 if is_close or (is_tight and not kind.is_right_aligned) else _GAP for name, kind in _KINDS.items()}
    text = _TIGHT_TEXT if is_tight else 8
    least = {
        **{name: kind.least for name, kind in _KINDS.items()},
        ColumnName.MODE: min(max(content[ColumnName.MODE], _KINDS[ColumnName.MODE].least), text),
        ColumnName.COST: max(content[ColumnName.COST], _KINDS[ColumnName.COST].least),
        ColumnName.PROJECT: 10 if ColumnName.OWNER not in content and not is_tight else text,
        ColumnName.OWNER: text,
    }
    wanted = _by_priority(width, content, sort, is_tight=is_tight)
    widths: dict[ColumnName, int] = {}
    for name in wanted:
        more = {**widths, name: least[name]}
        # Beside a project column, readable names are more important than a further column.
        rounds = _KINDS[name].rounds if ColumnName.PROJECT in content else 0
        grown = _grow(more, content, width, min(rounds, 1) if is_tight else rounds)
        if width - GUTTER + min(gaps.values()) < sum(grown.values()) + sum(gaps[one] for one in more):
            break
        widths = more
    return widths, gaps, {*wanted} - widths.keys()


_TIMES = by_member(
    OrderColumn,
    {
        OrderColumn.CREATED: ColumnName.CREATED,
        OrderColumn.UPDATED: ColumnName.UPDATED,
        OrderColumn.COST: ColumnName.CREATED,
        OrderColumn.TOTAL: ColumnName.TOTAL,
    },
)
"""The time column of each order."""


def _by_priority(width: int, content: ContentWidths, sort: ListOrder | None, *, is_tight: bool) -> list[ColumnName]:
    """Return the columns, most important first. The time column follows the order of the list."""
    time = _TIMES[sort.column if sort else OrderColumn.CREATED]
    wanted = [
        *([ColumnName.VISIBILITY] if ColumnName.VISIBILITY in content else []),
        ColumnName.STATUS,
        ColumnName.MODE,
        ColumnName.COST,
        time,
    ]
    further = ColumnName.CREATED if time is ColumnName.TOTAL else ColumnName.TOTAL
    if ColumnName.PROJECT not in content:
        wanted += (
            [further, ColumnName.ERROR]
            if is_tight and ColumnName.VISIBILITY in content
            else [ColumnName.ERROR, further]
        )
    elif ColumnName.OWNER not in content:
        wanted += [ColumnName.PROJECT, further, *([] if is_tight else [ColumnName.ERROR])]
    else:
        wanted += [ColumnName.PROJECT, ColumnName.OWNER, further, ColumnName.ERROR]
    if width >= WIDE and not is_tight:
        wanted.append(ColumnName.ID)
    return wanted


def column_at(columns: Iterable[JobColumn], x: int) -> ColumnName | None:
    """Return the column under a cell. The gap to its right belongs to it. Return None in the gutter."""
    starts = [column for column in columns if column.start <= x]
    return starts[-1].name if starts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowNotes:
    """What the rows show beside their jobs."""

    project_names: Mapping[UUID, str] | None = None
    """None if all jobs belong to one project, which then needs no column."""
    hidden: frozenset[UUID] | None = None
    """The jobs that the user does not see. None without the column that marks them."""
    owners: Mapping[UUID, str] | None = None
    """The known names of owners. None if no column shows the owners."""
    stuck: Mapping[UUID, datetime] = field(default_factory=dict)
    """The stuck jobs, and when each was last updated. A job that was updated later no longer counts as stuck."""

    pending: Mapping[UUID, str] = field(default_factory=dict)
    """What an unanswered change is doing to a job, such as "starting …". It takes the place of the status."""

    def is_stuck(self, job: GenerationJob) -> bool:
        return job.status is JobStatus.RUNNING and self.stuck.get(job.id) == job.updated_at


NO_NOTES = RowNotes()


def measure(jobs: Collection[GenerationJob], *, has_starts: bool = False, notes: RowNotes = NO_NOTES) -> ContentWidths:
    costs = [job.cost_cents for job in jobs] or [0]
    widths = {
        ColumnName.MODE: _widest({job.mode for job in jobs}),
        ColumnName.COST: max(len(money(min(costs))), len(money(max(costs)))),
    }
    named = {ColumnName.PROJECT: notes.project_names, ColumnName.OWNER: notes.owners}
    widths |= {name: _widest(names.values()) for name, names in named.items() if names is not None}
    if notes.hidden is not None:
        widths[ColumnName.VISIBILITY] = len(HIDDEN)
    if has_starts:
        widths[ColumnName.RUN] = _TIME
    return widths


def _widest(texts: Iterable[str]) -> int:
    return max((min(cell_len(clean_cell(text, MOST_TEXT)), MOST_TEXT) for text in texts), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Clean text at its place in a line."""

    start: int
    """Cells from the left."""
    text: str
    style: str = ""
    """A component class of the table. Empty for the style of the line."""


def header_cells(columns: Iterable[JobColumn], sort: ListOrder | None) -> tuple[Cell, ...]:
    """Return the titles. The arrow of the sorted column points down if the largest or newest value is at the top."""
    cells: list[Cell] = []
    for column in columns:
        is_sorted = sort is not None and SORTED_BY[column.name] is sort.column
        arrow = "" if sort is None or not is_sorted else " ▾" if sort.descending else " ▴"
        cells.append(Cell(start=column.start, text=_fit_cell(column.name + arrow, column)))
    return tuple(cells)


def row_cells(
    job: GenerationJob, columns: Iterable[JobColumn], *, now: datetime, notes: RowNotes = NO_NOTES
) -> tuple[Cell, ...]:
    """Return the cells of a job. A hidden job is dimmed and marked."""
    row = _Row(job, now, notes)
    return tuple(_cell(row, column) for column in columns)


def _cell(row: _Row, column: JobColumn) -> Cell:
    notes = row.notes
    text, style = _text(row, column.name), _KINDS[column.name].style
    if column.name is ColumnName.STATUS:
        style = _QUIET if isinstance(row.job.status, UnknownStatus) else f"job-table--{row.job.status}"
        if (pending := notes.pending.get(row.job.id)) is not None:
            text = pending
        elif notes.is_stuck(row.job):
            time, style = _stuck_time(row), "job-table--stuck"
            wordings = (f"running ! stuck {time}", f"! stuck {time}", "! stuck")
            text = next((words for words in wordings if len(words) <= column.width), wordings[-1])
    if row.is_hidden:
        style = "job-table--hidden" if column.name is ColumnName.VISIBILITY else _QUIET
    return Cell(start=column.start, text=_fit_cell(text, column), style=style)


def times(job: GenerationJob, columns: Iterable[JobColumn], *, now: datetime, notes: RowNotes) -> tuple[str, ...]:
    """Return the texts of a row that change with time."""
    row = _Row(job, now, notes)
    changing = [_text(row, column.name) for column in columns if column.name in _CHANGING_BY_TIME]
    return (*changing, _stuck_time(row)) if notes.is_stuck(job) else tuple(changing)


def _stuck_time(row: _Row) -> str:
    """Return how long a stuck job was not updated."""
    return coarse_duration((row.now - row.job.updated_at).total_seconds())


def _text(row: _Row, name: ColumnName) -> str:
    """Return the text of a cell. A value that was not recorded is marked."""
    kind = _KINDS[name]
    text = kind.text(row)
    if not is_unrecorded(row.job, *kind.fields):
        return text
    if name in _CHANGING_BY_TIME:  # The column has no room for more.
        return text if text in ("", UNKNOWN) else UNRECORDED + text.removesuffix(" ago")
    return f"{UNRECORDED} {text}".rstrip()


def _fit_cell(text: str, column: JobColumn) -> str:
    return pad(clean_cell(text, column.width), column.width, right=_KINDS[column.name].is_right_aligned)
