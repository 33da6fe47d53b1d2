"""What the connection tells the dashboard."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from textual.message import Message

from store.errors import StoreError

if TYPE_CHECKING:
    from store.listing.model import Listing
    from store.numbers.model import Numbers
    from store.store import Store
    from tui.session import Session


@dataclass
class Connecting(Message):
    """Something else is being done before there is anything to see."""


@dataclass
class Connected(Message):
    session: "Session"


@dataclass
class Looked(Message):
    """A look at the jobs with the eyes of `store`. Times by the local clock."""

    store: "Store"
    listing: "Listing"
    fetched_at: datetime
    is_changed: bool
    """Whether it differs from the one before: if not, only ages have to be drawn."""


@dataclass
class PaceChanged(Message):
    """It is looked more or less often than was said with the last look."""


@dataclass
class LookFailed(Message):
    """Times by the local clock; `retry_at` is None where nothing is tried until somebody asks for it."""

    store: "Store | None"
    error: StoreError
    since: datetime
    retry_at: datetime | None


@dataclass
class Counted(Message):
    """The numbers with the eyes of `store`. Times by the local clock."""

    store: "Store"
    numbers: "Numbers"
    fetched_at: datetime


@dataclass
class CountFailed(Message):
    store: "Store"
    error: StoreError
