"""`gjobs jobs show --events`: a job and what happened to it, also where it is deleted by now."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from store.errors import RowMissing
from tui.cli import jsonable
from tui.cli.exit_codes import ExitCode
from tui.cli.output import Output, say

if TYPE_CHECKING:
    from tui.session import Session


async def show_history(session: "Session", output: Output, job_id: UUID) -> ExitCode:
    from tui.cli import histories

    history = await session.store.get_job_history(job_id)
    job = await session.store.get_generation_job(job_id)
    if job is None and not history.events:
        raise RowMissing(jsonable.no_such_job(job_id), (job_id,), hint="'gjobs jobs list' lists them.")
    if output.json:
        output.document({"job": jsonable.row(job) if job else None, **histories.document(history)})
        return ExitCode.DONE
    if job is not None:
        from tui.cli.commands.jobs.tables import job_block

        project, links = await session.store.get_project(job.project_id), await session.store.get_job_links(job_id)
        output.text(job_block(job, project, links, now=datetime.now(UTC)))
        output.text("")
    output.table(*histories.table(history))
    if spent := histories.spent(history):
        say(f"In each status: {spent}.")
    if history.is_cut:
        say(f"These are the newest {len(history.events)} events.")
    if not history.events:
        say("Nothing has happened to it since its events are kept.")
    return ExitCode.DONE
