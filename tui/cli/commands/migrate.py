"""gjobs migrate: status, up, columns, remove, sql, verify, repair-rollups."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import WITHOUT_READ_ONLY, Profile, Settings, WriteMode, journal_path
from gjobs.store.errors import ReadOnly, StoreError, Unreachable, command
from gjobs.store.journal.write_record import JournalEntry, WriteOutcome, WriteRecord
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.cli.arguments import YES
from gjobs.tui.cli.command import ActorRule, Command, Group, option, switch
from gjobs.tui.cli.output import ExitCode, Output, print_message, print_paragraphs, require_yes

if TYPE_CHECKING:
    from gjobs.migrations.exports import ArchiveExport
    from gjobs.migrations.rollups import RollupCheck, RollupDifference
    from gjobs.migrations.status import MigrationStatus
    from gjobs.migrations.verification import Verification
    from gjobs.store.journal.journal import Journal
    from gjobs.store.schema.schema_diff import Difference


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
    profile = settings.profile
    if settings.is_embedded:
        from gjobs.store.embedded.server import open_server

        with open_server(settings.data_dir, report=print_message) as lease:
            print_message("Database: embedded.")
            yield MigrationTarget(conninfo=lease.conninfo, label="embedded", is_ours=True, alone=lease.preparing())
    else:
        from gjobs.store.database.connection_url import label, parameters

        conninfo = parameters(profile)
        address = label(conninfo)
        name = f"{profile.label} ({address})" if profile.label else address
        print_message(f"Database: {name}.")
        yield MigrationTarget(conninfo=_signing_in(profile, conninfo), label=name, is_ours=False, alone=nullcontext())


def _signing_in(profile: Profile, conninfo: Mapping[str, str | int]) -> Mapping[str, str | int]:
    """Add the password that a command prints, for connections that are made without asyncio."""
    if not profile.password_command:
        return conninfo
    import asyncio

    from gjobs.store.database.connection_url import PasswordCommand

    return {**conninfo, "password": asyncio.run(PasswordCommand(profile.password_command).get())}


NOTHING = "nothing"
"""In the journal: the state before any migration."""


@contextmanager
def journaled(settings: Settings, database: "MigrationTarget", *, start: str | None, end: str | None) -> Iterator[None]:
    """Journal a migration between two revisions; None means the state before the first revision. Raises
    JournalUnavailable before anything runs.

    A migration that stops halfway gets two entries. The first records the whole migration as not done. The second
    records the part that was done.
    """
    from gjobs.migrations.status import read_status
    from gjobs.store.journal.journal import Journal

    journal = Journal(journal_path(settings), database=database.label)
    entry = _begin(journal, settings, f"migrate from {start or NOTHING} to {end or NOTHING}")
    try:
        yield
    except BaseException:
        # If the reached revision cannot be read, the outcome stays unknown.
        with suppress(StoreError):
            reached = read_status(database.conninfo).current
            journal.end(entry, WriteOutcome.DONE if reached == end else WriteOutcome.NOT_DONE)
            if reached not in (start, end):
                part = _begin(journal, settings, f"migrate from {start or NOTHING} to {reached or NOTHING}")
                journal.end(part, WriteOutcome.DONE)
        raise
    journal.end(entry, WriteOutcome.DONE)


@contextmanager
def journaled_transaction(settings: Settings, database: "MigrationTarget", what: str) -> Iterator[None]:
    """Journal one transaction. If the connection is lost, the outcome stays unknown."""
    from gjobs.store.journal.journal import Journal

    journal = Journal(journal_path(settings), database=database.label)
    entry = _begin(journal, settings, what)
    try:
        yield
    except StoreError as error:
        if not isinstance(error, Unreachable):
            journal.end(entry, WriteOutcome.NOT_DONE)
        raise
    journal.end(entry, WriteOutcome.DONE)


def _begin(journal: "Journal", settings: Settings, what: str) -> JournalEntry:
    return journal.begin(WriteRecord(what=what), actor=OPERATOR, reason=settings.write_reason, transaction_id=None)


_command = partial(Command, actor_rule=ActorRule.OPERATOR_ONLY, ignores_app_variable=True)


@_command(name="verify", example="gjobs migrate verify --all")
def verify_schema(
    settings: Settings,
    output: Output,
    *,
    all_objects: bool = switch("also show the objects that match", flag="--all"),
    totals: bool = switch("compare the rollups with the jobs instead; reads all jobs in one snapshot"),
) -> ExitCode:
    """Compare each object of the schema with its revision."""
    from gjobs.migrations.verification import verify

    if totals:
        return _verify_rollups(settings, output)

    with chosen_database(settings) as database:
        found = verify(database.conninfo)
    if not output.document(_verification(found)):
        _show_verification(found, output, all_objects=all_objects)
    print_message(*_verdict(found))
    return ExitCode.DONE if found.matches else ExitCode.SCHEMA


def _verification(found: "Verification") -> dict[str, object]:
    names = ("kind", "name", "state", "required", "expected", "found")
    objects = [
        *((one.kind, one.title, "ok", one.is_required, one.definition, one.definition) for one in found.confirmed),
        *((one.object, one.name, one.kind, one.required, one.expected, one.found) for one in found.differences),
    ]
    rows = [dict(zip(names, row, strict=True)) for row in objects]
    return {"revision": found.revision, "matches": found.matches, "adoptable": found.adoptable, "objects": rows}


def _verify_rollups(settings: Settings, output: Output) -> ExitCode:
    from gjobs.migrations.rollups import check_rollups

    with chosen_database(settings) as database:
        found = check_rollups(database.conninfo, report=print_message)
    document = {"matches": found.matches, "count": found.count, "differences": found.differences}
    if not output.document(document) and found.differences:
        _show_rollups(found, output)
    if found.matches:
        print_message("The rollups match the jobs.")
        return ExitCode.DONE
    rollups_do = "rollup does" if found.count == 1 else "rollups do"
    print_message(f"{found.count} {rollups_do} not match the jobs. {command('migrate repair-rollups')} rebuilds them.")
    return ExitCode.FOUND


def _show_rollups(found: "RollupCheck", output: Output) -> None:
    from gjobs.tui.text.format import Column, count

    columns: Sequence[Column[RollupDifference]] = (
        Column("ROLLUP", lambda one: one.kind),
        Column("PROJECT", lambda one: str(one.project_id)),
        Column("USER", lambda one: str(one.user_id)),
        Column("OF", lambda one: " ".join(filter(None, (one.day, one.status, one.mode, one.error_group)))),
        Column("COUNTED", lambda one: count(one.counted_jobs), right=True),
        Column("KEPT", lambda one: count(one.kept_jobs), right=True),
        Column("COUNTED CENTS", lambda one: count(one.counted_cents), right=True),
        Column("KEPT CENTS", lambda one: count(one.kept_cents), right=True),
    )
    output.table(columns, found.differences)


def _show_verification(found: "Verification", output: Output, *, all_objects: bool) -> None:
    """Print the number of objects of each kind. The differences that need attention come last, near the prompt."""
    from gjobs.store.schema.schema_diff import ObjectKind
    from gjobs.tui.text.format import Column, count

    confirmed = Counter(one.kind for one in found.confirmed)
    differing = Counter(one.object for one in found.differences)
    counts: Sequence[Column[ObjectKind]] = (
        Column("KIND", lambda kind: kind.value),
        Column("OK", lambda kind: count(confirmed[kind]), right=True),
        Column("DIFFERENT", lambda kind: count(differing[kind]) if differing[kind] else "-", right=True),
    )
    output.table(counts, [kind for kind in ObjectKind if confirmed[kind] or differing[kind]])
    rows = [["ok", one.kind.value, one.title, "", ""] for one in found.confirmed] if all_objects else []
    rows += map(_row, sorted(found.differences, key=lambda one: one.required))
    if rows:
        output.text("")
        least = {"STATE": None, "KIND": None, "OBJECT": None, "EXPECTED": 8, "FOUND": 8}
        columns = [Column(title, itemgetter(place), least=least[title]) for place, title in enumerate(least)]
        output.table(columns, rows)


def _row(one: "Difference") -> list[str]:
    state = one.kind.value if one.required else f"{one.kind.value}, tolerated"
    return [state, one.object.value, one.name, one.expected or "", one.found or ""]


def _verdict(found: "Verification") -> Iterator[str]:
    from gjobs.migrations.progress import Origin

    broken = sum(one.required for one in found.differences)
    if found.matches:
        yield f"The schema matches revision {found.revision}."
    elif found.origin is Origin.NOTHING:
        yield "The app's tables do not exist."
    else:
        objects = "object does" if broken == 1 else "objects do"
        yield f"{broken} {objects} not match revision {found.revision}:"
        # Print these sentences in full, because the table's cells are cut to the terminal's width.
        yield from (f"{one.sentence}." for one in found.differences if one.required)
    match found.origin:
        case Origin.NOTHING:
            yield found.obstacle or f"{command('migrate up')} creates them."
        case Origin.APP if found.matches:
            yield found.obstacle or f"{command('migrate up')} can migrate this database."
        case Origin.APP:
            yield f"{command('migrate up')} can't migrate this database. You can still use gjobs with it."
        case Origin.EARLIER_BUILD:
            yield f"{command('migrate up')} takes over what the earlier build of gjobs left."
        case Origin.MIGRATED if found.is_upgrade_unfinished:
            yield f"A run of {command('migrate up')} is not finished. It still runs, or it was interrupted."
        case Origin.MIGRATED:
            pass


@_command(name="status", example="gjobs migrate status --json")
def show_status(settings: Settings, output: Output) -> None:
    """Show the schema's revision and the pending ones."""
    from gjobs.migrations import HEAD
    from gjobs.migrations.status import RevisionHidden, read_status

    with chosen_database(settings) as database:
        try:
            status = read_status(database.conninfo)
        except RevisionHidden as hidden:  # The login can't read the revision.
            output.document({"current": None, "head": HEAD, "pending": None, "managed": True})
            print_message(f"{hidden.message} {hidden.hint}")
            return
    if output.document(status):
        return
    from gjobs.tui.cli.text_tables import fields
    from gjobs.tui.text.clean_text import clean

    output.text(
        fields(
            {
                "database": clean(database.label),
                "current": clean(status.current or "-"),
                "head": status.head,
                "pending": ", ".join(status.pending) or "-",
                "managed": "yes" if status.managed else "no, because no migration has run here",
            }
        )
    )


