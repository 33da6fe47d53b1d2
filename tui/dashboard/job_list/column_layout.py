"""Layout of the job list: which columns fit, and where."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import assert_never

from gjobs.store.job_list.list_query import ListOrder, OrderColumn
from gjobs.store.jobs.job import JobStatus
from gjobs.store.member_table import by_member
from gjobs.store.value_class import dataclass
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
_LEAST_TEXT, _TIGHT_TEXT, _SHORT_TEXT, _SOME_TEXT, _ENOUGH_TEXT = 7, 8, 12, 16, 24
_LEAST_ERROR, _SHORT_ERROR, _SOME_ERROR, _ENOUGH_ERROR = 10, 16, 24, 40
"""Cells of a mode or a name, and of an error. Columns grow beyond them only after all have reached them."""
_USUAL_MODE = len("main_white")
"""Cells that are enough for a usual mode. Only one of the four usual modes is longer."""


class ColumnName(StrEnum):
    """Columns in screen order. The value is the title."""

    LENS = "VISIBLE"
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


SORTED_BY: Mapping[ColumnName, OrderColumn | None] = by_member(
    ColumnName,
    {
        ColumnName.LENS: None,
        ColumnName.STATUS: None,
        ColumnName.MODE: None,
        ColumnName.COST: OrderColumn.COST,
        ColumnName.CREATED: OrderColumn.CREATED,
        ColumnName.UPDATED: OrderColumn.UPDATED,
        ColumnName.RUN: OrderColumn.TOTAL,
        ColumnName.TOTAL: OrderColumn.TOTAL,
        ColumnName.PROJECT: None,
        ColumnName.OWNER: None,
        ColumnName.ID: None,
        ColumnName.ERROR: None,
    },
)
"""The order that each title sorts by. No index orders jobs by their run. So the title DURATION
sorts by the total, and the column TOTAL then replaces it.
"""

RIGHT_ALIGNED = frozenset((ColumnName.COST, ColumnName.RUN, ColumnName.TOTAL))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobColumn:
    """A column that fits, and where it is."""

    name: ColumnName
    start: int
    """Cells from the left."""
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentWidths:
    """Cells of the widest values among the loaded rows, so that columns do not move during a scroll.

    The project width covers all project names, even those without a loaded row.
    """

    mode: int = 0
    cost: int = 0
    project: int | None = None
    """None if all jobs belong to one project, which then needs no column."""
    owner: int | None = None
    """None if no column shows the owners."""
    with_visibility: bool = False
    """Whether a column shows which jobs are hidden from a user."""
    has_starts: bool = False
    """Whether the jobs have the times when they first ran. Without them, only totals are known."""

    def widened(self, other: "ContentWidths") -> "ContentWidths":
        """Return the larger widths of both, with the columns of `other`."""
        return ContentWidths(
            mode=max(self.mode, other.mode),
            cost=max(self.cost, other.cost),
            project=None if other.project is None else max(self.project or 0, other.project),
            owner=None if other.owner is None else max(self.owner or 0, other.owner),
            with_visibility=other.with_visibility,
            has_starts=other.has_starts,
        )


def lay_out(width: int, content: ContentWidths, sort: ListOrder | None = None) -> tuple[JobColumn, ...]:
    """Share a width of 40 to 200 cells among the columns that fit, from left to right.

    On a narrow screen, the least important columns are dropped. Before a run or a total is dropped, columns get closer
    and narrower. Owners, modes, project names and errors first get a minimum, then a readable width. Then modes and
    names get their full width. The error gets the rest, up to a maximum.
    The widths do not depend on whether a job is stuck, so that one such job moves no column.
    """
    is_tight = width >= _NARROW and width < _comfortable_width(content)
    gaps = _gaps(width, is_tight=is_tight)
    least = _least_widths(content, is_tight=is_tight)
    widths: dict[ColumnName, int] = {}
    left = width - GUTTER + min(gaps.values())
    for name in _wanted(width, content, sort, is_tight=is_tight):
        cells = least[name] + gaps[name]
        # Next to a project column, readable names are more important than a further column.
        reserved = _reserved(content, least, name, is_tight=is_tight) if ColumnName.PROJECT in widths else 0
        if left < cells + reserved:
            break
        widths[name] = least[name]
        left -= cells
    for name, wanted_width in _growth(content):
        missing = max(wanted_width - widths.get(name, 0), 0)
        if name in widths:
            # If the status column cannot get wide enough for the next longer label, it gets no more cells.
            more = min(missing, left) if name is not ColumnName.STATUS or missing <= left else 0
            widths[name] += more
            left -= more
    if ColumnName.ERROR in widths:
        widths[ColumnName.ERROR] = min(widths[ColumnName.ERROR] + left, _MOST_ERROR)
    if content.has_starts and ColumnName.TOTAL in widths and not (sort and sort.column is OrderColumn.TOTAL):
        widths[ColumnName.RUN] = widths.pop(ColumnName.TOTAL)
    return _place(widths, gaps)


def _growth(content: ContentWidths) -> list[tuple[ColumnName, int]]:
    """Return the widths that columns grow to, one after another.

    Owners grow first: a list has more owners than modes or projects, so a short part of a name says less.
    """
    mode, project, owner = content.mode, content.project or 0, content.owner or 0
    return [
        (ColumnName.OWNER, min(owner, _SHORT_TEXT)),
        (ColumnName.MODE, min(mode, _TIGHT_TEXT)),
        (ColumnName.PROJECT, min(project, _TIGHT_TEXT)),
        (ColumnName.MODE, min(mode, _USUAL_MODE)),
        (ColumnName.OWNER, min(owner, _SOME_TEXT)),
        (ColumnName.MODE, min(mode, _SHORT_TEXT)),
        (ColumnName.PROJECT, min(project, _SHORT_TEXT)),
        (ColumnName.ERROR, _SHORT_ERROR),
        (ColumnName.MODE, min(mode, _SOME_TEXT)),
        (ColumnName.PROJECT, min(project, _SOME_TEXT)),
        (ColumnName.ERROR, _SOME_ERROR),
        (ColumnName.STATUS, len(STUCK_LABELS[0])),
        (ColumnName.MODE, min(mode, _ENOUGH_TEXT)),
        (ColumnName.PROJECT, min(project, _ENOUGH_TEXT)),
        (ColumnName.OWNER, min(owner, _ENOUGH_TEXT)),
        (ColumnName.ERROR, _ENOUGH_ERROR),
        (ColumnName.MODE, mode),
        (ColumnName.PROJECT, project),
        (ColumnName.OWNER, owner),
        (ColumnName.STATUS, len(STUCK_LABELS[1])),
    ]


def _comfortable_width(content: ContentWidths) -> int:
    """Return the least width at which a list shows runs or totals with two cells between columns. A narrower
    list is tight.

    From this width on, a list with owners also has room for errors and readable names.
    """
    least = _least_widths(content)
    names = {ColumnName.STATUS, ColumnName.MODE, ColumnName.COST, ColumnName.CREATED, ColumnName.TOTAL}
    if content.with_visibility:
        names.add(ColumnName.LENS)
    if content.project is not None:
        names.add(ColumnName.PROJECT)
    if content.project is None or content.owner is not None:
        names.add(ColumnName.ERROR)
    reserved = 0
    if content.project is not None and content.owner is not None:
        names.add(ColumnName.OWNER)
        reserved = _reserved(content, least, ColumnName.ERROR)
    return GUTTER - _GAP + sum(least[name] + _GAP for name in names) + reserved


def _gaps(width: int, *, is_tight: bool) -> dict[ColumnName, int]:
    """Return the cells after each column. In a tight list, only right-aligned columns keep two."""
    if is_tight:
        return {name: _GAP if name in RIGHT_ALIGNED else 1 for name in ColumnName}
    return dict.fromkeys(ColumnName, 1 if width < _NARROW else _GAP)


def _reserved(
    content: ContentWidths, least: Mapping[ColumnName, int], name: ColumnName, *, is_tight: bool = False
) -> int:
    """Return the cells that more important columns need before this one is added."""

    def missing(cells: int, *texts: int | None) -> int:
        columns = (ColumnName.MODE, ColumnName.PROJECT, ColumnName.OWNER)
        return sum(max(min(text or 0, cells) - least[one], 0) for one, text in zip(columns, texts, strict=False))

    mode, project, owner = content.mode, content.project, content.owner
    match name:
        case ColumnName.ERROR if owner is None:
            return missing(_SOME_TEXT, mode, project)
        case ColumnName.ERROR if is_tight:
            return missing(_TIGHT_TEXT, mode, project) + missing(_SHORT_TEXT, 0, 0, owner)
        case ColumnName.ERROR:
            of_error = _SHORT_ERROR - least[ColumnName.ERROR]
            return missing(_SHORT_TEXT, mode, project) + missing(_SOME_TEXT, 0, 0, owner) + of_error
        case ColumnName.ID:
            return missing(_SOME_TEXT, mode, project, owner) + _SOME_ERROR - least[ColumnName.ERROR]
        case ColumnName.LENS | ColumnName.STATUS | ColumnName.MODE | ColumnName.COST | ColumnName.CREATED:
            return 0
        case ColumnName.UPDATED | ColumnName.RUN | ColumnName.TOTAL | ColumnName.PROJECT | ColumnName.OWNER:
            return 0
    assert_never(name)


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


def _wanted(width: int, content: ContentWidths, sort: ListOrder | None, *, is_tight: bool) -> list[ColumnName]:
    """Return the columns, most important first. The time column follows the order of the list."""
    sorted_by = sort.column if sort else OrderColumn.CREATED
    time = _TIMES[sorted_by]
    wanted = [
        *([ColumnName.LENS] if content.with_visibility else []),
        ColumnName.STATUS,
        ColumnName.MODE,
        ColumnName.COST,
        time,
    ]
    further = ColumnName.CREATED if time is ColumnName.TOTAL else ColumnName.TOTAL
    if content.project is None:
        wanted += [further, ColumnName.ERROR] if is_tight and content.with_visibility else [ColumnName.ERROR, further]
    elif content.owner is None:
        wanted += [ColumnName.PROJECT, further, *([] if is_tight else [ColumnName.ERROR])]
    else:
        wanted += [ColumnName.PROJECT, ColumnName.OWNER, further, ColumnName.ERROR]
    if width >= WIDE and not is_tight:
        wanted.append(ColumnName.ID)
    return wanted


def _least_widths(content: ContentWidths, *, is_tight: bool = False) -> Mapping[ColumnName, int]:
    most_mode, project, owner = 8, 10 if content.owner is None else 8, 8
    if is_tight:
        most_mode = project = owner = _LEAST_TEXT
    return by_member(
        ColumnName,
        {
            ColumnName.LENS: len(HIDDEN),
            ColumnName.STATUS: max(len(status_label(status)) for status in JobStatus),
            ColumnName.MODE: min(max(content.mode, len("MODE ▾")), most_mode),
            ColumnName.COST: max(content.cost, len("COST ▾")),
            ColumnName.CREATED: len("59 min ago"),
            ColumnName.UPDATED: len("59 min ago"),
            ColumnName.RUN: len("59 min 59 s"),
            ColumnName.TOTAL: len("59 min 59 s"),
            ColumnName.PROJECT: project,
            ColumnName.OWNER: owner,
            ColumnName.ID: 8,
            ColumnName.ERROR: _LEAST_ERROR,
        },
    )


def _place(widths: Mapping[ColumnName, int], gaps: Mapping[ColumnName, int]) -> tuple[JobColumn, ...]:
    columns: list[JobColumn] = []
    start = GUTTER
    for name in ColumnName:
        if name in widths:
            columns.append(JobColumn(name=name, start=start, width=widths[name]))
            start += widths[name] + gaps[name]
    return tuple(columns)


def column_at(columns: Iterable[JobColumn], x: int) -> ColumnName | None:
    """Return the column under a cell. The gap to its right belongs to it. Return None in the gutter."""
    starts = [column for column in columns if column.start <= x]
    return starts[-1].name if starts else None
