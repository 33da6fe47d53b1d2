"""Writes the journal: a line before each commit, and another when its end is known."""

import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from store.actor import ActingUser, Actor
from store.clock import utc_now
from store.errors import JournalUnavailable
from store.journal.directory import JournalDirectory
from store.journal.entry import JournalEntry
from store.journal.lines import Ending, beginning_line, ending_line
from store.plain import plain_row
from store.writing.written import JournalMark, WriteOutcome, Written

log = logging.getLogger(__name__)

KEPT_DAYS = 30


class Journal:
    """Of one session's writes to one database. `tidy` is for its beginning."""

    def __init__(self, path: Path, *, database: str, clock: Callable[[], datetime] = utc_now) -> None:
        self._directory = JournalDirectory(path)
        self._database = database
        self._clock = clock

    def begin(self, written: Written, *, actor: Actor, reason: str | None, transaction_id: int | None) -> JournalMark:
        """To be called before the commit is sent. Raises JournalUnavailable: then nothing may be committed."""
        now = self._clock().astimezone(UTC)
        user = actor if isinstance(actor, ActingUser) else None
        entry = JournalEntry(
            id=uuid.uuid4(),
            at=now,
            database=self._database,
            actor=(user.email or str(user.id)) if user else "operator",
            actor_id=user.id if user else None,
            reason=reason,
            what=written.what,
            ids=written.ids,
            before=tuple(map(plain_row, written.before)),
            after=tuple(map(plain_row, written.after)),
            transaction_id=transaction_id,
            outcome=WriteOutcome.UNKNOWN,
        )
        mark = JournalMark(entry=entry.id, day=now.date(), transaction_id=transaction_id)
        try:
            self._directory.append(mark.day, beginning_line(entry), durably=True)
        except OSError as error:
            raise JournalUnavailable(
                f"Nothing was changed: the journal in {self._directory.path} cannot be written: {error.strerror}."
            ) from error
        return mark

    def end(self, mark: JournalMark, outcome: WriteOutcome) -> None:
        """Never fails: what the database did stands, and an entry without its end reads as unknown."""
        line = ending_line(Ending(entry=mark.entry, outcome=outcome), at=self._clock())
        try:
            self._directory.append(mark.day, line, durably=False)
        except OSError as error:
            log.warning("The journal in %s lacks an outcome: %s", self._directory.path, error.strerror)

    def tidy(self) -> None:
        """Removes what is older than KEPT_DAYS, whether anything is written or not. Never fails."""
        try:
            self._directory.remove_before(self._clock().astimezone(UTC).date() - timedelta(days=KEPT_DAYS))
        except FileNotFoundError:
            return  # Nothing was ever written.
        except OSError as error:
            log.info("Old files of the journal in %s cannot be removed: %s", self._directory.path, error.strerror)
