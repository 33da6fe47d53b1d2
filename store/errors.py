"""What can go wrong with a database, each a class of its own.

StoreError
├── Unreachable          no answer from the address
├── SignInRefused        password, role or database refused; trying again changes nothing
├── TimedOut             the statement's time limit passed
│   └── Locked           another transaction kept the row
├── NoPrivilege          the role may not do this
├── ReadOnly             the session, or the server, takes no writes
├── SchemaMissing        a table, column or function that is needed is not there
├── Conflict             another transaction won, or a row or a rule stands in the way: nothing was changed
├── BudgetExceeded       a budget has no room for what a job costs: nothing was changed; names limit, spent and asked
├── InvalidValue         a value was not accepted; names the field
├── BadConfiguration     the configuration file cannot be used; names the file and each key
├── TransitionRefused    the job's status does not permit it; names what it permits
├── RowMissing           no such row, or none that this actor sees
├── OutcomeUnknown       the link broke after a write was sent and before it was confirmed; says how to look it up
├── JournalUnavailable   the journal of writes cannot be kept, so that nothing was written; or it cannot be read
└── UnexpectedError      the server's answer is none of the above

Each message is a sentence for people. `hint` says what to do about it, or is None.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from store.budgets.model import Refusal
    from store.model import JobStatus
    from store.writing.written import Unconfirmed


class StoreError(Exception):
    """Anything that the store raises on purpose. `sqlstate` is Postgres' five characters, where it answered."""

    hint: str | None = None

    def __init__(self, message: str, *, hint: str | None = None, sqlstate: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint
        self.sqlstate = sqlstate

    @property
    def message(self) -> str:
        return str(self)


class Unreachable(StoreError):
    hint = "Check the address, the network and that the server is up."


class SignInRefused(StoreError):
    hint = "Check the user, the password and the database's name."


class TimedOut(StoreError):
    hint = "Try again, or narrow what is asked for."


class Locked(TimedOut):
    hint = "Try again in a moment."


class NoPrivilege(StoreError):
    hint = "Ask the database's owner for the privilege, or connect as another role."


class ReadOnly(StoreError):
    hint = "Connect without --read-only, to the primary server, or as a login that may write."


class SchemaMissing(StoreError):
    hint = "Run 'gjobs migrate status' to see what this database has."


class Conflict(StoreError):
    hint = "Try again."


class BudgetExceeded(StoreError):
    """`refusal` tells limit, spent and asked; `name` is the project's or the user's, None where it is not known."""

    def __init__(self, message: str, refusal: "Refusal", name: str | None, *, hint: str, sqlstate: str) -> None:
        super().__init__(message, hint=hint, sqlstate=sqlstate)
        self.refusal = refusal
        self.name = name


class InvalidValue(StoreError):
    """`field` is the column's name."""

    def __init__(self, field: str, message: str, *, hint: str | None = None, sqlstate: str | None = None) -> None:
        super().__init__(message, hint=hint, sqlstate=sqlstate)
        self.field = field


class BadConfiguration(StoreError):
    """`problems` are sentences, one for each thing that is wrong."""

    hint = "Mend the file, or name another with --config."

    def __init__(self, problems: Sequence[str], *, hint: str | None = None) -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = tuple(problems)


class TransitionRefused(StoreError):
    """`current` is the status found, `allowed` what it may become, in the workflow's order."""

    def __init__(self, job_id: UUID, current: "JobStatus", allowed: "tuple[JobStatus, ...]", message: str) -> None:
        super().__init__(message)
        self.job_id = job_id
        self.current = current
        self.allowed = allowed


class RowMissing(StoreError):
    """`ids` are those that were not found; hidden and gone look alike to a user under row level security."""

    def __init__(self, message: str, ids: tuple[UUID, ...] = (), *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.ids = ids


class OutcomeUnknown(StoreError):
    """`write` is what was sent; `Store.look_up` tells what became of it."""

    def __init__(self, message: str, write: "Unconfirmed") -> None:
        written = write.written
        which = f"{written.what} {written.ids[0]}" if len(written.ids) == 1 else written.what
        super().__init__(message, hint=f"It was to {which}. Look it up before repeating anything; the journal has all.")
        self.write = write


class JournalUnavailable(StoreError):
    hint = "Writes are kept there so that they can be told and undone: make it a directory of your own with room."


class UnexpectedError(StoreError):
    hint = "Set GJOBS_DEBUG=1 for the details."
