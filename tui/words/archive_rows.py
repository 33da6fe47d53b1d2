"""A line for each archived job, and all that is known of one. Pure; styles are theme variables."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from store.events.model import History
from store.retention.model import ArchivedJob
from tui.words.costs import Span
from tui.words.format import age, error_pretty, money, short_id, utc_time
from tui.words.job_facts import fact_lines
from tui.words.status import STATUS_STYLES, status_label
from tui.words.text import clean_block, clean_cell, pad
from tui.words.timeline import timeline_lines

_STATUS, _MODE, _COST, _AGE, _ID = 11, 16, 10, 10, 8
"""Cells."""
_MUTED = "$foreground-muted"
_LONGEST_ERROR = 20_000

TITLES = "  ".join(
    (
        pad("status", _STATUS),
        pad("mode", _MODE),
        pad("cost", _COST, right=True),
        pad("created", _AGE),
        pad("archived", _AGE),
        pad("id", _ID),
        "project",
    )
)


def archived_line(archived: ArchivedJob, project_names: Mapping[UUID, str], *, now: datetime) -> list[Span]:
    job = archived.job
    project = project_names.get(job.project_id, short_id(job.project_id))
    times = f"{pad(age(job.created_at, now), _AGE)}  {pad(age(archived.archived_at, now), _AGE)}"
    return [
        (pad(status_label(job.status), _STATUS), STATUS_STYLES[job.status]),
        (f"  {pad(clean_cell(job.mode, _MODE), _MODE)}  {pad(money(job.cost_cents), _COST, right=True)}", ""),
        (f"  {times}  {short_id(job.id)}", _MUTED),
        (f"  {clean_cell(project, 60)}", ""),
    ]


def archived_sentence(archived: ArchivedJob, *, now: datetime) -> str:
    return f"Archived {age(archived.archived_at, now)}, {utc_time(archived.archived_at)}."


def archived_facts(archived: ArchivedJob, history: History | None, *, project: str, now: datetime) -> Sequence[str]:
    """Clean lines. `history` is None where none was kept."""
    job = archived.job
    facts = [_text(line) for line in fact_lines(job, project=project, now=now)]
    if job.error:
        facts += ["", "Error", clean_block(error_pretty(job.error), limit=_LONGEST_ERROR)]
    happened = [_text(line) for line in timeline_lines(history, now=now)] if history else []
    return [*facts, *(["", "What happened", *happened] if happened else [])]


def _text(line: Sequence[Span]) -> str:
    return "".join(text for text, _ in line)
