"""gjobs jobs."""

import shlex
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, assert_never
from uuid import UUID

from gjobs.store.capabilities.capability import Capability
from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import Conflict, RowMissing, TimedOut, command
from gjobs.store.filters.filter_terms import JobFilter, named_statuses
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.jobs.job import (
    DEFAULT_COST_CENTS,
    USUAL_MODES,
    WORKFLOW,
    AnyStatus,
    GenerationJob,
    JobStatus,
    why_refused,
)
from gjobs.store.jobs.job_results import (
    AlreadyRetried,
    Applied,
    Missing,
    Page,
    PageKey,
    Refused,
    Retried,
    RetryOutcome,
    job_row,
)
from gjobs.store.users.actor import OPERATOR
from gjobs.store.validation import UNSET, Unset, no_jobs, no_such_jobs
from gjobs.store.values.formats import IdRange, money, not_known, plain_time
from gjobs.store.values.page_sizes import EXPORT_ROWS
from gjobs.tui.cli import arguments, sessions
from gjobs.tui.cli.command import Command, Group, argument, option, switch
from gjobs.tui.cli.output import (
    STDOUT,
    BadArgument,
    Declined,
    Output,
    PartlyDeclined,
    UsageError,
    not_empty,
    print_message,
)
from gjobs.tui.export.export_files import FileFormat, all_fields, format_of, seconds_in_status, writer

if TYPE_CHECKING:
    from gjobs.store.database.query import Query
    from gjobs.store.store import Store
    from gjobs.tui.session import Known, Session


def show_jobs(
    output: Output,
    jobs: Sequence[GenerationJob],
    project_names: Mapping[UUID, str],
    *,
    keeps_ids: bool = True,
    moment: datetime | None = None,
) -> None:
    """Print a table. A project without a name is shown by its id. Ages are relative to the moment; None means now."""
    from gjobs.tui.cli.text_tables import job_columns

    shown_time = partial(output.time, now=moment or datetime.now(UTC))
    output.table(job_columns(project_names, shown_time), jobs, keeps_ids=keeps_ids)


def show_written(output: Output, job: GenerationJob, project_names: Mapping[UUID, str]) -> None:
    """Print the job after a change. Do not query again, because a failed query would hide that the change was made."""
    if not output.document(job):
        show_jobs(output, [job], project_names)


_VIEW = option(not_empty, "NAME", "only jobs of this view; with --filter, both must match")


@Command(
    name="list",
    example="gjobs jobs list --filter 'status:failed since:24h' --limit 20",
    explained=arguments.filter_help,
    shows_moments=True,
)
def list_jobs(
    settings: Settings,
    output: Output,
    *,
    project: str | None = arguments.PROJECT,
    status: AnyStatus | None = arguments.STATUS,
    job_filter: JobFilter | None = arguments.FILTER,
    view: str | None = _VIEW,
    limit: int = arguments.LIMIT,
    after: PageKey | None = arguments.AFTER,
) -> None:
    """List jobs, newest first."""
    found = arguments.combined_filter(settings, view, job_filter)
    listed = ListQuery(status=status, job_filter=found)

    def expected(known: "Known") -> "Sequence[Query[Any]]":
        # Imported here, so that the import runs while the connection is being opened.
        import gjobs.tui.cli.text_tables  # noqa: F401
        from gjobs.tui.session import first_page

        return first_page(known, limit) if project is None and after is None and listed == ListQuery() else ()

    async def work(session: "Session") -> None:
        project_id = await arguments.find_project_id(session.store, project, takes_prefix=True)
        page, names = await _read_page(
            session.store, replace(listed, project_id=project_id), limit=limit, after=after, has_names=not output.json
        )
        print_message(*page.cautions)
        if not output.document(_at(session, job) for job in page.items):
            if not page.items:
                print_message("No jobs.")
            show_jobs(output, page.items, names, keeps_ids=False, moment=session.moment)
            sessions.print_moment(session)
        if not page.items:
            arguments.explain_no_jobs((listed.status, *named_statuses(listed.job_filter.terms)))
        if page.next_key is not None and not output.json:
            key = f"{plain_time(page.next_key.created_at)},{page.next_key.id}"
            print_message(f"There are more. Continue with --after={shlex.quote(key)}")
        sessions.print_caution(session)
        session.remember(session.last_project)

    sessions.with_session(settings, work, expected=expected)


