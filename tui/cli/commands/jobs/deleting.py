"""`gjobs jobs delete`: all of the jobs, or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from store.errors import Conflict, RowMissing
from store.model import GenerationJob, JobStatus
from store.settings import Settings
from tui.cli import jsonable
from tui.cli.confirm import require_terminal, require_yes
from tui.cli.exit_codes import ExitCode
from tui.cli.output import Output, say
from tui.cli.sessions import with_session

if TYPE_CHECKING:
    from tui.session import Session

Expected = Mapping[UUID, JobStatus | None]
"""The status that each job must have to be deleted; None stands for any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the person decides about. Nothing is locked, and no connection is open, meanwhile."""

    jobs: Sequence[GenerationJob]
    project_names: Mapping[UUID, str]
    database: str


def delete_jobs(settings: Settings, output: Output, *, job_ids: Sequence[UUID], yes: bool) -> ExitCode:
    """Asked first, a job that has changed since the person saw it is not deleted, nor are the others."""
    try:
        expected = dict.fromkeys(job_ids) if yes else _ask(settings, job_ids)
        with_session(settings, lambda session: session.store.delete_generation_jobs(expected))
    except RowMissing as error:
        if output.json and error.ids:
            output.document(jsonable.deletion(missing=error.ids))
        raise
    except Conflict:
        if output.json:
            output.document(jsonable.deletion())
        raise
    if output.json:
        output.document(jsonable.deletion(deleted=list(expected)))
    else:
        say(f"Deleted {len(expected)} {'job' if len(expected) == 1 else 'jobs'}.")
    return ExitCode.DONE


def _ask(settings: Settings, job_ids: Sequence[UUID]) -> Expected:
    require_terminal()
    seen = with_session(settings, lambda session: _look(session, job_ids))
    require_yes(_question(seen), unchanged="Nothing was deleted.")
    return {job.id: job.status for job in seen.jobs}


def _question(seen: Seen) -> str:
    """The dashboard's words, with every job named."""
    from tui.words.confirmations import confirm_deletion, described
    from tui.words.text import clean

    kept = "'gjobs journal --json' keeps the whole rows, and nothing else brings them back."
    asked = confirm_deletion(seen.jobs, project_names=seen.project_names, database=seen.database, undo=kept)
    named = [f"  {described(job, seen.project_names)}" for job in seen.jobs]
    warning = [asked.warning] if asked.warning else []
    return "\n".join([asked.title, *named, f"Database: {clean(seen.database)}", *warning, kept])


async def _look(session: "Session", job_ids: Sequence[UUID]) -> Seen:
    """Raises RowMissing naming all that are not there."""
    store = session.store
    found = {job_id: await store.get_generation_job(job_id) for job_id in job_ids}
    jobs = [job for job in found.values() if job is not None]
    missing = tuple(job_id for job_id, job in found.items() if job is None)
    if missing:
        named = ", ".join(map(str, missing))
        raise RowMissing(f"Not there, or not for this user to see: {named}. Nothing was deleted.", missing)
    projects = [await store.get_project(project_id) for project_id in {job.project_id for job in jobs}]
    names = {project.id: project.name for project in projects if project is not None}
    return Seen(jobs=jobs, project_names=names, database=session.full_name)
