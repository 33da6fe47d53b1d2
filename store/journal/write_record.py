"""WriteRecord, its outcome, unconfirmed writes, journal entry."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from store.budgets.budget import Budget
from store.formats import PlainRow
from store.jobs.job import GenerationJob
from store.projects.project import Project

WrittenRow = GenerationJob | Project | Budget


class WriteOutcome(StrEnum):
    DONE = "done"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"
    """Sent, and never confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRecord:
    what: str
    """In words, as an order: "transition job to failed"."""
    before: tuple[WrittenRow, ...] = ()
    """The whole rows as they were; empty where they are made."""
    after: tuple[WrittenRow, ...] = ()
    """The whole rows as they become; empty where they are deleted."""
    touched: tuple[UUID, ...] = ()
    """In place of the rows, where they are many and nobody is to keep what a clean-up takes away."""

    @property
    def ids(self) -> tuple[UUID, ...]:
        return self.touched or tuple(row.id for row in self.after or self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRef:
    """Where the journal has an entry."""

    entry: UUID
    day: date
    """Whose file holds it."""
    transaction_id: int | None
    """The database's own number of the transaction, by which it knows whether it was committed. None where
    it is several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnconfirmedWrite:
    """A write that was sent and not confirmed."""

    written: WriteRecord
    journal_ref: JournalRef | None
    """None without a journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedWrite:
    outcome: WriteOutcome
    """Unknown where the database has forgotten."""
    jobs: tuple[GenerationJob, ...]
    """Those of the write that are there now, as they are now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    id: UUID
    at: datetime
    """When it was about to be committed, by this machine's clock."""
    database: str
    """As the screen names it."""
    actor: str
    """As `--as` takes it: an e-mail, an id or "operator"."""
    actor_id: UUID | None
    """None for the operator."""
    reason: str | None
    """That of the write lease; None where none was needed."""
    what: str
    ids: tuple[UUID, ...]
    before: tuple[PlainRow, ...]
    after: tuple[PlainRow, ...]
    transaction_id: int | None
    """By which the database itself knows whether it was committed: `select txid_status(…)`. None for a migration, which
    is several."""
    outcome: WriteOutcome
