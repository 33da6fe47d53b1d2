"""gjobs jobs create, update, transition, retry, delete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never
from uuid import UUID

from gjobs.store.advice import command
from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import Conflict, RowMissing
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus, why_refused
from gjobs.store.jobs.job_results import AlreadyRetried, Applied, Missing, Refused, Retried, RetryOutcome
from gjobs.store.validation import UNSET, Unset
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.arguments import find_project, project_names
from gjobs.tui.cli.commands.jobs_reading import show_jobs, show_written
from gjobs.tui.cli.exit_codes import Declined, ExitCode, PartlyDeclined
from gjobs.tui.cli.output import Output, print_message, require_terminal, require_yes
from gjobs.tui.cli.sessions import in_session, with_session

if TYPE_CHECKING:
    from gjobs.tui.session import Session


@in_session
async def create_job(
    session: "Session", output: Output, *, project: str, mode: str, cost_cents: int, input_asset: UUID | None
) -> ExitCode:
    chosen = await find_project(session.store, project)
    job = await session.store.create_generation_job(
        project_id=chosen.id, mode=mode, cost_cents=cost_cents, input_asset_id=input_asset
    )
    show_written(output, job, {chosen.id: chosen.name})
    return ExitCode.DONE


@in_session
async def update_job(
    session: "Session",
    output: Output,
    *,
    job_id: UUID,
    mode: str | Unset,
    cost_cents: int | Unset,
    error: str | Unset,
    input_asset: UUID | Unset | None,
) -> ExitCode:
    """Update a job. An empty error removes the error."""
    job = await session.store.update_generation_job(
        job_id,
        mode=mode,
        cost_cents=cost_cents,
        error=error if error is UNSET else error or None,
        input_asset_id=input_asset,
    )
    show_written(output, job, {})
    return ExitCode.DONE


@in_session
async def transition_job(
    session: "Session", output: Output, *, job_id: UUID, status: JobStatus, error: str | None
) -> ExitCode:
    outcome = await session.store.transition_job_status(job_id, status, error or None)
    if output.json:
        output.document(json_documents.transition(outcome, status))
    match outcome:
        case Applied(job=job):
            if not output.json:
                show_jobs(output, [job], {})
            return ExitCode.DONE
        case Refused(current=current, allowed=allowed):
            raise Declined(why_refused(current, status), hint=_what_is_allowed(allowed))
        case Missing():
            raise RowMissing(
                json_documents.no_such_job(job_id), (job_id,), hint=f"{command('jobs list')} lists the jobs."
            )
    assert_never(outcome)


def _what_is_allowed(allowed: tuple[JobStatus, ...]) -> str:
    if not allowed:
        return "This status is final. Create a new job to run it again."
    return f"It can change to {' or '.join(allowed)}."


@in_session
async def retry_jobs(session: "Session", output: Output, *, job_ids: Sequence[UUID], again: bool) -> ExitCode:
    """Retry the jobs. Raises PartlyDeclined if some were not retried; the others were."""
    names = {} if output.json else await project_names(session.store)
    outcomes = await session.store.retry_generation_jobs(list(dict.fromkeys(job_ids)), again=again)
    repeated = [outcome.job for outcome in outcomes if isinstance(outcome, Retried)]
    if output.json:
        output.document([json_documents.retry(outcome) for outcome in outcomes])
    elif repeated:
        show_jobs(output, repeated, names)
    if reasons := [reason for outcome in outcomes if (reason := why_not_repeated(outcome))]:
        raise PartlyDeclined(reasons)
    return ExitCode.DONE


def why_not_repeated(outcome: RetryOutcome) -> str | None:
    match outcome:
        case Retried():
            return None
        case AlreadyRetried(job_id=job_id, repeated_by=by):
            return f"The job {job_id} was already retried as {by}. Add --again to retry it again."
        case Refused(current=current, job=job):
            return f"Only a failed job can be retried; {job.id} is {current}."
        case Missing(job_id=job_id):
            return json_documents.no_such_job(job_id)
    assert_never(outcome)


Expected = Mapping[UUID, AnyStatus | None]
"""Each job is deleted only if it still has this status. None means any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The jobs of a confirmation. While the command waits for the answer, it holds no locks and no connection."""

    jobs: Sequence[GenerationJob]
    project_names: Mapping[UUID, str]
    database: str


def delete_jobs(settings: Settings, output: Output, *, job_ids: Sequence[UUID], yes: bool) -> ExitCode:
    """Delete the jobs. If the person is asked and a job changes before the answer, no job is deleted."""
    try:
        expected = dict.fromkeys(job_ids) if yes else _ask(settings, job_ids)
        with_session(settings, lambda session: session.store.delete_generation_jobs(expected))
    except RowMissing as error:
        if output.json and error.ids:
            output.document(json_documents.deletion(missing=error.ids))
        raise
    except Conflict:
        if output.json:
            output.document(json_documents.deletion())
        raise
    if output.json:
        output.document(json_documents.deletion(deleted=list(expected)))
    else:
        print_message(f"Deleted {len(expected)} {'job' if len(expected) == 1 else 'jobs'}.")
    return ExitCode.DONE


def _ask(settings: Settings, job_ids: Sequence[UUID]) -> Expected:
    require_terminal()
    seen = with_session(settings, lambda session: _find_jobs(session, job_ids))
    require_yes(_question(seen), unchanged="Nothing was deleted.")
    return {job.id: job.status for job in seen.jobs}


def _question(seen: Seen) -> str:
    """Return the dashboard's question, with every job named."""
    from gjobs.tui.text.clean_text import clean
    from gjobs.tui.text.write_text import confirm_deletion, described

    kept = "This cannot be undone. 'gjobs journal --json' still shows the whole rows."
    asked = confirm_deletion(seen.jobs, project_names=seen.project_names, database=seen.database, undo=kept)
    named = [f"  {described(job, seen.project_names)}" for job in seen.jobs]
    warning = [asked.warning] if asked.warning else []
    return "\n".join([asked.title, *named, f"Database: {clean(seen.database)}", *warning, kept])


async def _find_jobs(session: "Session", job_ids: Sequence[UUID]) -> Seen:
    """Raise RowMissing that names all missing jobs."""
    store = session.store
    found = {job_id: await store.get_generation_job(job_id) for job_id in job_ids}
    jobs = [job for job in found.values() if job is not None]
    missing = tuple(job_id for job_id, job in found.items() if job is None)
    if missing:
        named = ", ".join(map(str, missing))
        raise RowMissing(f"Not found, or hidden from this user: {named}. Nothing was deleted.", missing)
    projects = [await store.get_project(project_id) for project_id in {job.project_id for job in jobs}]
    names = {project.id: project.name for project in projects if project is not None}
    return Seen(jobs=jobs, project_names=names, database=session.full_name)
