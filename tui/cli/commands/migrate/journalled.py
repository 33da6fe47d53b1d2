"""A migration between the two lines of its entry in the journal."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from store.actor import OPERATOR
from store.errors import StoreError, Unreachable
from store.settings import Settings, journal_path
from store.writing.written import WriteOutcome, Written

if TYPE_CHECKING:
    from store.journal import Journal
    from store.writing.written import JournalMark
    from tui.cli.commands.migrate.chosen import Database

NO_REVISION = "base"
"""Where no migration has run."""


@contextmanager
def journalled(settings: Settings, database: "Database", *, start: str | None, end: str | None) -> Iterator[None]:
    """From one revision to another; None is below the first. Raises JournalUnavailable before anything runs.

    What stops between them is two entries: what was not done, and what was.
    """
    from store.journal import Journal

    journal = Journal(journal_path(settings), database=database.label)
    mark = _begin(journal, settings, start, end)
    try:
        yield
    except BaseException:
        # Where the database does not say how far it came, the outcome stays unknown.
        with suppress(StoreError):
            _end_half_way(journal, mark, settings, database, start=start, end=end)
        raise
    journal.end(mark, WriteOutcome.DONE)


@contextmanager
def journalled_recount(settings: Settings, database: "Database") -> Iterator[None]:
    """One transaction. Where the connection is lost nobody knows whether it was committed."""
    from store.journal import Journal

    journal = Journal(journal_path(settings), database=database.label)
    written = Written(what="count the sums of the jobs anew")
    mark = journal.begin(written, actor=OPERATOR, reason=settings.write_reason, transaction_id=None)
    try:
        yield
    except StoreError as error:
        if not isinstance(error, Unreachable):
            journal.end(mark, WriteOutcome.NOT_DONE)
        raise
    journal.end(mark, WriteOutcome.DONE)


def _begin(journal: "Journal", settings: Settings, start: str | None, end: str | None) -> "JournalMark":
    what = f"migrate from {start or NO_REVISION} to {end or NO_REVISION}"
    return journal.begin(Written(what=what), actor=OPERATOR, reason=settings.write_reason, transaction_id=None)


def _end_half_way(
    journal: "Journal",
    mark: "JournalMark",
    settings: Settings,
    database: "Database",
    *,
    start: str | None,
    end: str | None,
) -> None:
    from migrations import runner

    reached = runner.status(database.conninfo).current
    journal.end(mark, WriteOutcome.DONE if reached == end else WriteOutcome.NOT_DONE)
    if reached not in (start, end):
        journal.end(_begin(journal, settings, start, reached), WriteOutcome.DONE)