@_command(name="up", example="gjobs migrate up --profile production --write 'ticket 4711'")
def up(
    settings: Settings, output: Output, *, yes: bool = switch("do not describe the migration, and do not ask")
) -> None:
    """Run the pending revisions; asks first unless the database is embedded."""
    from gjobs.migrations.runner import pending_sql, upgrade
    from gjobs.migrations.status import read_status
    from gjobs.migrations.warnings import summarize, upgrade_warnings

    _require_writable(settings)
    with chosen_database(settings) as database:
        before = read_status(database.conninfo)
        ask = not (yes or database.is_ours) and (sql := pending_sql(database.conninfo))
        if ask:
            print_paragraphs(*summarize(database.conninfo, sql))
        if before.pending:
            print_paragraphs(*upgrade_warnings(database.conninfo))
        if ask:
            _ask("Migrate", database, unchanged="Nothing was changed.")
        kept = journaled(settings, database, start=before.current, end=before.head) if before.pending else nullcontext()
        with database.alone, kept:
            upgrade(database.conninfo, report=print_message, exports_to=settings.data_dir)
        _done(read_status(database.conninfo), output)


def _ask(what: str, database: MigrationTarget, *, unchanged: str) -> None:
    from gjobs.tui.text.clean_text import clean

    require_yes(f"{what} {clean(database.label)}?", unchanged=unchanged)


