"""`gjobs jobs create`, `update` and `transition`."""

from typing import TYPE_CHECKING, assert_never
from uuid import UUID

from store.errors import RowMissing
from store.model import Applied, JobStatus, Missing, Refused
from store.transitions import why_refused
from store.writing.changes import UNSET, Unset
from tui.cli import jsonable
from tui.cli.commands.jobs.showing import show_jobs, show_written
from tui.cli.exit_codes import ExitCode
from tui.cli.lookup import find_project
from tui.cli.output import Output, complain
from tui.cli.sessions import in_session

if TYPE_CHECKING:
    from tui.session import Session


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
    """An empty error is none."""
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
        output.document(jsonable.transition(outcome, status))
    match outcome:
        case Applied(job=job):
            if not output.json:
                show_jobs(output, [job], {})
            return ExitCode.DONE
        case Refused(current=current, allowed=allowed):
            complain(why_refused(current, status), hint=_what_is_allowed(allowed))
            return ExitCode.REFUSED
        case Missing():
            raise RowMissing(jsonable.no_such_job(job_id), (job_id,), hint="'gjobs jobs list' lists them.")
    assert_never(outcome)


def _what_is_allowed(allowed: tuple[JobStatus, ...]) -> str:
    if not allowed:
        return "It stays as it is. Create a new job to run it again."
    return f"It may become {' or '.join(allowed)}."
