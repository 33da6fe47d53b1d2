"""gjobs jobs list, show, export."""

import shlex
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import RowMissing, TimedOut, command
from gjobs.store.filters.filter_terms import named_statuses
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.jobs.job import AnyStatus, GenerationJob
from gjobs.store.jobs.job_results import PageKey
from gjobs.store.users.actor import OPERATOR
from gjobs.store.values.formats import IdRange, written
from gjobs.store.values.page_sizes import EXPORT_ROWS
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.arguments import explain_no_jobs, find_job_id, find_project, narrowed
from gjobs.tui.cli.output import STDOUT, ExitCode, Output, UsageError, print_message
from gjobs.tui.cli.sessions import (
    ProgressLine,
    WorkProgress,
    can_show_progress,
    in_session,
    orderly_termination,
    print_caution,
    print_moment,
    with_session,
)
from gjobs.tui.export.export_files import FileFormat, Writer, format_of, writer

if TYPE_CHECKING:
    from gjobs.store.configuration.known_databases import Known
    from gjobs.store.database.query import Query
    from gjobs.store.filters.filter_terms import JobFilter
    from gjobs.store.jobs.job_results import Page
    from gjobs.store.store import Store
    from gjobs.tui.cli.sessions import Put
    from gjobs.tui.session import Session


def show_jobs(
    output: Output,
    jobs: Sequence[GenerationJob],
    project_names: Mapping[UUID, str],
    *,
    keeps_ids: bool = True,
    moment: datetime | None = None,
) -> None:
    """Print a table. On a terminal the times are ages, otherwise local times. A project without a name is shown by its
    id. Ages are relative to the moment; None means now.
    """
    from gjobs.tui.cli.text_tables import job_table

    now = (moment or datetime.now(UTC)) if output.is_terminal else None
    output.table(*job_table(jobs, project_names, now=now), keeps_ids=keeps_ids)


def show_written(output: Output, job: GenerationJob, project_names: Mapping[UUID, str]) -> None:
    """Print the job after a change. Do not query again, because a failed query would hide that the change was made."""
    if output.json:
        output.document(json_documents.row(job))
    else:
        show_jobs(output, [job], project_names)


def list_jobs(
    settings: Settings,
    output: Output,
    *,
    project: str | None,
    status: AnyStatus | None,
    job_filter: "JobFilter | None",
    view: str | None,
    limit: int,
    after: PageKey | None,
) -> ExitCode:
    found = narrowed(settings, view, job_filter)
    listed = ListQuery(status=status, job_filter=found)

    def expected(known: "Known") -> "Sequence[Query[Any]]":
        # Imported here, so that the import runs while the connection is being opened.
        import gjobs.tui.cli.text_tables  # noqa: F401
        from gjobs.tui.session import first_page

        return first_page(known, limit) if project is None and after is None and listed == ListQuery() else ()

    async def work(session: "Session") -> ExitCode:
        code = await _list(session, output, listed, project=project, limit=limit, after=after)
        print_caution(session)
        session.remember(session.last_project)
        return code

    return with_session(settings, work, expected=expected)


async def _list(
    session: "Session",
    output: Output,
    listed: ListQuery,
    *,
    project: str | None,
    limit: int,
    after: PageKey | None,
) -> ExitCode:
    if project is not None:
        listed = replace(listed, project_id=(await find_project(session.store, project, takes_prefix=True)).id)
    try:
        page, names = await _read_page(session.store, listed, limit=limit, after=after, has_names=not output.json)
    except TimedOut as error:
        from gjobs.tui.text.error_text import with_index_hint

        raise await with_index_hint(session.store, listed, error) from error
    for words in page.cautions:
        print_message(words)
    if output.json:
        as_row = json_documents.row if session.moment is None else json_documents.past_row
        output.document([as_row(job) for job in page.items])
    else:
        if not page.items:
            print_message("No jobs.")
        show_jobs(output, page.items, names, keeps_ids=False, moment=session.moment)
        print_moment(session)
    if not page.items:
        explain_no_jobs((listed.status, *named_statuses(listed.job_filter.terms)))
    if page.next_key is not None and not output.json:
        key = f"{json_documents.time(page.next_key.created_at)},{page.next_key.id}"
        print_message(f"There are more. Continue with --after={shlex.quote(key)}")
    return ExitCode.DONE


async def _read_page(
    store: "Store", listed: ListQuery, *, limit: int, after: PageKey | None, has_names: bool
) -> tuple["Page[GenerationJob]", Mapping[UUID, str]]:
    """Return a page, and the names of its projects if they are needed."""
    if has_names:
        return await store.get_page_with_names(listed, limit=limit, after=after)
    page = await store.find_jobs(
        listed.job_filter, project_id=listed.project_id, status=listed.status, limit=limit, after=after
    )
    return page, {}


