"""Messages from poller, screen and dialogs to the App."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from textual.message import Message

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob
from gjobs.tui.dashboard.job_actions.job_copies import JobCopy
from gjobs.tui.text.status_text import JobAction

if TYPE_CHECKING:
    from gjobs.store.job_list.listing import Listing
    from gjobs.store.jobs.job_history import JobHistory
    from gjobs.store.statistics.totals import Totals
    from gjobs.store.store import Store
    from gjobs.tui.session import Session
    from gjobs.tui.text.job_text import Names


@dataclass
class Connecting(Message):
    """The progress of connecting has changed."""


@dataclass
class Connected(Message):
    """The database is open."""

    session: "Session"


class PollMessage(Message):
    """News of polling. It is dropped once the app closes, because the widgets may be gone."""


@dataclass
class ListPolled(PollMessage):
    """A result of polling the jobs as the actor of `store`. Times are by the local clock."""

    store: "Store"
    listing: "Listing"
    fetched_at: datetime
    requested_at: float
    """By the monotonic clock. The list contains everything that was committed before."""
    is_changed: bool
    """Whether it differs from the previous result. If not, only ages are redrawn."""


@dataclass
class IntervalChanged(PollMessage):
    """The actual refresh interval has changed since the last result."""


@dataclass
class AnswerDelayed(PollMessage):
    """The database has not answered a list query for some seconds, or has just answered it."""


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
    """Totals as the actor of `store`. Times are by the local clock."""

    store: "Store"
    totals: "Totals"
    fetched_at: datetime
    is_complete: bool = True
    """Whether reading the flow has ended, with or without success. If not, the same totals follow with the flow."""


@dataclass
class TotalsPollFailed(PollMessage):
    """The totals could not be counted as the actor of `store`."""

    store: "Store"
    error: StoreError


Request = Literal["project", "new_project", "undo", "all", "exact", "budgets", "archive", "clean_up", "export"]
"""Requests of screen keys that need the database."""

AppAction = Literal[
    "act_as",
    "visibility",
    "isolation",
    "timings",
    "errors",
    "workers",
    "database",
    "write_permit",
    "moment",
    "faster",
    "slower",
    "load",
]
"""Actions of the App's keys."""


class QueryChanged(Message):
    """The screen requests another list, or other rows of it. See its `listing_query`."""


class ScreenFitted(Message):
    """After a resize, the screen has decided which of its parts to show."""


class ProjectChosen(Message):
    """The user chose a project. It is to be remembered."""


class EscapeUnused(Message):
    """Escape was pressed in the dashboard, where it had nothing else to leave."""


class WritePermitEnded(Message):
    """The write permit has expired."""


class ActionRequested(Message):
    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request


class JobActionRequested(Message):
    def __init__(self, action: JobAction, jobs: tuple[GenerationJob, ...]) -> None:
        """`jobs` are the jobs as the user saw them. Empty for "create"."""
        super().__init__()
        self.action = action
        self.jobs = jobs


class CopyRequested(Message):
    """Copy these jobs, as last seen."""

    def __init__(self, what: JobCopy, jobs: Sequence[GenerationJob]) -> None:
        super().__init__()
        self.what = what
        self.jobs = tuple(jobs)


class CaseRequested(Message):
    """Show the case of the job, as last seen. If the job is None, show the case of the acting user."""

    def __init__(self, job: GenerationJob | None) -> None:
        super().__init__()
        self.job = job


class JobDetailsView(Protocol):
    """The parts of the details dialog that are needed to load its contents."""

    @property
    def job(self) -> GenerationJob:
        """The job whose details are loaded."""

    @property
    def now(self) -> datetime:
        """The server's time, as last received."""

    @property
    def is_sought(self) -> bool:
        """Whether the list of another moment lacks the job, so it has to be read by its id."""

    @property
    def is_hidden(self) -> bool:
        """Whether the visibility view shows the job although it is hidden from the user."""

    def tell_names(self, names: "Names") -> None:
        """Show the names of the owner and the asset."""

    def tell_whole(self, job: GenerationJob | None) -> None:
        """Show the full row, if the list has only the beginning of its error."""

    def tell_history(self, history: "JobHistory", *, note: str = "") -> None:
        """Show the events of the job, with a note on their limits."""

    def tell_no_history(self, error: StoreError) -> None:
        """Show why the events could not be read. Earlier events stay."""


class DetailsOpened(Message):
    """The details need the names of the job's owner and asset."""

    def __init__(self, details: JobDetailsView) -> None:
        super().__init__()
        self.details = details


class PaneLoadRequested(Message):
    """The details pane needs the events and names of the job under the cursor."""

    def __init__(self, details: JobDetailsView) -> None:
        super().__init__()
        self.details = details


class HistoryRequested(Message):
    """The details need the events of their job."""

    def __init__(self, details: JobDetailsView) -> None:
        super().__init__()
        self.details = details