@_command(name="remove", example="gjobs migrate remove --profile production --write 'ticket 4711'")
def remove(
    settings: Settings,
    output: Output,
    *,
    yes: bool = YES,
    export_archive: Path | None = option(
        Path,
        "FILE",
        "first write archived jobs to this new file, one JSON line each; without this option, archived jobs block"
        " the removal",
    ),
) -> None:
    """Remove what gjobs added; asks first; the app's tables stay."""
    from gjobs.migrations.connection import MigrationRefused
    from gjobs.migrations.runner import remove as remove_all
    from gjobs.migrations.status import read_status
    from gjobs.migrations.warnings import removal_warnings

    _require_writable(settings)
    with chosen_database(settings) as database:
        if database.is_ours:
            raise MigrationRefused(
                "The next command would migrate the embedded database again, so nothing was removed.",
                hint=f"To start with an empty database, run {command('db reset')}.",
            )
        before = read_status(database.conninfo)
        if before.managed:
            print_paragraphs(*removal_warnings(database.conninfo, export_to=export_archive))
            if not yes:
                _ask("Remove everything of gjobs from", database, unchanged="Nothing was removed.")
        exported = _export(database, export_archive) if export_archive else None
        kept = journaled(settings, database, start=before.current, end=None) if before.managed else nullcontext()
        try:
            with database.alone, kept:
                remove_all(database.conninfo, exported=exported, report=print_message)
        except StoreError:
            if exported and exported.jobs:
                print_message(f"{export_archive} keeps the archived jobs. If you try again, name another file.")
            raise
        _done(read_status(database.conninfo), output)


