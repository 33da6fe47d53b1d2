"""The database to migrate, and the journal entries of a migration."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from gjobs.store.configuration.settings import EmbeddedTarget, Settings, UrlTarget, journal_path
from gjobs.store.errors import StoreError, Unreachable
from gjobs.store.journal.write_record import WriteOutcome, WriteRecord
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.cli.output import print_message

if TYPE_CHECKING:
    from gjobs.store.journal.journal import Journal
    from gjobs.store.journal.write_record import JournalRef


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationTarget:
    conninfo: Mapping[str, str | int]
    label: str
    is_ours: bool
    """Whether it is the embedded database, which every command migrates automatically."""
    alone: AbstractContextManager[None]
    """Keeps other gjobs commands from migrating it."""


@contextmanager
def chosen_database(settings: Settings) -> Iterator[MigrationTarget]:
    """Open the database to migrate, and print its name. Start the embedded server. Unlike other commands, do not
    migrate it.
    """
    match settings.target:
        case EmbeddedTarget(data_dir=data_dir):
            from gjobs.store.embedded.server import open_server

            with open_server(data_dir, report=print_message) as lease:
                print_message("Database: embedded.")
                yield MigrationTarget(conninfo=lease.conninfo, label="embedded", is_ours=True, alone=lease.preparing())
        case UrlTarget() as target:
            from gjobs.store.database.connection_url import label, parameters

            conninfo = parameters(target)
            address = label(conninfo)
            name = f"{settings.profile.label} ({address})" if settings.profile else address
            print_message(f"Database: {name}.")
            yield MigrationTarget(
                conninfo=_signing_in(target, conninfo), label=name, is_ours=False, alone=nullcontext()
            )
        case _:
            assert_never(settings.target)


def _signing_in(target: UrlTarget, conninfo: Mapping[str, str | int]) -> Mapping[str, str | int]:
    """Add the password that a command prints, for connections that are made without asyncio."""
    if not target.password_command:
        return conninfo
    import asyncio

    from gjobs.store.database.connection_url import PasswordCommand

    return {**conninfo, "password": asyncio.run(PasswordCommand(target.password_command).get())}


NO_REVISION = "base"
"""The state before any migration."""


@contextmanager
def journalled(
    settings: Settings, database: "MigrationTarget", *, start: str | None, end: str | None
) -> Iterator[None]:
    """Journal a migration between two revisions; None means the state before the first revision. Raises
    JournalUnavailable before anything
    runs.

    A migration that stops halfway gets two entries. The first records the whole migration as not done. The second
    records the part that was done.
    """
    from gjobs.store.journal.journal import Journal

    journal = Journal(journal_path(settings), database=database.label)
    journal_ref = _begin(journal, settings, start, end)
    try:
        yield
    except BaseException:
        # If the reached revision cannot be read, the outcome stays unknown.
        with suppress(StoreError):
            _end_half_way(journal, journal_ref, settings, database, start=start, end=end)
        raise
    journal.end(journal_ref, WriteOutcome.DONE)


@contextmanager
def journalled_recount(settings: Settings, database: "MigrationTarget") -> Iterator[None]:
    """Journal one transaction. If the connection is lost, the outcome stays unknown."""
    from gjobs.store.journal.journal import Journal

    journal = Journal(journal_path(settings), database=database.label)
    written = WriteRecord(what="rebuild the rollups")
    journal_ref = journal.begin(written, actor=OPERATOR, reason=settings.write_reason, transaction_id=None)
    try:
        yield
    except StoreError as error:
        if not isinstance(error, Unreachable):
            journal.end(journal_ref, WriteOutcome.NOT_DONE)
        raise
    journal.end(journal_ref, WriteOutcome.DONE)


def _begin(journal: "Journal", settings: Settings, start: str | None, end: str | None) -> "JournalRef":
    what = f"migrate from {start or NO_REVISION} to {end or NO_REVISION}"
    return journal.begin(WriteRecord(what=what), actor=OPERATOR, reason=settings.write_reason, transaction_id=None)


def _end_half_way(
    journal: "Journal",
    journal_ref: "JournalRef",
    settings: Settings,
    database: "MigrationTarget",
    *,
    start: str | None,
    end: str | None,
) -> None:
    from gjobs.migrations.status import read_status

    reached = read_status(database.conninfo).current
    journal.end(journal_ref, WriteOutcome.DONE if reached == end else WriteOutcome.NOT_DONE)
    if reached not in (start, end):
        journal.end(_begin(journal, settings, start, reached), WriteOutcome.DONE)
