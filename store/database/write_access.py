"""Whether a session may write: open, by permit, closed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from store.errors import ReadOnly
from store.formats import utc_now


class WriteMode(Enum):
    OPEN = auto()
    """May write."""
    PERMIT_REQUIRED = auto()
    """Read-only, but for as long as somebody has opened a lease and given a reason."""
    CLOSED = auto()
    """Read-only, and nothing opens it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePermit:
    reason: str
    opened_at: datetime
    ends_at: datetime
    """From here on it has run out."""


class WriteAccess:
    def __init__(self, rule: WriteMode = WriteMode.OPEN, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.rule = rule
        self.opened_by = "Give --write REASON."
        """What a person does to write where that takes a lease."""
        self._closed_by: tuple[str, str | None] | None = None
        self._clock = clock
        self._lease: WritePermit | None = None

    @property
    def permit(self) -> WritePermit | None:
        """None where none is open, or the last one has run out."""
        if self._lease is not None and self._clock() >= self._lease.ends_at:
            self._lease = None
        return self._lease

    @property
    def may_write(self) -> bool:
        match self.rule:
            case WriteMode.OPEN:
                return True
            case WriteMode.PERMIT_REQUIRED:
                return self.permit is not None
            case WriteMode.CLOSED:
                return False

    def open_permit(self, reason: str, seconds: float) -> WritePermit:
        """In place of the present one. Raises ReadOnly where nothing opens the session."""
        if self.rule is WriteMode.CLOSED:
            raise self.refusal()
        now = self._clock()
        self._lease = WritePermit(reason=reason, opened_at=now, ends_at=now + timedelta(seconds=seconds))
        return self._lease

    def close_permit(self) -> None:
        self._lease = None

    def close(self, reason: str, *, hint: str | None) -> None:
        """For good, where the database itself takes no writes from anybody."""
        self.rule = WriteMode.CLOSED
        self._lease = None
        self._closed_by = (reason, hint)

    def refusal(self, *, sqlstate: str | None = None) -> ReadOnly:
        """What to raise where something would have been written, with what opens this session, if anything does."""
        if self._closed_by is not None:
            reason, hint = self._closed_by
            return ReadOnly(reason, hint=hint, sqlstate=sqlstate)
        hint = None
        if self.rule is WriteMode.PERMIT_REQUIRED:
            hint = self.opened_by
        return ReadOnly("This session is read-only: nothing was changed.", hint=hint, sqlstate=sqlstate)
