"""Jobs and their events, as tables and blocks of text."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from gjobs.store.far_times import FarTime
from gjobs.store.formats import money, plain_row, plain_time
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.jobs.job_history import JobEvent, JobHistory, time_in_each
from gjobs.store.jobs.job_results import RetryLinks
from gjobs.store.moments.moment import TIME_FIELDS
from gjobs.store.projects.project import Project
from gjobs.tui.cli.text_tables import TableColumn, fields
from gjobs.tui.text import job_text
from gjobs.tui.text.clean_text import clean, clean_block
from gjobs.tui.text.format import age, duration, error_pretty, error_summary, local_time
from gjobs.tui.text.moment_text import UNRECORDED, is_unrecorded, mark, unrecorded_names
from gjobs.tui.text.shared_documents import Json
from gjobs.tui.text.status_text import STATUS_COLOURS, UNKNOWN_COLOUR, status_word

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
    """`projects` has names by id. With `now`, times are ages; without it, local times."""
    return _JOB_COLUMNS, [
        [
            str(job.id),
            status_word(job.status),
            money(job.cost_cents),
            mark(job, "created_at", local_time(job.created_at) if now is None else age(job.created_at, now)),
            mark(job, "mode", job.mode),
            projects.get(job.project_id, str(job.project_id)),
            mark(job, "error", error_summary(job.error)),
        ]
        for job in jobs
    ]


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
            **_linked(links),
            "error": mark(job, "error", clean_block(error_pretty(job.error)), empty="-"),
            **({"not recorded": names} if (names := unrecorded_names(job)) else {}),
        }
    )


def _times(job: GenerationJob, now: datetime) -> dict[str, str]:
    times = job_text.time_facts(job, now)
    marked = {name for name in times if is_unrecorded(job, *TIME_FIELDS[name])}
    return {name: f"{UNRECORDED} " * (name in marked) + times.get(name, "-") for name in TIME_FIELDS}


def _linked(links: RetryLinks) -> dict[str, str]:
    repeats = {"repeats": str(links.repeats)} if links.repeats else {}
    return repeats | ({"repeated by": "\n".join(map(str, links.repeated_by))} if links.repeated_by else {})


def _both_times(time: datetime, now: datetime) -> str:
    return str(time) if isinstance(time, FarTime) and time.infinity else f"{local_time(time)} ({age(time, now)})"


_EVENT_COLUMNS = (
    TableColumn(title="WHEN"),
    TableColumn(title="AFTER", right=True),
    TableColumn(title="WHAT"),
    TableColumn(title="COST", right=True),
    TableColumn(title="BY", narrowest=8),
    TableColumn(title="NOTE", narrowest=10),
)


def history_document(history: JobHistory) -> Mapping[str, Json]:
    """Return the events, oldest first. Seconds have a fraction."""
    return {
        "events": [plain_row(event) for event in history.events],
        "has_older_events": history.is_cut,
        "started_at": plain_time(history.started_at) if history.started_at else None,
        "seconds_in_status": {
            status.value: time.total_seconds() for status, time in time_in_each(history.spans).items()
        },
    }


def history_table(history: JobHistory, emails: Mapping[UUID, str]) -> tuple[Sequence[TableColumn], list[list[str]]]:
    """Return the events, oldest first, each with the time since the one before."""
    return _EVENT_COLUMNS, list(_rows(history.events, emails))


def _rows(events: Sequence[JobEvent], emails: Mapping[UUID, str]) -> Iterator[list[str]]:
    before: datetime | None = None
    for event in events:
        yield [
            local_time(event.at),
            "" if before is None else duration((event.at - before).total_seconds()),
            job_text.event_words(event),
            job_text.cost_words(event),
            job_text.actor_words(event, emails),
            job_text.note_words(event),
        ]
        before = event.at


def time_by_status(history: JobHistory) -> str:
    """Return how long the job was in each status. Empty if its events do not show it."""
    return ", ".join(
        f"{status_word(status)} {duration(time.total_seconds())}"
        for status, time in time_in_each(history.spans).items()
    )
