"""The database to migrate; journalling a migration."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from store.configuration.settings import EmbeddedTarget, Settings, UrlTarget, journal_path
from store.database.write_access import WriteMode
from store.errors import StoreError, Unreachable
from store.journal.write_record import WriteOutcome, WriteRecord
from store.users.actor import OPERATOR
from tui.cli.output import print_message

if TYPE_CHECKING:
    from store.journal.journal import Journal
    from store.journal.write_record import JournalRef


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationTarget:
    conninfo: Mapping[str, str | int]
    label: str
    is_ours: bool
    """The embedded one, which every command migrates by itself."""
    alone: AbstractContextManager[None]
    """Inside, no other command of ours migrates it."""


@contextmanager
def chosen_database(settings: Settings) -> Iterator[MigrationTarget]:
    """Our own server is started, and not migrated as the other commands do: that is what these are about."""
    match settings.target:
        case EmbeddedTarget(data_dir=data_dir):
            from store.embedded.server import open_server

            with open_server(data_dir, report=print_message) as lease:
                yield MigrationTarget(conninfo=lease.conninfo, label="embedded", is_ours=True, alone=lease.preparing())
        case UrlTarget() as target:
            from store.database.connection_url import label, parameters

            conninfo = parameters(target)
            address = label(conninfo)
            name = f"{settings.profile.label} ({address})" if settings.profile else address
            yield MigrationTarget(
                conninfo=_signing_in(target, conninfo), label=name, is_ours=False, alone=nullcontext()
            )
        case _:
            assert_never(settings.target)


def command_up(settings: Settings) -> str:
    """What a person types so that the schema is brought up."""
    return "gjobs migrate up --write REASON" if settings.write_rule is WriteMode.PERMIT_REQUIRED else "gjobs migrate up"


def _signing_in(target: UrlTarget, conninfo: Mapping[str, str | int]) -> Mapping[str, str | int]:
    """With the password that a command gives, for those who connect without waiting for others."""
    if not target.password_command:
        return conninfo
    import asyncio

    from store.database.connection_url import PasswordCommand

    return {**conninfo, "password": asyncio.run(PasswordCommand(target.password_command).get())}


NO_REVISION = "base"
"""Where no migration has run."""


@contextmanager
def journalled(
    settings: Settings, database: "MigrationTarget", *, start: str | None, end: str | None
) -> Iterator[None]:
    """From one revision to another; None is below the first. Raises JournalUnavailable before anything runs.

    What stops between them is two entries: what was not done, and what was.
    """
    from store.journal.journal import Journal

    journal = Journal(journal_path(settings), database=database.label)
    journal_ref = _begin(journal, settings, start, end)
    try:
        yield
    except BaseException:
        # Where the database does not say how far it came, the outcome stays unknown.
        with suppress(StoreError):
            _end_half_way(journal, journal_ref, settings, database, start=start, end=end)
        raise
    journal.end(journal_ref, WriteOutcome.DONE)


@contextmanager
def journalled_recount(settings: Settings, database: "MigrationTarget") -> Iterator[None]:
    """One transaction. Where the connection is lost nobody knows whether it was committed."""
    from store.journal.journal import Journal

    journal = Journal(journal_path(settings), database=database.label)
    written = WriteRecord(what="count the sums of the jobs anew")
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
    from migrations.status import read_status

    reached = read_status(database.conninfo).current
    journal.end(journal_ref, WriteOutcome.DONE if reached == end else WriteOutcome.NOT_DONE)
    if reached not in (start, end):
        journal.end(_begin(journal, settings, start, reached), WriteOutcome.DONE)
