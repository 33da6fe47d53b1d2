"""Whether a session may write: always, with a permit, or never."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from gjobs.store.errors import ReadOnly
from gjobs.store.formats import utc_now


class WriteMode(Enum):
    OPEN = auto()
    """May write."""
    PERMIT_REQUIRED = auto()
    """Read-only, except while a write permit with a reason is open."""
    CLOSED = auto()
    """Read-only, and nothing opens it for writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePermit:
    """Allows writes to a read-only database for some minutes."""

    reason: str
    opened_at: datetime
    ends_at: datetime
    """The permit is invalid from this moment on."""


class WriteAccess:
    def __init__(self, rule: WriteMode = WriteMode.OPEN, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.rule = rule
        self.opened_by = "Give --write REASON."
        """How to open a write permit, shown to the user."""
        self._closed_by: tuple[str, str | None] | None = None
        self._suspended_by: tuple[str, str | None] | None = None
        self._refused_by: tuple[str, str | None] | None = None
        self._clock = clock
        self._lease: WritePermit | None = None

    @property
    def permit(self) -> WritePermit | None:
        """The open permit; None if there is none or it has run out."""
        if self._lease is not None and self._clock() >= self._lease.ends_at:
            self._lease = None
        return self._lease

    @property
    def may_write(self) -> bool:
        if self._suspended_by is not None or self._refused_by is not None:
            return False
        match self.rule:
            case WriteMode.OPEN:
                return True
            case WriteMode.PERMIT_REQUIRED:
                return self.permit is not None
            case WriteMode.CLOSED:
                return False

    def open_permit(self, reason: str, seconds: float) -> WritePermit:
        """Open a permit and replace the current one. Raises ReadOnly if the session can't be opened."""
        if self.is_closed:
            raise self.refusal()
        now = self._clock()
        self._lease = WritePermit(reason=reason, opened_at=now, ends_at=now + timedelta(seconds=seconds))
        return self._lease

    def close_permit(self) -> None:
        self._lease = None

    @property
    def is_closed(self) -> bool:
        """Whether gjobs refuses writes now, even with a permit."""
        return self.rule is WriteMode.CLOSED or self._suspended_by is not None or self._refused_by is not None

    def suspend(self, reason: str, *, hint: str | None) -> None:
        """Refuse all writes until `resume`. Writes that are running end as usual."""
        self._suspended_by = (reason, hint)

    def resume(self) -> None:
        self._suspended_by = None

    def follow_database(self, refusal: tuple[str, str | None] | None) -> None:
        """Refuse all writes with this reason and hint. None means that the database accepts writes."""
        self._refused_by = refusal

    def close(self, reason: str, *, hint: str | None) -> None:
        """Close the session for good."""
        self.rule = WriteMode.CLOSED
        self._lease = None
        self._closed_by = (reason, hint)

    def refusal(self, *, sqlstate: str | None = None) -> ReadOnly:
        """Return the error for a refused write. Its hint says how to open this session, if possible."""
        if (why := self._suspended_by or self._closed_by or self._refused_by) is not None:
            reason, hint = why
            return ReadOnly(reason, hint=hint, sqlstate=sqlstate)
        hint = None
        if self.rule is WriteMode.PERMIT_REQUIRED:
            hint = self.opened_by
        return ReadOnly("This session is read-only: nothing was changed.", hint=hint, sqlstate=sqlstate)
