"""gjobs jobs: the options of its subcommands, and create, update, transition, retry, delete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never
from uuid import UUID

from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import Conflict, RowMissing, command
from gjobs.store.jobs.job import (
    DEFAULT_COST_CENTS,
    USUAL_MODES,
    WORKFLOW,
    AnyStatus,
    GenerationJob,
    JobStatus,
    why_refused,
)
from gjobs.store.jobs.job_results import AlreadyRetried, Applied, Missing, Refused, Retried, RetryOutcome
from gjobs.store.validation import UNSET, Unset
from gjobs.store.values.formats import money, not_known
from gjobs.store.values.page_sizes import PAGE_SIZE
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.arguments import (
    add_cost,
    add_filter,
    find_project,
    id_or_prefix,
    identifier,
    identifier_or_none,
    page_key,
    project_names,
    status,
    whole_number,
    workflow_status,
)
from gjobs.tui.cli.command import Command
from gjobs.tui.cli.commands.jobs_reading import export_jobs, list_jobs, show_job, show_jobs, show_written
from gjobs.tui.cli.output import (
    BadArgument,
    Declined,
    ExitCode,
    Output,
    PartlyDeclined,
    not_empty,
    print_message,
    require_terminal,
    require_yes,
)
from gjobs.tui.cli.parser import Parser, add_command, add_commands
from gjobs.tui.cli.sessions import in_session, with_session
from gjobs.tui.export.export_files import FileFormat

if TYPE_CHECKING:
    from gjobs.tui.cli.parser import Commands
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


_MODES = ", ".join(USUAL_MODES)
_STATUSES = ", ".join(JobStatus)
_ID = "3f2a9c1e-8d47-4b15-9a3e-0c6f1b2d4e5a"


def add_jobs(commands: "Commands") -> None:
    group = add_command(
        commands, "jobs", None, help="list, export, show, create, change and delete jobs", example="gjobs jobs list"
    )
    jobs = add_commands(group, usual="list")
    _add_list(jobs)
    _add_export(jobs)
    _add_show(jobs)
    _add_create(jobs)
    _add_update(jobs)
    _add_transition(jobs)
    _add_retry(jobs)
    _add_delete(jobs)


def _add_list(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "list",
        Command(run=list_jobs, shows_moments=True),
        help="list jobs, newest first",
        example="gjobs jobs list --filter 'status:failed since:24h' --limit 20",
    )
    _add_which(parser)
    add = parser.add_argument
    add("--limit", type=whole_number, metavar="N", default=PAGE_SIZE, help=f"at most N jobs (default: {PAGE_SIZE})")
    add("--after", type=page_key, metavar="CREATED_AT,ID", help="continue after the row with this created_at and id")


def _add_export(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "export",
        Command(run=export_jobs, has_json=False),
        help="write all matching jobs to a file",
        example="gjobs jobs export failed.csv --filter 'status:failed since:7d'",
    )
    parser.usage = "%(prog)s FILE [OPTION ...]"
    add = parser.add_argument
    add("file", type=not_empty, metavar="FILE", help="the file to write, readable only by you; - means stdout")
    formats = ", ".join(FileFormat)
    add(
        "--format",
        dest="file_format",
        type=file_format,
        metavar="FORMAT",
        help=f"{formats} (default: by FILE's suffix)",
    )
    _add_which(parser)
    add("--force", action="store_true", help="replace an existing file")


def file_format(text: str) -> FileFormat:
    try:
        return FileFormat(text.lower())
    except ValueError:
        raise BadArgument(not_known(text, FileFormat)) from None


def _add_which(parser: Parser) -> None:
    add = parser.add_argument
    add("--project", metavar="ID|NAME", help="only jobs of this project")
    add("--status", type=status, metavar="STATUS", help=f"{_STATUSES}, or another status of your app")
    add_filter(parser)
    add("--view", type=not_empty, metavar="NAME", help="only jobs of this view; with --filter, both must match")
    parser.explained = _explained_filter


def _explained_filter() -> str:
    from gjobs.tui.cli.arguments import filter_help

    return filter_help()


def _add_job_id(parser: Parser) -> None:
    parser.add_argument("job_id", type=identifier, metavar="ID", help="the job's whole id")


def _add_show(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "show",
        Command(run=show_job, shows_moments=True),
        help="show one job in full",
        example="gjobs jobs show 3f2a9c1e --events",
    )
    parser.add_argument("ids", type=id_or_prefix, metavar="ID", help="the job's id, or at least its first four digits")
    parser.add_argument("--events", action="store_true", help="show its events; also works for a deleted job")


def _add_create(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "create",
        Command(run=create_job),
        help="queue a new job",
        example="gjobs jobs create --project 'Autumn catalog' --mode lifestyle",
    )
    add = parser.add_argument
    add("--project", metavar="ID|NAME", required=True, help="the project; its owner also owns the job")
    add("--mode", metavar="MODE", required=True, help=f"any text; common modes: {_MODES}")
    add_cost(parser, default=DEFAULT_COST_CENTS, meaning=f"the cost (default: {money(DEFAULT_COST_CENTS)})")
    add("--input-asset", type=identifier, metavar="ID", help="an asset of the project")


def _add_update(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "update",
        Command(run=update_job),
        help="change fields of a job, except its status and owner",
        example=f"gjobs jobs update {_ID} --cost-cents 250",
    )
    parser.usage = "%(prog)s [OPTION ...] ID"
    _add_job_id(parser)
    add = parser.add_argument
    add("--mode", metavar="MODE", default=UNSET, help="any text")
    add_cost(parser, default=UNSET, meaning="the cost")
    add("--error", metavar="TEXT", default=UNSET, help="the error text; '' removes it")
    add(
        "--input-asset",
        type=identifier_or_none,
        metavar="ID",
        default=UNSET,
        help="an asset of the job's project; '' removes it",
    )


def _add_transition(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "transition",
        Command(run=transition_job),
        help=f"move a job: {WORKFLOW}",
        example=f"gjobs jobs transition {_ID} running",
    )
    _add_job_id(parser)
    parser.add_argument("status", type=workflow_status, metavar="STATUS", help=_STATUSES)
    parser.add_argument("--error", metavar="TEXT", help="the error text (default: keep the current text)")


def _add_retry(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "retry",
        Command(run=retry_jobs),
        help="queue failed jobs again, each as a new linked job",
        example=f"gjobs jobs retry {_ID}",
    )
    parser.add_argument("job_ids", type=identifier, metavar="ID", nargs="+", help="the failed job's whole id")
    parser.add_argument("--again", action="store_true", help="also retry jobs that were already retried")


def _add_delete(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "delete",
        Command(run=delete_jobs),
        help="delete all of these jobs, or none if one is missing",
        example=f"gjobs jobs delete {_ID} --yes",
    )
    parser.add_argument("job_ids", type=identifier, metavar="ID", nargs="+", help="the job's whole id")
    parser.add_argument("--yes", action="store_true", help="do not ask")
