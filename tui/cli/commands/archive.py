"""gjobs archive: list, restore."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import RowMissing, StoreError
from gjobs.store.jobs.job import AnyStatus, JobStatus
from gjobs.store.jobs.job_results import PageKey
from gjobs.store.retention.retention import ArchiveQuery, BatchProgress, StatusCount
from gjobs.store.users.actor import OPERATOR, actor_name
from gjobs.store.values.page_sizes import PAGE_SIZE
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.arguments import (
    explain_no_jobs,
    find_project,
    identifier,
    page_key,
    project_names,
    since,
    status,
    whole_number,
)
from gjobs.tui.cli.command import ActorRule, Command
from gjobs.tui.cli.output import (
    ExitCode,
    Interrupted,
    Output,
    PartlyDeclined,
    UsageError,
    print_message,
    report_interruption,
    require_terminal,
    require_yes,
)
from gjobs.tui.cli.parser import add_command, add_commands
from gjobs.tui.cli.sessions import in_session, orderly_termination, with_session

if TYPE_CHECKING:
    from gjobs.tui.cli.parser import Commands
    from gjobs.tui.cli.sessions import WorkProgress
    from gjobs.tui.session import Session
    from gjobs.tui.text.retention_text import CleanupTarget

_STATUSES = f"{', '.join(JobStatus)}, or another status of your app"
_ID = "3f2a9c1e-8d47-4b15-9a3e-0c6f1b2d4e5a"


def add_archive(commands: "Commands") -> None:
    group = add_command(
        commands, "archive", None, help="list archived jobs, or restore them", example="gjobs archive list"
    )
    archive = add_commands(group, usual="list")
    listing = add_command(
        archive,
        "list",
        Command(run=list_archive, actor_rule=ActorRule.OPERATOR_UNLESS_ASKED, ignores_app_variable=True),
        help="list archived jobs, newest first",
        example="gjobs archive list --status failed --limit 20",
    )
    add = listing.add_argument
    add("--project", metavar="ID|NAME", help="only jobs of this project")
    add("--status", dest="chosen_status", type=status, metavar="STATUS", help=_STATUSES)
    add("--limit", type=whole_number, metavar="N", default=PAGE_SIZE, help=f"at most N jobs (default: {PAGE_SIZE})")
    add("--after", type=page_key, metavar="CREATED_AT,ID", help="continue after the row with this created_at and id")
    restoring = add_command(
        archive,
        "restore",
        Command(run=restore, actor_rule=ActorRule.OPERATOR_UNLESS_ASKED, ignores_app_variable=True),
        help="restore archived jobs, chosen by id or by options",
        example=f"gjobs archive restore {_ID}",
    )
    restoring.usage = "%(prog)s [ID ... | OPTION ...]"
    add = restoring.add_argument
    add("job_ids", type=identifier, metavar="ID", nargs="*", help="the job's whole id")
    add("--project", metavar="ID|NAME", help="only jobs of this project")
    add("--status", dest="chosen_status", type=status, metavar="STATUS", help=_STATUSES)
    add(
        "--since",
        type=since,
        metavar="TIME",
        help="only jobs archived since a time (2026-01-31T12:00) or in the last 30m, 24h or 7d",
    )
    add("--all", dest="everything", action="store_true", help="all archived jobs")
    add("--yes", action="store_true", help="do not ask")


@in_session
async def list_archive(
    session: "Session",
    output: Output,
    *,
    project: str | None,
    chosen_status: AnyStatus | None,
    limit: int,
    after: PageKey | None,
) -> ExitCode:
    from gjobs.store.retention.archive import list_archived

    chosen = None if project is None else await find_project(session.store, project, takes_prefix=True)
    query = ArchiveQuery(project_id=chosen.id if chosen else None, status=chosen_status)
    page = await list_archived(session.store, query, limit=limit, after=after)
    if output.json:
        output.document([json_documents.archived(one) for one in page])
        if not page.items:
            explain_no_jobs([chosen_status])
        await print_archive_limits(session)
        return ExitCode.DONE
    from gjobs.tui.cli.text_tables import TableColumn, job_table
    from gjobs.tui.text.format import age, local_time

    now = datetime.now(UTC) if output.is_terminal else None
    columns, rows = job_table([one.job for one in page], await project_names(session.store), now=now)
    times = [local_time(one.archived_at) if now is None else age(one.archived_at, now) for one in page]
    output.table(
        [*columns[:4], TableColumn(title="ARCHIVED"), *columns[4:]],
        [[*row[:4], time, *row[4:]] for row, time in zip(rows, times, strict=True)],
        keeps_ids=True,
    )
    if not page.items:
        print_message("No archived jobs.")
        explain_no_jobs([chosen_status])
    await print_archive_limits(session)
    return ExitCode.DONE


async def print_archive_limits(session: "Session") -> bool:
    """Print a notice if the actor perhaps does not see all of their archived jobs. Return whether that is so."""
    from gjobs.store.retention.archive import is_archive_shown_whole

    actor = session.store.actor
    if actor == OPERATOR or await is_archive_shown_whole(session.store):
        return False
    from gjobs.tui.text.clean_text import clean

    name = clean(actor_name(actor), limit=60)
    print_message(
        "gjobs cannot apply the app's own policies to the archive."
        f" The result includes only {name}'s own archived jobs, and perhaps not all of them."
        " The operator sees all archived jobs."
    )
    return True


def restore(
    settings: Settings,
    output: Output,
    *,
    job_ids: Sequence[UUID],
    project: str | None,
    chosen_status: AnyStatus | None,
    since: datetime | timedelta | None,
    everything: bool,
    yes: bool,
) -> ExitCode:
    is_narrowed = project is not None or chosen_status is not None or since is not None
    if job_ids and (is_narrowed or everything):
        raise UsageError("Ids can't be combined with other options.", hint="Use ids alone, or leave them out.")
    if job_ids:
        return _restore_these(settings, output, tuple(dict.fromkeys(job_ids)))
    if everything and is_narrowed:
        raise UsageError(
            "--all can't be combined with --project, --status or --since.", hint="Use --all alone, or leave it out."
        )
    if not everything and not is_narrowed:
        raise UsageError("Choose the jobs to restore.", hint="Add ids, --project, --status, --since or --all.")
    if not yes:
        require_terminal()
    earliest = datetime.now(UTC) - since if isinstance(since, timedelta) else since

    async def look(session: "Session") -> _Found:
        return await _find_archived(session, project=project, chosen_status=chosen_status, earliest=earliest)

    found = with_session(settings, look)
    if not found.number:
        print_message("No archived job matches.")
        explain_no_jobs([chosen_status])
        if output.json:
            output.document(json_documents.restoration(found=0, done=0, left=0, is_stopped=False))
        return ExitCode.DONE
    if not yes:
        from gjobs.tui.text.retention_text import restoration_question

        require_yes(restoration_question(found.counts, found.place), unchanged="Nothing was restored.")
    with orderly_termination(json=output.json):
        work_progress, left = with_session(settings, lambda session: _restore(session, found))
        return _print_restored(output, found, work_progress, left)


def _restore_these(settings: Settings, output: Output, job_ids: Sequence[UUID]) -> ExitCode:
    async def work(session: "Session") -> tuple[str, ...]:
        from gjobs.store.retention.archive import restore_archived

        return await restore_archived(session.store, job_ids)

    try:
        dropped = with_session(settings, work)
    except RowMissing as error:
        if output.json and error.ids:
            missing = [str(job_id) for job_id in error.ids]
            output.document({"restored": [], "missing": missing, "dropped_columns": []})
        raise
    if output.json:
        restored = [str(job_id) for job_id in job_ids]
        output.document({"restored": restored, "missing": [], "dropped_columns": list(dropped)})
    else:
        print_message(f"Restored {len(job_ids)} {'job' if len(job_ids) == 1 else 'jobs'}.")
    _print_dropped(dropped)
    return ExitCode.DONE


def _print_dropped(columns: Sequence[str]) -> None:
    from gjobs.tui.text.write_text import dropped_words

    if words := dropped_words(columns):
        print_message(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    query: ArchiveQuery
    counts: Sequence[StatusCount]
    place: "CleanupTarget"

    @property
    def number(self) -> int:
        return sum(row.count for row in self.counts)


async def _find_archived(
    session: "Session", *, project: str | None, chosen_status: AnyStatus | None, earliest: datetime | None
) -> _Found:
    from gjobs.store.retention.archive import count_archived
    from gjobs.tui.text.retention_text import CleanupTarget

    if not session.access.may_write:
        raise session.access.refusal()
    chosen = None if project is None else await find_project(session.store, project)
    query = ArchiveQuery(project_id=chosen.id if chosen else None, status=chosen_status, archived_since=earliest)
    return _Found(
        query=query,
        counts=await count_archived(session.store, query),
        place=CleanupTarget(
            actor=session.store.actor, database=session.full_name, project_name=chosen.name if chosen else None
        ),
    )


async def _restore(session: "Session", found: _Found) -> tuple["WorkProgress[BatchProgress]", int]:
    """Restore the jobs. Return the progress and how many are left."""
    from asyncio import CancelledError

    from gjobs.store.retention.archive import count_archived, restore_matching
    from gjobs.tui.cli.sessions import WorkProgress, work_through
    from gjobs.tui.text.retention_text import broken_off, progress

    work_progress = WorkProgress(BatchProgress())
    try:
        await work_through(
            restore_matching(session.store, found.query),
            work_progress,
            lambda step: progress("Restoring", step, found.number),
        )
        return work_progress, sum(row.count for row in await count_archived(session.store, found.query))
    except StoreError:
        print_message(broken_off("Restored", work_progress.last))
        raise
    except CancelledError:
        # The second interrupt doesn't wait for the batch.
        raise Interrupted(broken_off("Restored", work_progress.last, by="interrupt")) from None


def _print_restored(output: Output, found: _Found, work_progress: "WorkProgress[BatchProgress]", left: int) -> ExitCode:
    from gjobs.tui.text.retention_text import result, stopped, why_left

    done = work_progress.last
    if output.json:
        output.document(
            json_documents.restoration(
                found=found.number,
                done=done.done,
                left=left,
                is_stopped=work_progress.is_stopped,
                dropped_columns=done.dropped_columns,
            )
        )
    _print_dropped(done.dropped_columns)
    if work_progress.is_stopped:
        return report_interruption(stopped("Restored", done, left), json=output.json)
    sentences = [result("Restored", done), *why_left(done, left)]
    if not done.done:
        raise PartlyDeclined(sentences)
    for sentence in sentences:
        print_message(sentence)
    return ExitCode.DONE