def _at(session: "Session", job: GenerationJob) -> dict[str, object]:
    """Return a job. A job of an earlier moment always has the names of unrecorded values."""
    return {**({} if session.moment is None else {"unrecorded": []}), **job_row(job)}


async def _read_page(
    store: "Store", listed: ListQuery, *, limit: int, after: PageKey | None, has_names: bool
) -> tuple["Page[GenerationJob]", Mapping[UUID, str]]:
    """Return a page, and the names of its projects if they are needed."""
    try:
        if has_names:
            return await store.get_page_with_names(listed, limit=limit, after=after)
        page = await store.find_jobs(
            listed.job_filter, project_id=listed.project_id, status=listed.status, limit=limit, after=after
        )
    except TimedOut as error:
        from gjobs.tui.text.error_text import with_index_hint

        raise await with_index_hint(store, listed, error) from error
    return page, {}


@Command(name="show", example="gjobs jobs show 3f2a9c1e --events", shows_moments=True)
async def show_job(
    session: "Session",
    output: Output,
    *,
    ids: IdRange = argument(arguments.id_or_prefix, "ID", "the job's id, or at least its first four digits"),
    events: bool = switch("show its events; also works for a deleted job"),
) -> None:
    """Show one job in full."""
    job_id = await arguments.find_job_id(session.store, ids)
    await (show_history if events else _show)(session, output, job_id)


async def _show(session: "Session", output: Output, job_id: UUID) -> None:
    job = await session.store.get_generation_job(job_id)
    if job is None:
        raise await _missing_reason(session, job_id)
    if output.json:
        links = await session.store.get_job_links(job_id)
        output.document({**_at(session, job), **all_fields(links)})
        return
    from gjobs.tui.text.job_text import stuck_words

    await _print_block(session, output, job, await _read_emails(session, {job.user_id}))
    sessions.print_moment(session)
    print_message(stuck_words(await session.store.get_stuck_verdict(job_id)))


async def _print_block(session: "Session", output: Output, job: GenerationJob, emails: Mapping[UUID, str]) -> None:
    from gjobs.tui.cli.text_tables import job_block

    project, links = await session.store.get_project(job.project_id), await session.store.get_job_links(job.id)
    output.text(job_block(job, project, links, emails=emails, now=session.moment or datetime.now(UTC)))


async def _read_emails(session: "Session", user_ids: Set[UUID]) -> Mapping[UUID, str]:
    """Return the e-mails of users. Empty if the operator may not read them."""
    is_readable = (await session.operator.capability_cache.get()).missing(Capability.USERS) is None
    return await session.operator.get_user_emails(user_ids) if is_readable else {}


async def _missing_reason(session: "Session", job_id: UUID) -> RowMissing:
    """Return the reason why the actor does not see the job."""
    store = session.store
    if session.moment is not None:
        # Pass no ids: whether the job is hidden at present says nothing about the earlier moment.
        return RowMissing(
            f"There was no job {job_id} at this moment, or this user did not see it.",
            hint="Use another time, or leave --at out."
            if store.actor == OPERATOR
            else "Use another time, leave --at out, or add --as operator.",
        )
    from gjobs.store.retention.archive import get_archived

    capabilities = await store.capability_cache.get()
    if capabilities.missing(Capability.MIGRATED, store.actor) is None and await get_archived(store, [job_id]):
        return RowMissing(
            f"The job {job_id} is in the archive.",
            (job_id,),
            hint=f"{command(f'archive restore {job_id}')} restores it. --events shows its events.",
        )
    return missing_job(job_id)


def missing_job(job_id: UUID) -> RowMissing:
    return RowMissing(no_such_jobs((job_id,)), (job_id,), hint=f"{command('jobs list')} lists the jobs.")


