"""gjobs journal, gjobs profiles and gjobs config path: what files of this machine hold."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.configuration.settings import (
    EMBEDDED,
    EMBEDDED_PROFILE,
    Configuration,
    Profile,
    Settings,
    journal_path,
    resolve,
)
from gjobs.store.errors import InvalidValue
from gjobs.store.journal.write_record import JournalEntry
from gjobs.store.values.page_sizes import JOURNAL_ENTRIES
from gjobs.tui.cli.arguments import since, whole_number
from gjobs.tui.cli.command import Command, Group, option
from gjobs.tui.cli.output import Output, UsageError, print_message
from gjobs.tui.export.export_files import Document

if TYPE_CHECKING:
    from gjobs.store.configuration.config_file import ConfigurationFile


_NAMED = 3
"""The number of ids that a row shows. A clean-up has hundreds."""
_OUTCOME_COLORS = {"done": "\x1b[32m", "not done": "\x1b[90m", "unknown": "\x1b[33m"}


_ENTRY = Document(
    JournalEntry, "id time=at database actor actor_id reason what ids before after transaction_id outcome"
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
            Column("OUTCOME", lambda entry: entry.outcome.value, colors=_OUTCOME_COLORS),
            Column("WHAT", lambda entry: entry.what),
            Column("IDS", lambda entry: _named(entry.ids), least=9),
            Column("AS", lambda entry: entry.actor, least=8),
            Column("DATABASE", lambda entry: entry.database, least=8),
            Column("REASON", lambda entry: entry.reason or "-", least=10),
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


@Command(name="path", example="gjobs config path", about_configuration=True)
def print_path(file: "ConfigurationFile", output: Output) -> None:
    """Print the path of the configuration file, even if it does not exist."""
    if not output.document({"path": str(file.path), "exists": file.path.exists()}):
        from gjobs.tui.text.clean_text import clean

        # A script needs the exact path.
        output.text(clean(str(file.path)) if output.is_terminal else str(file.path))
    if not file.path.exists():
        print_message("The file does not exist: nothing is configured.")


CONFIG = Group(
    name="config",
    help="show where the configuration file is",
    example="gjobs config path",
    commands=[print_path],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    profile: Profile
    where: str
    """Host and database; never a password."""
    origin: str
    is_default: bool
    """Whether it is opened by default."""


_TITLES_IN_APP = {"PROFILE": "IN THE APP", "AS": "", "COLOR": "", "ORIGIN": "FOUND IN"}
"""Other titles of the databases of the app. A column with an empty one is left out."""


@Command(name="profiles", example="gjobs profiles", about_configuration=True)
def list_profiles(file: "ConfigurationFile", output: Output) -> None:
    """List the configured databases and those of the app."""
    from gjobs.store.configuration.config_file import load
    from gjobs.tui.dashboard_settings import checked_keymap

    configuration = load(file)
    checked_keymap(configuration)
    print_message(configuration.warning)
    from gjobs.store.configuration.app_databases import find_app_databases

    in_app = find_app_databases(os.environ)
    with_named = in_app.added_to(configuration, os.environ.get("GJOBS_PROFILE", ""))
    opened = _default_settings(with_named, os.environ)
    listed = [_row(profile, configuration.path, opened) for profile in configuration.profiles.values()]
    found = [_row(one.profile, configuration.path, opened, one.where) for one in in_app.databases]
    if not output.document(_document(row) for row in (*listed, *found)):
        from gjobs.tui.text.format import Column

        columns: Sequence[Column[Listed]] = (
            Column("PROFILE", lambda row: row.profile.name),
            Column("DEFAULT", lambda row: "default" if row.is_default else ""),
            Column("LABEL", lambda row: row.profile.label, least=8),
            Column("WRITE", lambda row: "yes" if row.profile.write else "no"),
            Column("AS", lambda row: row.profile.actor, least=8),
            Column("COLOR", lambda row: row.profile.color or "-"),
            Column("WHERE", lambda row: row.where, least=10),
            Column("ORIGIN", lambda row: row.origin, least=10),
        )
        output.table(columns, listed)
        if found:
            print_message(f"Found in {in_app.folder}. gjobs opens these only if you choose one, such as by --profile:")
            renamed = [replace(one, title=_TITLES_IN_APP.get(one.title, one.title)) for one in columns]
            output.table([column for column in renamed if column.title], found)
    print_message(*(f"Skipped: {problem}" for problem in in_app.problems))


def _default_settings(configuration: Configuration, environment: Mapping[str, str]) -> Settings | None:
    """Return the settings of a command without options. Print a notice if they do not come from a profile."""
    try:
        # Nothing is opened here, so the data directory does not matter.
        settings = resolve(data_dir=Path(), environment=environment, configuration=configuration)
    except InvalidValue as error:
        print_message(error.message)
        return None
    if variable := settings.profile.variable:
        print_message(f"{variable} is set. Commands without --profile open the database that it names.")
    return settings


def _row(profile: Profile, path: Path | None, opened: Settings | None, where: str | None = None) -> Listed:
    from gjobs.store.database.connection_url import shown_address

    is_built_in = path is None or profile == EMBEDDED_PROFILE
    return Listed(
        profile=profile,
        where=where or (EMBEDDED if profile.address is None else shown_address(profile)),
        origin=" and ".join(profile.sources) or ("built in" if is_built_in else str(path)),
        is_default=opened is not None and opened.profile == profile,
    )


_SETTINGS = Document(Profile, "color interval statement_timeout pooler")


def _document(row: Listed) -> dict[str, object]:
    profile = row.profile
    named = {"name": profile.name, "label": profile.label, "where": row.where, "write": profile.write}
    found = {"default": row.is_default, "origin": row.origin, "in_app": bool(profile.sources)}
    return {**named, "as": profile.actor, **_SETTINGS(profile), **found}
