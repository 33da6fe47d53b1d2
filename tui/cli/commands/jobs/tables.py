"""Jobs as tables and blocks for people. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from store.model import GenerationJob, JobLinks, Project
from tui.cli.tables import STATUS_COLOURS, Column, fields
from tui.words.format import age, error_pretty, error_summary, local_time, money
from tui.words.text import clean, clean_block

_COLUMNS = (
    Column(title="ID"),
    Column(title="STATUS", colours=STATUS_COLOURS),
    Column(title="COST", right=True),
    Column(title="CREATED"),
    Column(title="MODE", narrowest=8),
    Column(title="PROJECT", narrowest=8),
    Column(title="ERROR", narrowest=10),
)

Table = tuple[Sequence[Column], list[list[str]]]


def job_table(jobs: Sequence[GenerationJob], projects: Mapping[UUID, str], *, now: datetime | None) -> Table:
    """`projects` has names by id. `now` makes ages of the times; without it they are local times."""
    return _COLUMNS, [
        [
            str(job.id),
            job.status.value,
            money(job.cost_cents),
            local_time(job.created_at) if now is None else age(job.created_at, now),
            job.mode,
            projects.get(job.project_id, str(job.project_id)),
            error_summary(job.error),
        ]
        for job in jobs
    ]


def job_block(job: GenerationJob, project: Project | None, links: JobLinks, *, now: datetime) -> str:
    """All that is known of one job, the error in full. `project` is None where the actor does not see it."""
    return fields(
        {
            "id": str(job.id),
            "status": job.status.value,
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


def _linked(links: JobLinks) -> dict[str, str]:
    repeats = {"repeats": str(links.repeats)} if links.repeats else {}
    return repeats | ({"repeated by": "\n".join(map(str, links.repeated_by))} if links.repeated_by else {})


def _both_times(time: datetime, now: datetime) -> str:
    return f"{local_time(time)} ({age(time, now)})"
