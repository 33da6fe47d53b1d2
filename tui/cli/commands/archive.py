"""gjobs archive: list, restore."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import RowMissing
from gjobs.store.jobs.job import AnyStatus
from gjobs.store.jobs.job_results import PageKey, job_row
from gjobs.store.retention.retention import ArchiveQuery, BatchProgress
from gjobs.store.users.actor import OPERATOR, actor_name
from gjobs.tui.cli import arguments
from gjobs.tui.cli.command import ActorRule, Command, Group, argument, option, switch
from gjobs.tui.cli.commands.cleanup import find_target, print_dropped, progress_document, run_batches
from gjobs.tui.cli.output import Output, UsageError, print_message
from gjobs.tui.cli.sessions import WorkProgress, ask_then, with_session

if TYPE_CHECKING:
    from gjobs.tui.session import Session

_command = partial(Command, actor_rule=ActorRule.OPERATOR_UNLESS_ASKED, ignores_app_variable=True)


@_command(name="list", example="gjobs archive list --status failed --limit 20")
async def list_archive(
    session: "Session",
    output: Output,
    *,
    project: str | None = arguments.PROJECT,
    status: AnyStatus | None = arguments.STATUS,
    limit: int = arguments.LIMIT,
    after: PageKey | None = arguments.AFTER,
) -> None:
    """List archived jobs, newest first."""
    from gjobs.store.retention.archive import list_archived

    query = ArchiveQuery(
        project_id=await arguments.find_project_id(session.store, project, takes_prefix=True), status=status
    )
    page = await list_archived(session.store, query, limit=limit, after=after)
    if not output.document({**job_row(one.job), "archived_at": one.archived_at} for one in page):
        from gjobs.tui.cli.text_tables import job_columns
        from gjobs.tui.text.format import Column

        time = partial(output.time, now=datetime.now(UTC))

        def of_job(column: Column[Any]) -> Column[Any]:
            return replace(column, cell=lambda one: column.cell(one.job))

        columns = list(map(of_job, job_columns(await arguments.project_names(session.store), time)))
        columns.insert(4, Column("ARCHIVED", lambda one: time(one.archived_at)))
        output.table(columns, page, keeps_ids=True)
    if not page.items:
        print_message(None if output.json else "No archived jobs.")
        arguments.explain_no_jobs([status])
    await print_archive_limits(session)


async def print_archive_limits(session: "Session") -> bool:
    """Print a notice if the actor may not see all of their archived jobs. Return whether it was printed."""
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


@_command(
    name="restore",
    example="gjobs archive restore 3f2a9c1e-8d47-4b15-9a3e-0c6f1b2d4e5a",
    usage="%(prog)s [ID ... | OPTION ...]",
)
def restore(
    settings: Settings,
    output: Output,
    *,
    job_ids: Sequence[UUID] = argument(arguments.identifier, "ID", "the job's whole id", nargs="*"),
    project: str | None = arguments.PROJECT,
    status: AnyStatus | None = arguments.STATUS,
    since: datetime | timedelta | None = option(
        arguments.since, "TIME", "only jobs archived since a time (2026-01-31T12:00) or in the last 30m, 24h or 7d"
    ),
    everything: bool = switch("all archived jobs", flag="--all"),
    yes: bool = arguments.YES,
) -> None:
    """Restore archived jobs, chosen by id or by options."""
    is_narrowed = project is not None or status is not None or since is not None
    if job_ids and (is_narrowed or everything):
        raise UsageError("Ids can't be combined with other options.", hint="Use ids alone, or leave them out.")
    if job_ids:
        _restore_these(settings, output, tuple(dict.fromkeys(job_ids)))
        return
    if everything and is_narrowed:
        raise UsageError(
            "--all can't be combined with --project, --status or --since.", hint="Use --all alone, or leave it out."
        )
    if not everything and not is_narrowed:
        raise UsageError("Choose the jobs to restore.", hint="Add ids, --project, --status, --since or --all.")
    earliest = datetime.now(UTC) - since if isinstance(since, timedelta) else since

    async def prepare(session: "Session") -> tuple[tuple[ArchiveQuery, int], str] | None:
        from gjobs.store.retention.archive import count_archived
        from gjobs.tui.text.retention_text import restoration_question

        session.access.require()
        project_id, target = await find_target(session, project)
        query = ArchiveQuery(project_id=project_id, status=status, archived_since=earliest)
        counts = await count_archived(session.store, query)
        found = sum(row.count for row in counts)
        if not found:
            print_message("No archived job matches.")
            arguments.explain_no_jobs([status])
            output.document(_result(WorkProgress(BatchProgress()), 0, found=0))
            return None
        return (query, found), restoration_question(counts, target)

    async def restore(session: "Session", prepared: tuple[ArchiveQuery, int]) -> None:
        from gjobs.store.retention.archive import count_archived, restore_matching

        query, found = prepared
        await run_batches(
            output,
            restore_matching(session.store, query),
            lambda: count_archived(session.store, query),
            partial(_result, found=found),
            found=found,
            doing="Restoring",
            verb="Restored",
        )

    ask_then(settings, prepare, restore, yes=yes, unchanged="Nothing was restored.")


def _result(work: WorkProgress[BatchProgress], left: int, *, found: int) -> dict[str, object]:
    return {"found": found, **progress_document(work, left), "dropped_columns": work.last.dropped_columns}


def _restore_these(settings: Settings, output: Output, job_ids: Sequence[UUID]) -> None:
    from gjobs.store.retention.archive import restore_archived

    try:
        dropped = with_session(settings, lambda session: restore_archived(session.store, job_ids))
    except RowMissing as error:
        if output.json and error.ids:
            output.document({"restored": [], "missing": error.ids, "dropped_columns": []})
        raise
    if not output.document({"restored": job_ids, "missing": [], "dropped_columns": dropped}):
        print_message(f"Restored {len(job_ids)} {'job' if len(job_ids) == 1 else 'jobs'}.")
    print_dropped(dropped)


ARCHIVE = Group(
    name="archive",
    help="list archived jobs, or restore them",
    example="gjobs archive list",
    default="list",
    commands=[list_archive, restore],
)