async def show_history(session: "Session", output: Output, job_id: UUID) -> None:
    from gjobs.tui.cli.text_tables import event_columns
    from gjobs.tui.text.job_text import beginning_words, time_by_status

    history = await session.store.get_job_history(job_id)
    job = await session.store.get_generation_job(job_id)
    if job is None and not history.events:
        raise await _missing_reason(session, job_id)
    if output.json:
        limits = {"has_older_events": history.is_cut, "log_begins_at": history.log_begins_at}
        times = {"started_at": history.started_at, "seconds_in_status": seconds_in_status(history)}
        output.document({"job": job, "events": history.events, **limits, **times})
        return
    actors = {event.actor_user_id for event in history.events if event.actor_user_id}
    emails = await _read_emails(session, actors | ({job.user_id} if job else set()))
    if job is not None:
        await _print_block(session, output, job, emails)
        output.text("")
    output.table(event_columns(emails), zip((None, *history.events), history.events, strict=False))
    sessions.print_moment(session)
    if spent := time_by_status(history):
        print_message(f"Time in each status: {spent}.")
    if history.is_cut:
        print_message(f"These are the newest {len(history.events)} events.")
    if not history.events:
        print_message("No events are recorded for this job.")
    print_message(beginning_words(history))


_FORMATS = ", ".join(FileFormat)


def _file_format(text: str) -> FileFormat:
    try:
        return FileFormat(text.lower())
    except ValueError:
        raise BadArgument(not_known(text, FileFormat)) from None


@Command(
    name="export",
    example="gjobs jobs export failed.csv --filter 'status:failed since:7d'",
    usage="%(prog)s FILE [OPTION ...]",
    explained=arguments.filter_help,
    has_json=False,
)
def export_jobs(
    settings: Settings,
    output: Output,
    *,
    file: str = argument(not_empty, "FILE", "the file to write, readable only by you; - means stdout"),
    file_format: FileFormat | None = option(
        _file_format, "FORMAT", f"{_FORMATS} (default: by FILE's suffix)", flag="--format"
    ),
    project: str | None = arguments.PROJECT,
    status: AnyStatus | None = arguments.STATUS,
    job_filter: JobFilter | None = arguments.FILTER,
    view: str | None = _VIEW,
    force: bool = arguments.FORCE,
) -> None:
    """Write all matching jobs to a file.

    Write the file completely or not at all, whatever stops the command.
    """
    from gjobs.tui.text.format import jobs_count

    if (chosen := file_format or format_of(file)) is None:
        raise UsageError("Can't infer the format from the file name.", hint=f"Add --format with one of {_FORMATS}.")
    found = arguments.combined_filter(settings, view, job_filter)

    async def write(session: "Session", _output: Output) -> int:
        """Return the number of exported jobs."""
        project_id = await arguments.find_project_id(session.store, project, takes_prefix=True)
        read = partial(session.store.find_jobs, found, project_id=project_id, status=status, limit=EXPORT_ROWS)
        page = await read()  # Nothing is written before the database has answered.
        exported, made = 0, writer(chosen)
        is_read = put(made.begin())
        while is_read and put(made.rows(page.items)):
            exported += len(page.items)
            if page.items:
                show(f"{jobs_count(exported)}, back to {plain_time(page.items[-1].created_at).partition('T')[0]}")
            if page.next_key is None:
                put(made.end())
                break
            page = await read(after=page.next_key)
        return exported

    shows_progress = file != STDOUT or not output.is_terminal
    with (
        sessions.progress_line(is_shown=shows_progress) as show,
        sessions.destination(file, overwrites=force) as put,
    ):
        exported = sessions.in_session(write)(settings, output)
    if not exported:
        arguments.explain_no_jobs((status, *named_statuses(found.terms)))
    if file != STDOUT:
        print_message(f"Exported {jobs_count(exported)} to {file}.")


