"""Events from poller, screen and dialogs to the app, and copies of jobs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, assert_never

from textual.app import App
from textual.message import Message

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.moments.moment import job_row
from gjobs.tui.dashboard.terminal.clipboard import copy_text
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.text.error_text import error_message
from gjobs.tui.text.format import jobs_name

if TYPE_CHECKING:
    from gjobs.store.job_list.list_query import Listing
    from gjobs.store.poller import PollResult
    from gjobs.store.statistics.statistics import Totals
    from gjobs.store.store import Store
    from gjobs.tui.session import Session


class JobCopy(StrEnum):
    ID = "id"
    JSON = "json"


async def copy_jobs(app: App[Any], store: "Store | None", what: JobCopy, jobs: Sequence[GenerationJob]) -> None:
    """Copy in the order of `jobs`. `store` is None if rows cannot be read."""
    match what:
        case JobCopy.ID:
            copied = f"the id {jobs[0].id}" if len(jobs) == 1 else f"the ids of {len(jobs)} jobs"
            copy_text(app, "\n".join(str(job.id) for job in jobs), f"Copied {copied}")
        case JobCopy.JSON:
            if store is not None:
                await _copy_json(app, store, jobs)
        case _:
            assert_never(what)


async def _copy_json(app: App[Any], store: "Store", jobs: Sequence[GenerationJob]) -> None:
    """Copy current rows, because the list may have cut some values. Like the command line, write one object for one
    job, and a list for several.
    """
    try:
        present = {job.id: job for job in await store.get_these_jobs([job.id for job in jobs])}
    except StoreError as error:
        show_message(app, error_message(error))
        return
    there = [present[job.id] for job in jobs if job.id in present]
    if there:
        rows = [job_row(job) for job in there]
        copy_text(app, json.dumps(rows[0] if len(rows) == 1 else rows, indent=2), f"Copied {jobs_name(there)} as JSON")
    if gone := len(jobs) - len(there):
        missing = "The job is" if len(jobs) == 1 else f"{gone} of the {len(jobs)} jobs are"
        show_warning(app, f"{missing} deleted or hidden, and not copied.")


@dataclass
class Connecting(Message):
    """The progress of connecting has changed."""

    sentence: str


@dataclass
class Connected(Message):
    """The database is open."""

    session: "Session"


class PollMessage(Message):
    """News of polling. It is dropped once the app closes, because the widgets may be gone."""


@dataclass
class ListPolled(PollMessage):
    """A result of polling the jobs as the actor of `store`. It contains everything that was committed before the
    request.
    """

    store: "Store"
    result: "PollResult[Listing]"


@dataclass
class PaceChanged(PollMessage):
    """The actual refresh interval has changed, or a list query has no answer for some seconds, or has one again."""


@dataclass
class ListPollFailed(PollMessage):
    """Times are by the local clock."""

    store: "Store | None"
    error: StoreError
    since: datetime
    retry_at: Callable[[], datetime | None]
    """Return the time of the next attempt, or None if only the user can retry. The time changes when the refresh
    interval changes, so ask for it each time."""


@dataclass
class TotalsPolled(PollMessage):
    """Totals as the actor of `store`."""

    store: "Store"
    totals: "Totals"
    is_complete: bool = True
    """Whether reading the flow has ended, with or without success. If not, the same totals follow with the flow."""


@dataclass
class TotalsPollFailed(PollMessage):
    """The totals could not be counted as the actor of `store`."""

    store: "Store"
    error: StoreError


class QueryChanged(Message):
    """The screen requests another list, or other rows of it. See its `listing_query`."""


class ProjectChosen(Message):
    """The user chose a project. It is to be remembered."""


class WritePermitEnded(Message):
    """The write permit has expired."""


@dataclass
class CopyRequested(Message):
    """Copy these jobs, as last seen."""

    what: JobCopy
    jobs: tuple[GenerationJob, ...]


@dataclass
class CaseRequested(Message):
    """Show the case of the job, as last seen. If the job is None, show the case of the acting user."""

    job: GenerationJob | None
