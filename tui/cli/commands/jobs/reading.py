"""`gjobs jobs list` and `gjobs jobs show`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from store.errors import RowMissing, TimedOut
from store.listing.query import ListQuery
from store.model import JobStatus, PageKey
from store.settings import Settings
from tui.cli import jsonable
from tui.cli.commands.jobs.showing import show_jobs
from tui.cli.exit_codes import ExitCode
from tui.cli.lookup import find_project, project_names
from tui.cli.output import Output, say
from tui.cli.sessions import in_session
from tui.cli.views import narrowed
from tui.slowness import advised

if TYPE_CHECKING:
    from store.filters import JobFilter
    from store.store import Store
    from tui.session import Session


def list_jobs(
    settings: Settings,
    output: Output,
    *,
    project: str | None,
    status: JobStatus | None,
    job_filter: "JobFilter | None",
    view: str | None,
    limit: int,
    after: PageKey | None,
) -> ExitCode:
    found = narrowed(settings, view, job_filter)
    return _list(settings, output, project=project, status=status, job_filter=found, limit=limit, after=after)


@in_session
async def _list(
    session: "Session",
    output: Output,
    *,
    project: str | None,
    status: JobStatus | None,
    job_filter: "JobFilter",
    limit: int,
    after: PageKey | None,
) -> ExitCode:
    chosen = None if project is None else await find_project(session.store, project)
    listed = ListQuery(project_id=chosen.id if chosen else None, status=status, job_filter=job_filter)
    try:
        page = await session.store.find_jobs(
            listed.job_filter, project_id=listed.project_id, status=listed.status, limit=limit, after=after
        )
    except TimedOut as error:
        raise await advised(session.store, listed, error) from error
    if output.json:
        output.document(jsonable.rows(page.items))
        return ExitCode.DONE
    show_jobs(output, page.items, await project_names(session.store) if page.items else {})
    if not page.items:
        say("No jobs.")
    if page.next_key is not None:
        key = page.next_key
        say(f"There are more. The next ones: --after {jsonable.time(key.created_at)},{key.id}")
    return ExitCode.DONE


@in_session
async def show_job(session: "Session", output: Output, *, job_id: UUID, events: bool) -> ExitCode:
    if events:
        from tui.cli.commands.jobs.histories import show_history

        return await show_history(session, output, job_id)
    job = await session.store.get_generation_job(job_id)
    if job is None:
        raise await _where_it_went(session.store, job_id)
    links = await session.store.get_job_links(job_id)
    if output.json:
        output.document({**jsonable.row(job), **jsonable.links(links)})
        return ExitCode.DONE
    from tui.cli.commands.jobs.tables import job_block
    from tui.words.stuck_words import stuck_words

    project = await session.store.get_project(job.project_id)
    output.text(job_block(job, project, links, now=datetime.now(UTC)))
    if words := stuck_words(await session.store.get_stuck_verdict(job_id)):
        say(words)
    return ExitCode.DONE


async def _where_it_went(store: "Store", job_id: UUID) -> RowMissing:
    """Why the actor does not see the job."""
    from store.capabilities import Feature
    from store.retention.archive import get_archived

    capabilities = await store.probed.get()
    if capabilities.off(Feature.ARCHIVE, store.actor) is None and await get_archived(store, [job_id]):
        return RowMissing(
            f"The job {job_id} is in the archive.",
            (job_id,),
            hint=f"'gjobs archive restore {job_id}' brings it back, and --events tells what happened to it.",
        )
    return RowMissing(jsonable.no_such_job(job_id), (job_id,), hint="'gjobs jobs list' lists them.")
