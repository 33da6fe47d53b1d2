"""One write, as the journal remembers it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from store.plain import PlainRow
from store.writing.written import WriteOutcome


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
