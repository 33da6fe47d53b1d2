"""Messages of poller, screen and dialogs to the App."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from textual.message import Message

from store.errors import StoreError
from store.jobs.job import GenerationJob

if TYPE_CHECKING:
    from store.job_list.listing import Listing
    from store.statistics.totals import Totals
    from store.store import Store
    from tui.dashboard.job_details import JobDetails
    from tui.session import Session


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


JobAction = Literal["start", "complete", "fail", "delete", "retry", "create"]


class CopyJsonRequested(Message):
    """Of these jobs, as they were seen."""

    def __init__(self, jobs: Sequence[GenerationJob]) -> None:
        super().__init__()
        self.jobs = tuple(jobs)


class HistoryRequested(Message):
    """Of the job that these details show."""

    def __init__(self, details: "JobDetails") -> None:
        super().__init__()
        self.details = details
