"""What the job table says; `JobTable` offers each under its own name, such as `JobTable.Opened`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from textual.message import Message

from store.listing.query import End, OrderColumn
from store.model import GenerationJob
from tui.words.position import Position

if TYPE_CHECKING:
    from tui.widgets.job_table import JobTable


@dataclass
class JobTableMessage(Message):
    job_table: "JobTable"

    @property
    def control(self) -> "JobTable":
        return self.job_table


@dataclass
class CursorMoved(JobTableMessage, namespace="job_table"):
    """The cursor is on another job, or on none."""

    job: GenerationJob | None


@dataclass
class CursorLost(JobTableMessage, namespace="job_table"):
    """The job under the cursor is no more where it was; a `CursorMoved` to None follows."""

    job_id: UUID
    has_left: bool
    """Whether it is in the list no more. Where jobs change places, one that is out of sight may be there."""


@dataclass
class Opened(JobTableMessage, namespace="job_table"):
    """The details of a job are wanted."""

    job_id: UUID


@dataclass
class MarksChanged(JobTableMessage, namespace="job_table"):
    marked: frozenset[UUID]
    dropped: int
    """How many marks went because their jobs left the list."""


@dataclass
class NewAbove(JobTableMessage, namespace="job_table"):
    """Another number of new jobs waits above the first row in sight."""

    count: int


@dataclass
class SortRequested(JobTableMessage, namespace="job_table"):
    """A title was clicked."""

    column: OrderColumn


@dataclass
class AllMarked(JobTableMessage, namespace="job_table"):
    """All jobs of a list are to be marked that is longer than the rows at hand; nothing was."""


@dataclass
class PositionChanged(JobTableMessage, namespace="job_table"):
    """The cursor, or where it is out of sight the view, is elsewhere in the list; or the list's length is another."""

    position: Position | None


@dataclass
class WindowWanted(JobTableMessage, namespace="job_table"):
    """Other rows of the list are wanted in place of those at hand: an answer to an earlier wish is not, any more."""

    anchor: GenerationJob | End
    """The row around which they are, or the end of the list at which."""
    before: int
    after: int
    """From the anchor's row on."""