@in_session
async def show_job(session: "Session", output: Output, *, ids: IdRange, events: bool) -> ExitCode:
    job_id = await find_job_id(session.store, ids)
    if events:
        return await show_history(session, output, job_id)
    job = await session.store.get_generation_job(job_id)
    if job is None:
        raise await _where_it_went(session, job_id)
    links = await session.store.get_job_links(job_id)
    if output.json:
        as_row = json_documents.row if session.moment is None else json_documents.past_row
        output.document({**as_row(job), **json_documents.links(links)})
        return ExitCode.DONE
    from gjobs.tui.cli.text_tables import job_block
    from gjobs.tui.text.job_text import stuck_words

    project, emails = await session.store.get_project(job.project_id), await _read_emails(session, {job.user_id})
    output.text(job_block(job, project, links, emails=emails, now=session.moment or datetime.now(UTC)))
    print_moment(session)
    if words := stuck_words(await session.store.get_stuck_verdict(job_id)):
        print_message(words)
    return ExitCode.DONE


async def _read_emails(session: "Session", user_ids: Set[UUID]) -> Mapping[UUID, str]:
    """Return the e-mails of users. Empty if the operator may not read them."""
    from gjobs.store.capabilities.capability import Capability

    is_readable = (await session.operator.capability_cache.get()).missing(Capability.USERS) is None
    return await session.operator.get_user_emails(user_ids) if is_readable else {}


async def _where_it_went(session: "Session", job_id: UUID) -> RowMissing:
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
    from gjobs.store.capabilities.capability import Capability
    from gjobs.store.retention.archive import get_archived

    capabilities = await store.capability_cache.get()
    if capabilities.missing(Capability.ARCHIVE, store.actor) is None and await get_archived(store, [job_id]):
        return RowMissing(
            f"The job {job_id} is in the archive.",
            (job_id,),
            hint=f"{command(f'archive restore {job_id}')} restores it. --events shows its events.",
        )
    return RowMissing(json_documents.no_such_job(job_id), (job_id,), hint=f"{command('jobs list')} lists the jobs.")


async def show_history(session: "Session", output: Output, job_id: UUID) -> ExitCode:
    from gjobs.tui.cli.text_tables import history_document, history_table, time_by_status

    history = await session.store.get_job_history(job_id)
    job = await session.store.get_generation_job(job_id)
    if job is None and not history.events:
        raise await _where_it_went(session, job_id)
    if output.json:
        output.document({"job": json_documents.row(job) if job else None, **history_document(history)})
        return ExitCode.DONE
    actors = {event.actor_user_id for event in history.events if event.actor_user_id}
    emails = await _read_emails(session, actors | ({job.user_id} if job else set()))
    if job is not None:
        from gjobs.tui.cli.text_tables import job_block

        project, links = await session.store.get_project(job.project_id), await session.store.get_job_links(job_id)
        output.text(job_block(job, project, links, emails=emails, now=session.moment or datetime.now(UTC)))
        output.text("")
    output.table(*history_table(history, emails))
    print_moment(session)
    if spent := time_by_status(history):
        print_message(f"Time in each status: {spent}.")
    if history.is_cut:
        print_message(f"These are the newest {len(history.events)} events.")
    if not history.events:
        print_message("No events are recorded for this job.")
    return ExitCode.DONE


def export_jobs(
    settings: Settings,
    output: Output,
    *,
    file: str,
    file_format: FileFormat | None,
    force: bool,
    project: str | None,
    status: AnyStatus | None,
    job_filter: "JobFilter | None",
    view: str | None,
) -> ExitCode:
    """Write the file completely or not at all, whatever stops the command."""
    from gjobs.tui.cli.sessions import destination
    from gjobs.tui.text.format import jobs_count

    if (chosen := file_format or format_of(file)) is None:
        raise UsageError(
            "Can't infer the format from the file name.", hint=f"Add --format with one of {', '.join(FileFormat)}."
        )
    found = narrowed(settings, view, job_filter)
    line = ProgressLine(is_shown=_shows_progress(output, file))
    exported = WorkProgress(0)
    with orderly_termination(json=output.json), line, destination(file, overwrites=force) as put:
        _write(settings, output, put, exported, line, writer(chosen), project=project, status=status, job_filter=found)
    if not exported.last:
        explain_no_jobs((status, *named_statuses(found.terms)))
    if file != STDOUT:
        print_message(f"Exported {jobs_count(exported.last)} to {file}.")
    return ExitCode.DONE


@in_session
async def _write(
    session: "Session",
    _output: Output,
    put: "Put",
    exported: WorkProgress[int],
    line: ProgressLine,
    made: Writer,
    *,
    project: str | None,
    status: AnyStatus | None,
    job_filter: "JobFilter",
) -> ExitCode:
    from gjobs.tui.text.format import jobs_count

    project_id = None if project is None else (await find_project(session.store, project, takes_prefix=True)).id
    read = partial(session.store.find_jobs, job_filter, project_id=project_id, status=status, limit=EXPORT_ROWS)
    page = await read()  # Nothing is written before the database has answered.
    is_read = put(made.begin())
    while is_read and put(made.rows(page.items)):
        exported.last += len(page.items)
        if page.items:
            back_to = written(page.items[-1].created_at, "-%m-%d")
            line.show(f"{jobs_count(exported.last)}, back to {back_to}")
        if page.next_key is None:
            put(made.end())
            break
        page = await read(after=page.next_key)
    return ExitCode.DONE


def _shows_progress(output: Output, file: str) -> bool:
    return can_show_progress() and (file != STDOUT or not output.is_terminal)