_STATUSES = ", ".join(JobStatus)
_ID = "3f2a9c1e-8d47-4b15-9a3e-0c6f1b2d4e5a"


@Command(name="create", example="gjobs jobs create --project 'Autumn catalog' --mode lifestyle")
async def create_job(
    session: "Session",
    output: Output,
    *,
    project: str = option(str, "ID|NAME", "the project; its owner also owns the job", required=True),
    mode: str = option(str, "MODE", f"any text; common modes: {', '.join(USUAL_MODES)}", required=True),
    cost_cents: int = arguments.cost(
        default=DEFAULT_COST_CENTS, meaning=f"the cost (default: {money(DEFAULT_COST_CENTS)})"
    ),
    input_asset: UUID | None = option(arguments.identifier, "ID", "an asset of the project"),
) -> None:
    """Queue a new job."""
    chosen = await arguments.find_project(session.store, project)
    job = await session.store.create_generation_job(
        project_id=chosen.id, mode=mode, cost_cents=cost_cents, input_asset_id=input_asset
    )
    show_written(output, job, {chosen.id: chosen.name})


@Command(name="update", example=f"gjobs jobs update {_ID} --cost-cents 250", usage="%(prog)s [OPTION ...] ID")
async def update_job(
    session: "Session",
    output: Output,
    *,
    job_id: UUID = arguments.JOB_ID,
    mode: str | Unset = option(str, "MODE", "any text", default=UNSET),
    cost_cents: int | Unset = arguments.cost(default=UNSET, meaning="the cost"),
    error: str | Unset = option(str, "TEXT", "the error text; '' removes it", default=UNSET),
    input_asset: UUID | Unset | None = option(
        lambda text: arguments.identifier(text) if text else None,
        "ID",
        "an asset of the job's project; '' removes it",
        default=UNSET,
    ),
) -> None:
    """Change fields of a job, except its status and owner.

    An empty error removes the error.
    """
    names = {} if output.json else await arguments.project_names(session.store)
    job = await session.store.update_generation_job(
        job_id,
        mode=mode,
        cost_cents=cost_cents,
        error=error if error is UNSET else error or None,
        input_asset_id=input_asset,
    )
    show_written(output, job, names)


@Command(name="transition", help=f"move a job: {WORKFLOW}", example=f"gjobs jobs transition {_ID} running")
async def transition_job(
    session: "Session",
    output: Output,
    *,
    job_id: UUID = arguments.JOB_ID,
    status: JobStatus = argument(arguments.one_of(JobStatus), "STATUS", _STATUSES),
    error: str | None = option(str, "TEXT", "the error text (default: keep the current text)"),
) -> None:
    names = {} if output.json else await arguments.project_names(session.store)
    outcome = await session.store.transition_job_status(job_id, status, error or None)
    match outcome:
        case Applied(job=job):
            if not output.document({"applied": True, "job": job, "reason": None}):
                show_jobs(output, [job], names)
        case Refused(job=job, current=current, allowed=allowed):
            output.document({"applied": False, "job": job, "reason": why_refused(current, status)})
            next_statuses = f"It can change to {' or '.join(allowed)}."
            is_final = "This status is final. Create a new job to run it again."
            raise Declined(why_refused(current, status), hint=next_statuses if allowed else is_final)
        case Missing():
            output.document({"applied": False, "job": None, "reason": no_such_jobs((job_id,))})
            raise missing_job(job_id)
        case _:
            assert_never(outcome)


@Command(name="retry", example=f"gjobs jobs retry {_ID}")
async def retry_jobs(
    session: "Session",
    output: Output,
    *,
    job_ids: Sequence[UUID] = argument(arguments.identifier, "ID", "the failed job's whole id", nargs="+"),
    again: bool = switch("also retry jobs that were already retried"),
) -> None:
    """Queue failed jobs again, each as a new linked job; skip and name the others.

    Raises PartlyDeclined if some were not retried; the others were.
    """
    names = {} if output.json else await arguments.project_names(session.store)
    outcomes = await session.store.retry_generation_jobs(list(dict.fromkeys(job_ids)), again=again)
    results = [_retry_result(outcome) for outcome in outcomes]
    repeated = [job for _, job, _, _ in results if job is not None]
    rows = (
        {"repeats": failed, "applied": job is not None, "job": job, "repeated_by": by} for failed, job, by, _ in results
    )
    if not output.document(rows) and repeated:
        show_jobs(output, repeated, names)
    if reasons := [why for *_, why in results if why]:
        raise PartlyDeclined(reasons)