def _export(database: MigrationTarget, file: Path) -> "ArchiveExport":
    from gjobs.migrations.exports import export_archive
    from gjobs.tui.text.format import jobs_count

    exported = export_archive(database.conninfo, file)
    if exported.jobs:
        print_message(f"Exported {jobs_count(exported.jobs)} from the archive to {file}.")
    else:
        print_message("The archive is empty: no file was written.")
    return exported


@_command(name="columns", example="gjobs migrate columns --write 'ticket 4711'")
def columns(settings: Settings, output: Output, *, yes: bool = YES) -> None:
    """Add the columns retry_count and completed_at to the app's table; asks first."""
    from gjobs.migrations.columns import lacking_columns
    from gjobs.migrations.runner import add_columns
    from gjobs.migrations.warnings import columns_warnings

    _require_writable(settings)
    with chosen_database(settings) as database:
        lacking = lacking_columns(database.conninfo)
        names = " and ".join(lacking)
        if lacking and not yes:
            print_paragraphs(
                f"This adds {names} to the app's table generation_jobs, which keeps them after"
                f" {command('migrate remove')}. {command('migrate sql --columns')} prints the SQL.",
                "Existing jobs are not changed: they have 0 retries, and their completion time stays unknown.",
                *columns_warnings(database.conninfo),
            )
            _ask(f"Add {names} to", database, unchanged="Nothing was changed.")
        if lacking:
            kept = journaled_transaction(settings, database, f"add {names}")
            with database.alone, kept:
                add_columns(database.conninfo, lacking, report=print_message)
    output.document({"added": lacking})
    if not lacking:
        print_message("The table already has these columns. Nothing was changed.")


@_command(name="repair-rollups", example="gjobs migrate repair-rollups --write 'ticket 4711'")
def repair_rollups(settings: Settings, output: Output, *, yes: bool = YES) -> None:
    """Rebuild the rollups; other sessions can keep writing; asks first."""
    from gjobs.migrations.rollups import rebuild_rollups

    _require_writable(settings)
    with chosen_database(settings) as database:
        if not yes:
            _ask("Rebuild the rollups of", database, unchanged="Nothing was changed.")
        kept = journaled_transaction(settings, database, "rebuild the rollups")
        with database.alone, kept:
            rebuild_rollups(database.conninfo, report=print_message)
    output.document({"rebuilt": True})
    print_message("The rollups match the jobs.")


@_command(name="sql", example="gjobs migrate sql > pending.sql")
def print_sql(
    settings: Settings, output: Output, *, columns: bool = switch("print the SQL of 'migrate columns' instead")
) -> None:
    """Print the SQL that 'up' would run, for psql."""
    from gjobs.migrations.columns import columns_sql, lacking_columns
    from gjobs.migrations.runner import pending_sql

    with chosen_database(settings) as database:
        if columns:
            lacking = lacking_columns(database.conninfo)
            sql = columns_sql(lacking) if lacking else ""
        else:
            sql = pending_sql(database.conninfo)
    if not output.document({"sql": sql}) and sql:
        output.text(sql.rstrip())
    if not sql:
        print_message("Nothing is pending.")


def _require_writable(settings: Settings) -> None:
    if settings.write_rule is WriteMode.CLOSED:
        raise ReadOnly("This session is read-only: nothing was changed.", hint=WITHOUT_READ_ONLY)
    if settings.write_rule is WriteMode.PERMIT_REQUIRED and settings.write_reason is None:
        raise ReadOnly(
            "This database is read-only unless you give a reason. Nothing was changed.",
            hint="Add --write REASON to migrate it.",
        )


def _done(status: "MigrationStatus", output: Output) -> None:
    output.document(status)
    print_message(
        f"The schema is at revision {status.current}."
        if status.current
        else "Everything of gjobs was removed. The app's tables stay."
    )


MIGRATE = Group(
    name="migrate",
    help="show or change the schema's revision",
    example="gjobs migrate status",
    commands=[show_status, verify_schema, repair_rollups, up, columns, remove, print_sql],
)
