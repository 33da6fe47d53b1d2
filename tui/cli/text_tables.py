"""Aligned tables; jobs and job histories as tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from uuid import UUID

from rich.cells import cell_len

from store.formats import money, plain_row, plain_time
from store.jobs.job import GenerationJob
from store.jobs.job_history import JobEvent, JobHistory, time_in_each
from store.jobs.job_results import RetryLinks
from store.projects.project import Project
from tui.cli.json_documents import Json
from tui.text import job_text
from tui.text.clean_text import clean, clean_block, clean_cell, pad, shorten
from tui.text.format import age, error_pretty, error_summary, fine_duration, local_time
from tui.text.status_text import STATUS_COLOURS, UNKNOWN_COLOUR, status_word

_GAP = "  "
_RESET = "\x1b[0m"

WIDEST = 500
"""Cells of a column: every row is padded to its widest cell, and a text of the database may have megabytes."""

_SHORT_ID = 8
"""Digits, as the dashboard shows them."""

BUDGET_COLOURS: Mapping[str, str] = {"warning": "\x1b[33m", "used up": "\x1b[31m"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    title: str
    right: bool = False
    narrowest: int | None = None
    """The cells to which it may be narrowed where the table is too wide; None keeps it whole."""
    is_id: bool = False
    """Where the table is too wide, as many digits are shown, before others are narrowed, as tell its ids apart."""
    colours: Mapping[str, str] = field(default_factory=dict)
    """The escape sequence that colours a cell, by the cell's text."""
    other_colour: str | None = None
    """That of a cell with any other text."""


def aligned_table(
    columns: Sequence[TableColumn],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None,
    colour: bool,
    keeps_ids: bool = False,
) -> list[str]:
    """A line of titles, then one line a row. `width` is in terminal cells; None cuts only what is wider than any."""
    cells = [[shorten(clean_cell(cell, WIDEST), WIDEST) for cell in row] for row in rows]
    titles = [column.title for column in columns]
    widths = _widths(titles, cells)
    if width is not None and _excess(widths, width) > 0:
        for index, column in enumerate(columns):
            if column.is_id and not keeps_ids:
                _shorten_ids(cells, index)
        widths = _fit(columns, _widths(titles, cells), width)
    lines = [_line(columns, titles, widths, colour=False)]
    lines.extend(_line(columns, row, widths, colour=colour) for row in cells)
    return lines


def _widths(titles: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, texts)) for texts in zip(titles, *cells, strict=True)]


def _excess(widths: Sequence[int], width: int) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1) - width


def _shorten_ids(cells: Sequence[list[str]], index: int) -> None:
    ids = {row[index] for row in cells}
    lengths = range(_SHORT_ID, max(map(len, ids), default=_SHORT_ID))
    length = next((length for length in lengths if len({one[:length] for one in ids}) == len(ids)), None)
    for row in cells:
        row[index] = row[index][:length]


def _fit(columns: Sequence[TableColumn], widths: list[int], width: int) -> list[int]:
    """Narrows the columns that may be, the last first; what then lies beyond the edge is cut there."""
    excess = _excess(widths, width)
    fitted = list(widths)
    for index in reversed(range(len(columns))):
        narrowest = columns[index].narrowest
        if excess > 0 and narrowest is not None:
            taken = min(excess, max(fitted[index] - narrowest, 0))
            fitted[index] -= taken
            excess -= taken
    return _cut_at_edge(fitted, width)


def _cut_at_edge(widths: list[int], width: int) -> list[int]:
    left = width
    kept = []
    for needed in widths:
        if left <= 0:
            break
        kept.append(min(needed, left))
        left -= needed + len(_GAP)
    return kept


def _line(columns: Sequence[TableColumn], cells: Sequence[str], widths: Sequence[int], *, colour: bool) -> str:
    parts = [
        _cell(column, text, width, colour=colour, is_last=index == len(widths) - 1)
        for index, (column, text, width) in enumerate(zip(columns, cells, widths, strict=False))
    ]
    return _GAP.join(parts).rstrip()


def _cell(column: TableColumn, text: str, width: int, *, colour: bool, is_last: bool) -> str:
    shown = shorten(text, width) if is_last and not column.right else pad(text, width, right=column.right)
    start = column.colours.get(text, column.other_colour) if colour else None
    return f"{start}{shown}{_RESET}" if start else shown


