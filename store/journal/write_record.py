"""Records of writes, their outcomes, and journal entries."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from gjobs.store.budgets.budget import Budget
from gjobs.store.jobs.job import GenerationJob, Project
from gjobs.store.values.data_classes import dataclass
from gjobs.store.values.formats import PlainRow

WrittenRow = GenerationJob | Project | Budget


class WriteOutcome(StrEnum):
    DONE = "done"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"
    """Sent, but never confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRecord:
    what: str
    """A command in words: "transition job to failed"."""
    before: tuple[WrittenRow, ...] = ()
    """The whole rows before the write; empty if it creates them."""
    after: tuple[WrittenRow, ...] = ()
    """The whole rows after the write; empty if it deletes them."""
    touched: tuple[UUID, ...] = ()
    """The ids of the rows, instead of whole rows, for clean-ups: they have many rows, which must not be kept."""
    touches_jobs: bool = True
    """Whether the rows of `touched` are jobs. Otherwise they are retention policies."""
    repeats: tuple[UUID, ...] = ()
    """The ids of the failed jobs that a retry repeats. `after` has the new jobs."""

    @property
    def ids(self) -> tuple[UUID, ...]:
        return self.touched or tuple(row.id for row in self.after or self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnconfirmedWrite:
    """A write that was sent but not confirmed."""

    written: WriteRecord
    entry: "JournalEntry | None" = None
    """Its entry in the journal. None without a journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedWrite:
    outcome: WriteOutcome
    """Unknown if the database no longer knows the transaction."""
    jobs: tuple[GenerationJob, ...]
    """Those jobs of the write that still exist, in their current state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    id: UUID
    at: datetime
    """When the commit was about to be sent, by this machine's clock."""
    database: str
    """The name of the database on screen."""
    actor: str
    """As `--as` accepts it: an e-mail address, an id or "operator"."""
    actor_id: UUID | None
    """None for the operator."""
    reason: str | None
    """The reason of the write permit; None if none was needed."""
    what: str
    ids: tuple[UUID, ...]
    before: tuple[PlainRow, ...]
    after: tuple[PlainRow, ...]
    transaction_id: int | None
    """The transaction, for `select txid_status(…)`, which returns whether it was committed.

    None for a migration, which consists of several transactions.
    """
    outcome: WriteOutcome = WriteOutcome.UNKNOWN
