"""StoreError and its kinds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from store.budgets.budget import Refusal
    from store.jobs.job import AnyStatus, JobStatus
    from store.journal.write_record import UnconfirmedWrite


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

    def __init__(self, job_id: UUID, current: "AnyStatus", allowed: "tuple[JobStatus, ...]", message: str) -> None:
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

    def __init__(self, message: str, write: "UnconfirmedWrite") -> None:
        written = write.written
        which = f"{written.what} {written.ids[0]}" if len(written.ids) == 1 else written.what
        super().__init__(message, hint=f"It was to {which}. Look it up before repeating anything; the journal has all.")
        self.write = write


class JournalUnavailable(StoreError):
    hint = "Writes are kept there so that they can be told and undone: make it a directory of your own with room."


class UnexpectedError(StoreError):
    hint = "Set GJOBS_DEBUG=1 for the details."


class ServerFailure(UnexpectedError):
    """The server has no room or memory left, cannot read its files, or has an internal fault. Nothing was changed."""

    hint = "See the server's log: it may lack disk space or memory. Then try again."


class EmbeddedUnavailable(Unreachable):
    """The embedded server cannot run here, or did not start."""

    hint = "Set GJOBS_DATA_DIR to another directory, or give --database-url to use another database."


class ServerInUse(StoreError):
    """Others use the server, so what was asked for was not done. `users` is how many."""

    hint = "Close the other dashboards, commands and connections, then try again."

    def __init__(self, message: str, users: int) -> None:
        super().__init__(message)
        self.users = users