def fields(pairs: Mapping[str, str]) -> str:
    """Names and values below each other; the lines after a value's first are indented. Values are clean blocks."""
    width = max(map(cell_len, pairs))
    return "\n".join(
        f"{pad(name, width)}{_GAP}{line}".rstrip()
        for label, value in pairs.items()
        for name, line in zip_longest([label], value.split("\n"), fillvalue="")
    )


STATUS_COLUMN = TableColumn(title="STATUS", narrowest=9, colours=STATUS_COLOURS, other_colour=UNKNOWN_COLOUR)

_JOB_COLUMNS = (
    TableColumn(title="ID", is_id=True),
    STATUS_COLUMN,
    TableColumn(title="COST", right=True),
    TableColumn(title="CREATED"),
    TableColumn(title="MODE", narrowest=8),
    TableColumn(title="PROJECT", narrowest=8),
    TableColumn(title="ERROR", narrowest=10),
)

Table = tuple[Sequence[TableColumn], list[list[str]]]


def job_table(jobs: Sequence[GenerationJob], projects: Mapping[UUID, str], *, now: datetime | None) -> Table:
    """`projects` has names by id. `now` makes ages of the times; without it they are local times."""
    return _JOB_COLUMNS, [
        [
            str(job.id),
            status_word(job.status),
            money(job.cost_cents),
            local_time(job.created_at) if now is None else age(job.created_at, now),
            job.mode,
            projects.get(job.project_id, str(job.project_id)),
            error_summary(job.error),
        ]
        for job in jobs
    ]


def job_block(job: GenerationJob, project: Project | None, links: RetryLinks, *, now: datetime) -> str:
    """All that is known of one job, the error in full. `project` is None where the actor does not see it."""
    return fields(
        {
            "id": str(job.id),
            "status": status_word(job.status),
            "mode": clean(job.mode),
            "cost": money(job.cost_cents),
            "project": f"{clean(project.name)} ({project.id})" if project else str(job.project_id),
            "owner": str(job.user_id),
            "input asset": str(job.input_asset_id or "-"),
            "created": _both_times(job.created_at, now),
            "updated": _both_times(job.updated_at, now),
            **_linked(links),
            "error": clean_block(error_pretty(job.error)) or "-",
        }
    )


def _linked(links: RetryLinks) -> dict[str, str]:
    repeats = {"repeats": str(links.repeats)} if links.repeats else {}
    return repeats | ({"repeated by": "\n".join(map(str, links.repeated_by))} if links.repeated_by else {})


def _both_times(time: datetime, now: datetime) -> str:
    return f"{local_time(time)} ({age(time, now)})"


_EVENT_COLUMNS = (
    TableColumn(title="WHEN"),
    TableColumn(title="AFTER", right=True),
    TableColumn(title="WHAT"),
    TableColumn(title="COST", right=True),
    TableColumn(title="BY", narrowest=8),
    TableColumn(title="NOTE", narrowest=10),
)


def document(history: JobHistory) -> Mapping[str, Json]:
    """Oldest first. Seconds have a fraction."""
    return {
        "events": [plain_row(event) for event in history.events],
        "has_older_events": history.is_cut,
        "started_at": plain_time(history.started_at) if history.started_at else None,
        "seconds_in_status": {
            status.value: time.total_seconds() for status, time in time_in_each(history.spans).items()
        },
    }


def table(history: JobHistory) -> tuple[Sequence[TableColumn], list[list[str]]]:
    """Oldest first; beside each event how long after the one before."""
    return _EVENT_COLUMNS, list(_rows(history.events))


def _rows(events: Sequence[JobEvent]) -> Iterator[list[str]]:
    before: datetime | None = None
    for event in events:
        yield [
            local_time(event.at),
            "" if before is None else fine_duration((event.at - before).total_seconds()),
            job_text.event_words(event),
            job_text.cost_words(event),
            job_text.actor_words(event),
            job_text.note_words(event),
        ]
        before = event.at


def time_by_status(history: JobHistory) -> str:
    """How long the job was in each status, as far as its events tell; empty where they do not."""
    return ", ".join(
        f"{status_word(status)} {fine_duration(time.total_seconds())}"
        for status, time in time_in_each(history.spans).items()
    )
