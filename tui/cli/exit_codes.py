"""Usage errors and the exit code of every error."""

import re
from collections.abc import Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType

from store.errors import (
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


class CommandError(Exception):
    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(CommandError):
    """What was typed, or where it was typed, does not serve."""


class Declined(CommandError):
    """The person said no, or nothing could be done: nothing was changed."""


class PartlyDeclined(Declined):
    """What could be done, if anything, was. `problems` are sentences, one for each thing that was not."""

    def __init__(self, problems: Sequence[str], *, hint: str | None = None) -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = tuple(problems)


class OutputFailed(CommandError):
    """Standard output takes no more, although somebody reads it. What the command did before stands."""


class ExitCode(IntEnum):
    DONE = 0
    REFUSED = 1
    """Nothing was changed: not allowed in this state, no such row, or the person said no."""
    USAGE = 2
    UNREACHABLE = 3
    """No answer, the sign-in was refused, or the server failed."""
    TIMED_OUT = 4
    SCHEMA = 5
    """Something that is needed is missing, or does not match."""
    NOT_PERMITTED = 6
    """A privilege is missing, or the session is read-only."""
    OUTCOME_UNKNOWN = 7
    FOUND = 8
    """A check ran to its end and found something that is wrong."""
    OUR_FAULT = 70
    OUTPUT_FAILED = 74
    """The output could not be written, as on a full disk."""
    INTERRUPTED = 130


MEANINGS: Mapping[ExitCode, str] = MappingProxyType(
    {
        ExitCode.DONE: "done",
        ExitCode.REFUSED: "refused, or nothing changed: a transition that is not allowed, no such job, no budget left",
        ExitCode.USAGE: "not understood: wrong usage, a bad value, or the dashboard without a terminal",
        ExitCode.UNREACHABLE: "no database: it cannot be reached, refuses the sign-in, or its server fails",
        ExitCode.TIMED_OUT: "timed out",
        ExitCode.SCHEMA: "the schema is missing or does not match",
        ExitCode.NOT_PERMITTED: "not permitted: a privilege is missing, or the session is read-only",
        ExitCode.OUTCOME_UNKNOWN: "outcome unknown: the connection was lost before a change was confirmed",
        ExitCode.FOUND: "a check found something, or a condition of 'gjobs watch' holds",
        ExitCode.OUR_FAULT: "an error of gjobs itself; GJOBS_DEBUG=1 shows where",
        ExitCode.OUTPUT_FAILED: "the output could not be written; a line says whether the change was made",
        ExitCode.INTERRUPTED: "interrupted",
    }
)
"""For people: the manual lists them."""


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
            # What else is raised on purpose says why nothing was done.
            return ExitCode.REFUSED
        case OutputFailed():
            return ExitCode.OUTPUT_FAILED
        case KeyboardInterrupt():
            return ExitCode.INTERRUPTED
        case _:
            return ExitCode.OUR_FAULT


_INSIDE_NAME = re.compile(r"(?<=[a-z])(?=[A-Z])")


def error_kind(error: BaseException) -> str:
    """What scripts tell errors apart by: `row_missing` of a RowMissing."""
    match error:
        case KeyboardInterrupt():
            return "interrupted"
        case StoreError() | CommandError():
            return _INSIDE_NAME.sub("_", type(error).__name__).lower()
        case _:
            return "internal_error"


class BadArgument(Exception):
    """Its words say what is accepted, and go on where the option's name ends."""


def not_empty(text: str) -> str:
    """An empty text mostly comes from a variable that is not set: it must not stand for the default."""
    if not text.strip():
        raise BadArgument("it is empty")
    return text
