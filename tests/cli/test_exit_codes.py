"""The exit code of each error."""

from uuid import UUID

import pytest

from migrations.connection import AnotherRun, MigrationRefused, SchemaDiffers
from migrations.status import RevisionHidden
from store import errors
from store.errors import EmbeddedUnavailable, ServerInUse, StoreError
from store.filters.job_filter import FilterError
from tui.cli.exit_codes import Declined, ExitCode, UsageError, exit_code

CODES: dict[type[BaseException], ExitCode] = {
    errors.TransitionRefused: ExitCode.REFUSED,
    errors.RowMissing: ExitCode.REFUSED,
    errors.Conflict: ExitCode.REFUSED,
    errors.BudgetExceeded: ExitCode.REFUSED,
    ServerInUse: ExitCode.REFUSED,
    MigrationRefused: ExitCode.REFUSED,
    Declined: ExitCode.REFUSED,
    errors.InvalidValue: ExitCode.USAGE,
    FilterError: ExitCode.USAGE,
    errors.BadConfiguration: ExitCode.USAGE,
    UsageError: ExitCode.USAGE,
    errors.Unreachable: ExitCode.UNREACHABLE,
    EmbeddedUnavailable: ExitCode.UNREACHABLE,
    errors.SignInRefused: ExitCode.UNREACHABLE,
    errors.TimedOut: ExitCode.TIMED_OUT,
    errors.Locked: ExitCode.TIMED_OUT,
    AnotherRun: ExitCode.TIMED_OUT,
    errors.SchemaMissing: ExitCode.SCHEMA,
    SchemaDiffers: ExitCode.SCHEMA,
    errors.NoPrivilege: ExitCode.NOT_PERMITTED,
    RevisionHidden: ExitCode.NOT_PERMITTED,
    errors.ReadOnly: ExitCode.NOT_PERMITTED,
    errors.OutcomeUnknown: ExitCode.OUTCOME_UNKNOWN,
    errors.JournalUnavailable: ExitCode.REFUSED,
    errors.UnexpectedError: ExitCode.OUR_FAULT,
    KeyboardInterrupt: ExitCode.INTERRUPTED,
    KeyError: ExitCode.OUR_FAULT,
}


def made(kind: type[BaseException]) -> BaseException:
    """The class is all that counts."""
    return kind.__new__(kind)


@pytest.mark.parametrize(("kind", "code"), CODES.items(), ids=lambda value: getattr(value, "__name__", str(value)))
def test_each_error_class_has_its_exit_code(kind: type[BaseException], code: ExitCode) -> None:
    assert exit_code(made(kind)) is code


def descendants(kind: type[BaseException]) -> set[type[BaseException]]:
    children = set(kind.__subclasses__())
    return children.union(*map(descendants, children))


def test_every_store_error_class_is_covered_by_this_table() -> None:
    ours = {kind for kind in descendants(StoreError) if not kind.__module__.startswith("tests")}
    assert ours <= set(CODES)


def test_exit_codes_have_their_documented_numbers() -> None:
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 70, 130]


def test_error_instance_has_the_exit_code_of_its_class() -> None:
    assert exit_code(errors.RowMissing("gone", (UUID(int=1),))) == 1
