"""`gjobs jobs retry`: failed jobs are queued once more, as new jobs that name them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, assert_never
from uuid import UUID

from store.model import AlreadyRepeated, Missing, Refused, Repeated, RetryOutcome
from tui.cli import jsonable
from tui.cli.commands.jobs.showing import show_jobs
from tui.cli.exit_codes import ExitCode
from tui.cli.lookup import project_names
from tui.cli.output import Output, say
from tui.cli.sessions import in_session

if TYPE_CHECKING:
    from tui.session import Session


@in_session
async def retry_jobs(session: "Session", output: Output, *, job_ids: Sequence[UUID], again: bool) -> ExitCode:
    """Refused where any of them is not repeated by this; the others are all the same."""
    names = {} if output.json else await project_names(session.store)
    outcomes = await session.store.retry_generation_jobs(list(dict.fromkeys(job_ids)), again=again)
    repeated = [outcome.job for outcome in outcomes if isinstance(outcome, Repeated)]
    if output.json:
        output.document([jsonable.retry(outcome) for outcome in outcomes])
    elif repeated:
        show_jobs(output, repeated, names)
    for outcome in outcomes:
        if reason := why_not_repeated(outcome):
            say(reason)
    return ExitCode.DONE if len(repeated) == len(outcomes) else ExitCode.REFUSED


def why_not_repeated(outcome: RetryOutcome) -> str | None:
    match outcome:
        case Repeated():
            return None
        case AlreadyRepeated(job_id=job_id, repeated_by=by):
            return f"The job {job_id} is repeated by {by} by now. Add --again to repeat it once more."
        case Refused(current=current, job=job):
            return f"Only a failed job can be repeated; {job.id} is {current}."
        case Missing(job_id=job_id):
            return jsonable.no_such_job(job_id)
    assert_never(outcome)
