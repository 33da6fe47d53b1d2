"""Aligned tables and lists of fields; a job as a block of text, and its events as a table."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate, zip_longest
from typing import Any
from uuid import UUID

from rich.cells import cell_len

from gjobs.store.jobs.job import GenerationJob, Project
from gjobs.store.jobs.job_results import TIME_FIELDS, JobEvent, RetryLinks
from gjobs.store.values.formats import is_infinite, money
from gjobs.tui.text import job_text
from gjobs.tui.text.clean_text import clean, clean_block, clean_cell, pad, shorten
from gjobs.tui.text.format import (
    UNKNOWN,
    UNRECORDED,
    Column,
    age,
    duration,
    error_pretty,
    error_summary,
    fitting_widths,
    is_unrecorded,
    local_time,
    mark,
    unrecorded_names,
)
from gjobs.tui.text.status_text import STATUS_COLORS, UNKNOWN_COLOR, status_word

_GAP = "  "
_RESET = "\x1b[0m"

WIDEST = 500
"""Maximum cells of a column. A long text would widen every row, and a text in a database may have megabytes."""

_SHORT_ID = 8
"""Digits, as in the dashboard."""


def aligned_table(
    columns: Sequence[Column[Any]],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None,
    color: bool,
    keeps_ids: bool = False,
) -> list[str]:
    """Return a line of titles, then one line per row. `width` is in terminal cells. None cuts only extremely wide
    cells.
    """
    cells = [[shorten(clean_cell(cell, WIDEST), WIDEST) for cell in row] for row in rows]
    titles = [column.title for column in columns]
    widths = _widths(titles, cells)
    gaps = len(_GAP) * (len(columns) - 1)
    if width is not None and sum(widths) + gaps > width:
        for index, column in enumerate(columns):
            if column.is_id and not keeps_ids:
                _shorten_ids(cells, index)
        widths = fitting_widths(columns, _widths(titles, cells), width - gaps)
        # What is still too wide is cut at the edge.
        starts = accumulate((needed + len(_GAP) for needed in widths), initial=0)
        widths = [min(needed, width - start) for needed, start in zip(widths, starts, strict=False) if start < width]
    lines = [_line(columns, titles, widths, color=False)]
    lines.extend(_line(columns, row, widths, color=color) for row in cells)
    return lines


def _widths(titles: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, texts)) for texts in zip(titles, *cells, strict=True)]


def _shorten_ids(cells: Sequence[list[str]], index: int) -> None:
    ids = {row[index] for row in cells}
    lengths = range(_SHORT_ID, max(map(len, ids), default=_SHORT_ID))
    length = next((length for length in lengths if len({one[:length] for one in ids}) == len(ids)), None)
    for row in cells:
        row[index] = row[index][:length]


def _line(columns: Sequence[Column[Any]], cells: Sequence[str], widths: Sequence[int], *, color: bool) -> str:
    parts = [
        _cell(column, text, width, color=color, is_last=index == len(widths) - 1)
        for index, (column, text, width) in enumerate(zip(columns, cells, widths, strict=False))
    ]
    return _GAP.join(parts).rstrip()


def _cell(column: Column[Any], text: str, width: int, *, color: bool, is_last: bool) -> str:
    shown = shorten(text, width) if is_last and not column.right else pad(text, width, right=column.right)
    start = column.colors.get(text, column.other_color) if color else None
    return f"{start}{shown}{_RESET}" if start else shown


def fields(pairs: Mapping[str, str]) -> str:
    """Return names and values, one pair below the other. Further lines of a value are indented. Values are clean
    blocks.
    """
    width = max(map(cell_len, pairs))
    return "\n".join(
        f"{pad(name, width)}{_GAP}{line}".rstrip()
        for label, value in pairs.items()
        for name, line in zip_longest([label], value.split("\n"), fillvalue="")
    )


STATUS_COLUMN = Column[Any](
    "STATUS", lambda row: status_word(row.status), least=9, colors=STATUS_COLORS, other_color=UNKNOWN_COLOR
)


def job_columns(projects: Mapping[UUID, str], time: Callable[[datetime], str]) -> Sequence[Column[GenerationJob]]:
    """Return the columns of jobs. `projects` maps project ids to names."""
    return (
        Column("ID", lambda job: str(job.id), is_id=True),
        STATUS_COLUMN,
        Column("COST", lambda job: money(job.cost_cents), right=True),
        Column("CREATED", lambda job: mark(job, "created_at", time(job.created_at))),
        Column("MODE", lambda job: mark(job, "mode", job.mode or UNKNOWN), least=8),
        Column("PROJECT", lambda job: projects.get(job.project_id, str(job.project_id)), least=8),
        Column("ERROR", lambda job: mark(job, "error", error_summary(job.error)), least=10),
    )


def job_block(
    job: GenerationJob, project: Project | None, links: RetryLinks, *, emails: Mapping[UUID, str], now: datetime
) -> str:
    """Return one job in full, with the whole error. `project` is None if the actor does not see it."""
    email = emails.get(job.user_id)
    return fields(
        {
            "id": str(job.id),
            "status": status_word(job.status),
            "mode": mark(job, "mode", clean(job.mode)),
            "cost": money(job.cost_cents),
            **_times(job, now),
            "project": f"{clean(project.name)} ({project.id})" if project else str(job.project_id),
            "owner": mark(job, "user_id", f"{clean(email)} ({job.user_id})" if email else str(job.user_id)),
            "input asset": mark(job, "input_asset_id", str(job.input_asset_id or ""), empty="-"),
            "created": mark(job, "created_at", _both_times(job.created_at, now)),
            "updated": mark(job, "updated_at", _both_times(job.updated_at, now)),
            **_retry_fields(links),
            "error": mark(job, "error", clean_block(error_pretty(job.error)), empty="-"),
            **({"not recorded": names} if (names := unrecorded_names(job)) else {}),
        }
    )


def _times(job: GenerationJob, now: datetime) -> dict[str, str]:
    times = job_text.time_facts(job, now)
    marked = {name for name in times if is_unrecorded(job, *TIME_FIELDS[name])}
    return {name: f"{UNRECORDED} " * (name in marked) + times.get(name, "-") for name in TIME_FIELDS}


def _retry_fields(links: RetryLinks) -> dict[str, str]:
    repeats = {"repeats": str(links.repeats)} if links.repeats else {}
    return repeats | ({"repeated by": "\n".join(map(str, links.repeated_by))} if links.repeated_by else {})


def _both_times(time: datetime, now: datetime) -> str:
    return str(time) if is_infinite(time) else f"{local_time(time)} ({age(time, now)})"


def event_columns(emails: Mapping[UUID, str]) -> Sequence[Column[tuple[JobEvent | None, JobEvent]]]:
    """Return columns for an event and its predecessor."""
    return (
        Column("WHEN", lambda row: local_time(row[1].at)),
        Column("AFTER", lambda row: duration((row[1].at - row[0].at).total_seconds()) if row[0] else "", right=True),
        Column("WHAT", lambda row: job_text.event_words(row[1])),
        Column("COST", lambda row: job_text.cost_words(row[1]), right=True),
        Column("BY", lambda row: job_text.actor_words(row[1], emails), least=8),
        Column("NOTE", lambda row: job_text.note_words(row[1]), least=10),
    )
