"""StoreError and its kinds, and the commands in their advice."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from datetime import datetime

    from gjobs.store.budgets.budget import Refusal
    from gjobs.store.jobs.job import AnyStatus, JobStatus
    from gjobs.store.journal.write_record import UnconfirmedWrite


_WRITING = (
    "migrate up",
    "migrate columns",
    "migrate remove",
    "migrate repair-rollups",
    "fold",
    "budgets set",
    "archive restore",
    "cleanup policies apply",
    "projects create",
    "worker ",
)
"""The first words of commands that write. A database may require a reason for them."""

COMMAND = re.compile(r"'gjobs ([^']+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseInUse:
    variables: str
    """What stands before `gjobs`, such as `NAME="$OTHER" `. Usually empty."""
    options: Callable[[], str]
    """Returns the options that choose it. They never hold a password. Empty if no options are needed."""
    needs_reason: bool
    """Whether a command that writes needs a reason."""


_in_use: list[DatabaseInUse] = []
"""The database in use, or the one that could not be opened. A process uses one at a time."""


def name_database(database: DatabaseInUse | None) -> None:
    """Make advice name the database until the next call."""
    _in_use[:] = [] if database is None else [database]


def database_options() -> str:
    """Return the options that choose the database in use. Empty without one."""
    return _in_use[0].options() if _in_use else ""


def command(words: str) -> str:
    """Return a command in quotes, such as `'gjobs doctor --profile production'`. `words` follow `gjobs`."""
    parts = [words, database_options()]
    if _in_use and _in_use[0].needs_reason and words.startswith(_WRITING):
        parts.append("--write REASON")
    variables = _in_use[0].variables if _in_use else ""
    return f"'{variables}gjobs {' '.join(filter(None, parts))}'"


def complete_commands(sentences: str) -> str:
    """Add the options to the commands in sentences that the database wrote."""
    return COMMAND.sub(lambda found: command(found[1]), sentences)


class StoreError(Exception):
    """Base of the errors that the store raises on purpose. `sqlstate` is Postgres' code, if the server answered."""

    hint: str | None = None
    changed_nothing = False
    """Whether the error ended a write before its commit. Its message does not always say that nothing was changed."""

    def __init__(self, message: str, *, hint: str | None = None, sqlstate: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint
        self.sqlstate = sqlstate

    @property
    def message(self) -> str:
        return str(self)


class Unreachable(StoreError):
    hint = "Check the address and the network, and that the server is running."


class SignInRefused(StoreError):
    hint = "Check the user, the password and the database name."


class TimedOut(StoreError):
    hint = "Try again, or narrow the query."


class Locked(TimedOut):
    hint = "Try again in a moment."


class NoPrivilege(StoreError):
    hint = "Ask the database's owner for the privilege, or connect as another role."


class ReadOnly(StoreError):
    hint = "Connect to the primary server, as a role that may write."


class SchemaMissing(StoreError):
    def __init__(self, message: str, *, hint: str | None = None, sqlstate: str | None = None) -> None:
        advice = f"Run {command('migrate status')} to see what this database has."
        super().__init__(message, hint=hint or advice, sqlstate=sqlstate)


class Conflict(StoreError):
    hint = "Try again."


class BudgetExceeded(StoreError):
    """A budget has no room. `refusal` has the limit and the amounts; `name` is the project's or user's, if known."""

    def __init__(self, message: str, refusal: "Refusal", name: str | None, *, hint: str, sqlstate: str) -> None:
        super().__init__(message, hint=hint, sqlstate=sqlstate)
        self.refusal = refusal
        self.name = name


class InvalidValue(StoreError):
    """`field` is the column's name."""

    def __init__(self, field: str, message: str, *, hint: str | None = None, sqlstate: str | None = None) -> None:
        super().__init__(message, hint=hint, sqlstate=sqlstate)
        self.field = field


class BeforeLog(InvalidValue):
    """The log does not reach back to the moment."""

    def __init__(self, message: str, log_begins_at: "datetime") -> None:
        super().__init__("at", message, hint="Use a later time.")
        self.log_begins_at = log_begins_at


class BadConfiguration(StoreError):
    """`problems` has one sentence for each problem."""

    hint = "Fix the file, or use another one with --config."

    def __init__(self, problems: Sequence[str], *, hint: str | None = None) -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = tuple(problems)


class TransitionRefused(StoreError):
    """`current` is the status found; `allowed` are the statuses it may change to, in workflow order."""

    def __init__(self, job_id: UUID, current: "AnyStatus", allowed: "tuple[JobStatus, ...]", message: str) -> None:
        super().__init__(message)
        self.job_id = job_id
        self.current = current
        self.allowed = allowed


class RowMissing(StoreError):
    """`ids` were not found. Under row level security, hidden rows and missing rows look the same to a user."""

    def __init__(self, message: str, ids: tuple[UUID, ...] = (), *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.ids = ids


MAY_BE_MADE = ": it may or may not have been made."
"""The end of the message of an OutcomeUnknown, until the outcome is looked up."""


class OutcomeUnknown(StoreError):
    """`write` is the write that was sent. `Store.resolve_write` finds its outcome."""

    def __init__(
        self,
        message: str,
        write: "UnconfirmedWrite",
        *,
        advice: str = "Check its outcome in the journal before you repeat it.",
    ) -> None:
        written = write.written
        which = f"{written.what} {written.ids[0]}" if len(written.ids) == 1 else written.what
        super().__init__(message, hint=f"The command was: {which}. {advice}")
        self.write = write


class JournalUnavailable(StoreError):
    hint = "gjobs records writes there so that you can undo them. Use a directory that you own, with free space."


class UnexpectedError(StoreError):
    hint = "Set GJOBS_DEBUG=1 for the details."


class ServerFailure(UnexpectedError):
    """The server has no disk space or memory, can't read its files, or has an internal fault. Nothing was changed."""

    hint = "Check the server's log for missing disk space or memory. Then try again."


class EmbeddedUnavailable(Unreachable):
    """The embedded server can't run here, or did not start."""

    hint = "Set GJOBS_DATA_DIR to another directory, or use another database with --database-url."


class ServerInUse(StoreError):
    """The command was not run because others use the server."""

    hint = "Close the other dashboards, commands and connections, then try again."
