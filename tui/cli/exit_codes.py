"""Usage errors, and the exit code of each error."""

import re
from collections.abc import Mapping, Sequence
from enum import IntEnum

from gjobs.store.errors import (
    BadConfiguration,
    InvalidValue,
    NoPrivilege,
    OutcomeUnknown,
    ReadOnly,
    SchemaMissing,
    ServerFailure,
    SignInRefused,
    StoreError,
    TimedOut,
    UnexpectedError,
    Unreachable,
)
from gjobs.store.member_table import by_member


class CommandError(Exception):
    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(CommandError):
    """The command line is wrong, or the command can't run here."""


class Declined(CommandError):
    """The person answered no, or the request can't be carried out. Nothing was changed."""


class PartlyDeclined(Declined):
    """A part of the work, or all of it, could not be done. `problems` has a sentence for each case."""

    def __init__(self, problems: Sequence[str], *, hint: str | None = None) -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = tuple(problems)


class Interrupted(CommandError):
    """An interrupt ended the work after a part of it. The message says what was done."""


class OutputFailed(CommandError):
    """Standard output has a reader, but could not be written. Changes that the command made stay."""


class ExitCode(IntEnum):
    DONE = 0
    REFUSED = 1
    """Nothing was changed: not allowed in this state, no such row, or the person answered no."""
    USAGE = 2
    UNREACHABLE = 3
    """No answer, the sign-in was refused, or the server failed."""
    TIMED_OUT = 4
    SCHEMA = 5
    """A part of the schema that the command needs is missing or does not match."""
    NOT_PERMITTED = 6
    """A privilege is missing, or the session is read-only."""
    OUTCOME_UNKNOWN = 7
    FOUND = 8
    """A check finished and found a problem."""
    OUR_FAULT = 70
    OUTPUT_FAILED = 74
    """The output could not be written, for example because the disk is full."""
    INTERRUPTED = 130


MEANINGS: Mapping[ExitCode, str] = by_member(
    ExitCode,
    {
        ExitCode.DONE: "done",
        ExitCode.REFUSED: "refused, or nothing changed: a transition that is not allowed, no such job, no budget left",
        ExitCode.USAGE: "wrong usage: an unknown option, a bad value, or the dashboard without a terminal",
        ExitCode.UNREACHABLE: "no database: it is unreachable, refuses the sign-in, or its server fails",
        ExitCode.TIMED_OUT: "timed out",
        ExitCode.SCHEMA: "the schema is missing or does not match",
        ExitCode.NOT_PERMITTED: "not permitted: a privilege is missing, or the session is read-only",
        ExitCode.OUTCOME_UNKNOWN: "outcome unknown: the connection was lost before a change was confirmed",
        ExitCode.FOUND: "a check found a problem, or a condition of 'gjobs watch' is met",
        ExitCode.OUR_FAULT: "an error of gjobs itself; GJOBS_DEBUG=1 shows the traceback",
        ExitCode.OUTPUT_FAILED: "the output could not be written; a message shows whether the change was made",
        ExitCode.INTERRUPTED: "interrupted",
    },
)
"""Descriptions for the manual."""


def exit_code(error: BaseException) -> ExitCode:
    match error:
        case Declined():
            return ExitCode.REFUSED
        case UsageError() | InvalidValue() | BadConfiguration():
            return ExitCode.USAGE
        case Unreachable() | SignInRefused() | ServerFailure():
            return ExitCode.UNREACHABLE
        case TimedOut():
            return ExitCode.TIMED_OUT
        case SchemaMissing():
            return ExitCode.SCHEMA
        case NoPrivilege() | ReadOnly():
            return ExitCode.NOT_PERMITTED
        case OutcomeUnknown():
            return ExitCode.OUTCOME_UNKNOWN
        case UnexpectedError():
            return ExitCode.OUR_FAULT
        case StoreError():
            # All other errors that are raised on purpose say why nothing was done.
            return ExitCode.REFUSED
        case OutputFailed():
            return ExitCode.OUTPUT_FAILED
        case KeyboardInterrupt() | Interrupted():
            return ExitCode.INTERRUPTED
        case _:
            return ExitCode.OUR_FAULT


_INSIDE_NAME = re.compile(r"(?<=[a-z])(?=[A-Z])")


def error_kind(error: BaseException) -> str:
    """Return the name by which scripts distinguish errors: `row_missing` for RowMissing."""
    match error:
        case KeyboardInterrupt():
            return "interrupted"
        case StoreError() | CommandError():
            return _INSIDE_NAME.sub("_", type(error).__name__).lower()
        case _:
            return "internal_error"


class BadArgument(Exception):
    """An invalid value. The message says what is accepted, and is printed after the option's name."""


def not_empty(text: str) -> str:
    """Refuse an empty text. It usually comes from an unset shell variable, so using the default would be wrong."""
    if not text.strip():
        raise BadArgument("the value is empty")
    return text
