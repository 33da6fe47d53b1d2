"""Messages of poller, screen and dialogs to the App."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from textual.message import Message

from store.errors import StoreError
from store.jobs.job import GenerationJob
from tui.dashboard.job_actions.job_copies import JobCopy
from tui.text.status_text import JobAction

if TYPE_CHECKING:
    from store.job_list.listing import Listing
    from store.jobs.job_history import JobHistory
    from store.statistics.totals import Totals
    from store.store import Store
    from tui.session import Session
    from tui.text.job_text import Names


@dataclass
class Connecting(Message):
    """Something else is being done before there is anything to see."""


@dataclass
class Connected(Message):
    session: "Session"


@dataclass
class ListPolled(Message):
    """A look at the jobs with the eyes of `store`. Times by the local clock."""

    store: "Store"
    listing: "Listing"
    fetched_at: datetime
    is_changed: bool
    """Whether it differs from the one before: if not, only ages have to be drawn."""


@dataclass
class IntervalChanged(Message):
    """It is looked more or less often than was said with the last look."""


@dataclass
class AnswerDelayed(Message):
    """The database has not answered a list for some seconds, or has just done so."""


@dataclass
class ListPollFailed(Message):
    """Times by the local clock; `retry_at` is None where nothing is tried until somebody asks for it."""

    store: "Store | None"
    error: StoreError
    since: datetime
    retry_at: datetime | None


@dataclass
class TotalsPolled(Message):
    """The numbers with the eyes of `store`. Times by the local clock."""

    store: "Store"
    totals: "Totals"
    fetched_at: datetime


@dataclass
class TotalsPollFailed(Message):
    store: "Store"
    error: StoreError


Request = Literal["project", "new_project", "undo", "all", "exact", "budgets", "archive", "clean_up"]
"""What a key of the screen asks for that needs the database."""

AppAction = Literal[
    "act_as",
    "visibility",
    "isolation",
    "timings",
    "workers",
    "database",
    "write_permit",
    "faster",
    "slower",
    "load",
]
"""What a key of the App starts."""


class QueryChanged(Message):
    """The screen asks for another list, or for other rows of it: see its `listing_query`."""


class ProjectChosen(Message):
    """The person chose a project, which is worth remembering."""


class WritePermitEnded(Message):
    """The time to write has run out."""


class ActionRequested(Message):
    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request


class JobActionRequested(Message):
    def __init__(self, action: JobAction, jobs: tuple[GenerationJob, ...]) -> None:
        """The jobs as the person saw them; none for "create"."""
        super().__init__()
        self.action = action
        self.jobs = jobs


class CopyRequested(Message):
    """Of these jobs, as they were seen."""

    def __init__(self, what: JobCopy, jobs: Sequence[GenerationJob]) -> None:
        super().__init__()
        self.what = what
        self.jobs = tuple(jobs)


class JobDetailsView(Protocol):
    """The details dialog, for what loads its contents."""

    job: GenerationJob

    @property
    def now(self) -> datetime:
        """The server's time, as it was told last."""

    def tell_names(self, names: "Names") -> None:
        """Who its owner is, and what its asset."""

    def tell_whole(self, job: GenerationJob | None) -> None:
        """The row itself, where the list has only the beginning of its error."""

    def tell_history(self, history: "JobHistory", *, note: str = "") -> None:
        """What happened to it up to now, and what must be known to read it rightly."""

    def tell_no_history(self, why: str) -> None:
        """Why that is not known; what was known stays."""


class DetailsOpened(Message):
    """They need the names of the job's owner and asset."""

    def __init__(self, details: JobDetailsView) -> None:
        super().__init__()
        self.details = details


class HistoryRequested(Message):
    """Of the job that these details show."""

    def __init__(self, details: JobDetailsView) -> None:
        super().__init__()
        self.details = details