def _retry_result(outcome: RetryOutcome) -> tuple[UUID, GenerationJob | None, UUID | None, str]:
    """Return the failed job, its new job, an earlier retry of it, and why it was not retried."""
    match outcome:
        case Retried(repeats=failed, job=job):
            return failed, job, None, ""
        case AlreadyRetried(job_id=failed, repeated_by=by):
            return failed, None, by, f"The job {failed} was already retried as {by}. Add --again to retry it again."
        case Refused(job=GenerationJob(id=failed), current=current):
            return failed, None, None, f"Only a failed job can be retried; {failed} is {current}."
        case Missing(job_id=failed):
            return failed, None, None, no_such_jobs((failed,))
    assert_never(outcome)


@Command(name="delete", example=f"gjobs jobs delete {_ID} --yes")
def delete_jobs(
    settings: Settings,
    output: Output,
    *,
    job_ids: Sequence[UUID] = argument(arguments.identifier, "ID", "the job's whole id", nargs="+"),
    yes: bool = arguments.YES,
) -> None:
    """Delete all of these jobs, or none if one is missing.

    If a job changes between the question and the answer, no job is deleted.
    """

    async def prepare(session: "Session") -> tuple[Mapping[UUID, AnyStatus | None], str]:
        """Return the jobs, each with the status that the person sees. Raises RowMissing that names all missing jobs."""
        store = session.store
        found = {job_id: await store.get_generation_job(job_id) for job_id in job_ids}
        jobs = [job for job in found.values() if job is not None]
        if missing := tuple(job_id for job_id, job in found.items() if job is None):
            raise no_jobs(missing)
        projects = [await store.get_project(project_id) for project_id in {job.project_id for job in jobs}]
        names = {project.id: project.name for project in projects if project is not None}
        return {job.id: job.status for job in jobs}, _question(jobs, names, session.full_name)

    async def delete(session: "Session", expected: Mapping[UUID, AnyStatus | None]) -> None:
        await session.store.delete_generation_jobs(expected)

    unique: Mapping[UUID, AnyStatus | None] = dict.fromkeys(job_ids)
    try:
        sessions.ask_then(settings, prepare, delete, yes=yes, unseen=unique, unchanged="Nothing was deleted.")
    except RowMissing as error:
        if output.json and error.ids:
            output.document({"deleted": [], "missing": error.ids})
        raise
    except Conflict:
        output.document({"deleted": [], "missing": []})
        raise
    if not output.document({"deleted": list(unique), "missing": []}):
        print_message(f"Deleted {len(unique)} {'job' if len(unique) == 1 else 'jobs'}.")


def _question(jobs: Sequence[GenerationJob], project_names: Mapping[UUID, str], database: str) -> str:
    """Return the dashboard's question, with every job named."""
    from gjobs.tui.text.clean_text import clean
    from gjobs.tui.text.write_text import confirm_deletion, job_line

    kept = "This cannot be undone. 'gjobs journal --json' still shows the whole rows."
    asked = confirm_deletion(jobs, project_names=project_names, database=database, undo=kept)
    named = [f"  {job_line(job, project_names)}" for job in jobs]
    warning = [asked.warning] if asked.warning else []
    return "\n".join([asked.title, *named, f"Database: {clean(database)}", *warning, kept])


JOBS = Group(
    name="jobs",
    help="list, export, show, create, change and delete jobs",
    example="gjobs jobs list",
    default="list",
    commands=[list_jobs, export_jobs, show_job, create_job, update_job, transition_job, retry_jobs, delete_jobs],
)
