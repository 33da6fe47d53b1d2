"""What a watch tells. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from store.errors import InvalidValue
from store.model import JobStatus


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place between two recorded transitions: those before it have been told, those after it have not."""

    transaction_id: int
    event_id: int

    def __str__(self) -> str:
        return f"{self.transaction_id},{self.event_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises InvalidValue."""
        transaction_id, _, event_id = text.strip().partition(",")
        if not (_is_number(transaction_id) and _is_number(event_id)):
            raise InvalidValue(
                "cursor", f"{text!r} is no place in a watch.", hint="It is what the JSON of a watch has as cursor."
            )
        return cls(int(transaction_id), int(event_id))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A job came to be, changed its status, or was deleted."""

    job_id: UUID
    from_status: JobStatus | None
    """None where it came to be."""
    to_status: JobStatus | None
    """None where it was deleted."""
    at: datetime
    """When it happened; of an observed one, when that was seen."""
    mode: str
    cost_cents: int
    """Afterwards."""
    error: str | None
    user_id: UUID | None
    """None of a user who is deleted."""
    project_id: UUID
    cursor: Cursor | None
    """Right after it; None where it was observed."""

    @property
    def key(self) -> str:
        """The same whenever it is told, and of no other one."""
        if self.cursor is not None:
            return f"{self.job_id}-{self.cursor.event_id}"
        return f"{self.job_id}-{self.to_status or 'deleted'}-{self.at.timestamp():.6f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """A transaction that is still open: it may have something to tell that comes before what is committed since."""

    process_id: int | None
    """None where it cannot be seen, or is a prepared transaction."""
    application: str | None
    since: datetime | None
    """When it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What happened since the last one, in order."""

    transitions: tuple[Transition, ...]
    has_more: bool = False
    """There is more to be read at once."""
    held_back: HeldBack | None = None
    """What keeps back what has been recorded since; None where nothing does for long."""
    cursor: Cursor | None = None
    """Behind it, from where another watch can go on; None where nothing is recorded."""
