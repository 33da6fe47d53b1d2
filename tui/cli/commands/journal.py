"""gjobs journal."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from gjobs.store.configuration.settings import Settings, journal_path
from gjobs.store.journal.write_record import JournalEntry
from gjobs.store.values.page_sizes import JOURNAL_ENTRIES
from gjobs.tui.cli.arguments import since, whole_number
from gjobs.tui.cli.command import Command
from gjobs.tui.cli.options import option
from gjobs.tui.cli.output import Output, UsageError, print_message
from gjobs.tui.export.export_files import Document

_NAMED = 3
"""The number of ids that a row shows. A clean-up has hundreds."""
_OUTCOME_COLOURS = {"done": "\x1b[32m", "not done": "\x1b[90m", "unknown": "\x1b[33m"}


_ENTRY = Document(
    JournalEntry,
    "id",
    ("time", lambda entry: entry.at),
    "database actor actor_id reason what ids before after transaction_id outcome",
)


@Command(name="journal", example="gjobs journal --since 24h", opens_database=False, reads_configuration=False)
def show_journal(
    settings: Settings,
    output: Output,
    *,
    limit: int = option(whole_number, "N", f"at most N entries (default: {JOURNAL_ENTRIES})", default=JOURNAL_ENTRIES),
    since: datetime | timedelta | None = option(
        since, "TIME", "only entries since a time (2026-01-31T12:00) or of the last 30m, 24h or 7d"
    ),
) -> None:
    """Show the changes made from this machine, newest first."""
    from gjobs.store.journal.journal import read_journal

    if limit < 1:
        raise UsageError(f"--limit must be at least 1, not {limit}.", hint="Leave --limit out.")
    now = datetime.now(UTC)
    earliest = now - since if isinstance(since, timedelta) else since
    reading = read_journal(journal_path(settings), limit=limit + 1, since=earliest)
    entries = reading.entries[:limit]
    if not output.document(map(_ENTRY, entries)):
        from gjobs.tui.text.format import Column

        columns: Sequence[Column[JournalEntry]] = (
            Column("TIME", lambda entry: output.time(entry.at, now)),
            Column("OUTCOME", lambda entry: entry.outcome.value, colours=_OUTCOME_COLOURS),
            Column("WHAT", lambda entry: entry.what),
            Column("IDS", lambda entry: _named(entry.ids), narrowest=9),
            Column("AS", lambda entry: entry.actor, narrowest=8),
            Column("DATABASE", lambda entry: entry.database, narrowest=8),
            Column("REASON", lambda entry: entry.reason or "-", narrowest=10),
        )
        output.table(columns, entries)
        if not entries:
            print_message("No entries.")
        elif len(reading.entries) > limit:
            print_message(f"There are more: --limit {limit * 10} shows them.")
    if reading.broken_lines:
        lines = "1 line" if reading.broken_lines == 1 else f"{reading.broken_lines} lines"
        print_message(
            f"{lines} of the journal could not be read and {'is' if reading.broken_lines == 1 else 'are'} left out."
        )


def _named(ids: Sequence[UUID]) -> str:
    further = len(ids) - _NAMED
    named = " ".join(map(str, ids[:_NAMED]))
    return f"{named} and {further:,} more" if further > 0 else named
