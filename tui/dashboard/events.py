"""Events from poller, screen and dialogs to the app."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from textual.message import Message

from gjobs.store.errors import StoreError

if TYPE_CHECKING:
    from gjobs.store.job_list.list_query import Listing
    from gjobs.store.poller import PollResult
    from gjobs.store.statistics.statistics import Totals
    from gjobs.store.store import Store


@dataclass
class Connecting(Message):
    """The progress of connecting has changed."""

    sentence: str


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
