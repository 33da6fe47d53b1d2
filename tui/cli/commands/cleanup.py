"""gjobs cleanup."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import AnyStatus
from gjobs.store.retention.retention import FINISHED, BatchProgress, CleanupPreview, RetentionAction
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.arguments import age, explain_no_jobs, find_project, statuses
from gjobs.tui.cli.command import ActorRule, Command
from gjobs.tui.cli.exit_codes import ExitCode, Interrupted, PartlyDeclined
from gjobs.tui.cli.interruption import orderly_termination
from gjobs.tui.cli.output import Output, print_message, report_interruption, require_terminal, require_yes
from gjobs.tui.cli.parser import Parser, add_command
from gjobs.tui.cli.sessions import with_session

if TYPE_CHECKING:
    from gjobs.tui.cli.interruption import WorkProgress
    from gjobs.tui.cli.parser import Commands
    from gjobs.tui.session import Session
    from gjobs.tui.text.retention_text import CleanupTarget


def add_cleanup(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "cleanup",
        Command(run=clean_up_jobs, actor_rule=ActorRule.OPERATOR_UNLESS_ASKED, ignores_app_variable=True),
        help="archive or delete old jobs; asks first",
        example="gjobs cleanup --older-than 30d --dry-run",
    )
    add = parser.add_argument
    add("--older-than", type=age, metavar="AGE", required=True, help="only jobs older than this: 12h, 30d, 8w")
    add_finished_statuses(parser)
    add("--project", metavar="ID|NAME", help="only jobs of this project")
    actions = parser.add_mutually_exclusive_group()
    actions.add_argument(
        "--archive",
        dest="action",
        action="store_const",
        const=RetentionAction.ARCHIVE,
        default=RetentionAction.ARCHIVE,
        help="move the jobs to the archive (default)",
    )
    actions.add_argument(
        "--delete",
        dest="action",
        action="store_const",
        const=RetentionAction.DELETE,
        help="delete the jobs permanently",
    )
    add("--dry-run", action="store_true", help="count the jobs and change nothing")
    add("--yes", action="store_true", help="do not ask")


def add_finished_statuses(parser: Parser) -> None:
    parser.add_argument(
        "--status",
        dest="chosen_statuses",
        type=statuses,
        metavar="STATUS,…",
        default=FINISHED,
        help=f"only jobs in these statuses (default: {','.join(FINISHED)})",
    )


def clean_up_jobs(
    settings: Settings,
    output: Output,
    *,
    older_than: timedelta,
    chosen_statuses: Sequence[AnyStatus],
    project: str | None,
    action: RetentionAction,
    dry_run: bool,
    yes: bool,
) -> ExitCode:
    if not (dry_run or yes):
        require_terminal()

    async def preview(session: "Session") -> tuple[CleanupPreview, "CleanupTarget"]:
        return await _preview(
            session, older_than, statuses=chosen_statuses, project=project, action=action, is_dry=dry_run
        )

    found, target = with_session(settings, preview)
    if not found.found:
        explain_no_jobs(chosen_statuses)
    if dry_run or not found.found:
        return _show(output, found, is_dry=dry_run)
    if not yes:
        from gjobs.tui.text.retention_text import DONE, clean_up_question

        require_yes(clean_up_question(found, target), unchanged=f"Nothing was {DONE[action].lower()}.")
    with orderly_termination(json=output.json):
        work_progress, left = with_session(settings, lambda session: _run(session, found))
        return _print_summary(output, found, work_progress, left)


async def _preview(
    session: "Session",
    older_than: timedelta,
    *,
    statuses: Sequence[AnyStatus],
    project: str | None,
    action: RetentionAction,
    is_dry: bool,
) -> tuple[CleanupPreview, "CleanupTarget"]:
    from gjobs.store.retention.cleanup import preview_cleanup
    from gjobs.tui.text.retention_text import CleanupTarget

    if not (is_dry or session.access.may_write):
        raise session.access.refusal()
    store = session.store
    chosen = None if project is None else await find_project(store, project)
    preview = await preview_cleanup(
        store,
        older_than,
        statuses=statuses,
        project_id=chosen.id if chosen else None,
        action=action,
        otherwise="Or use --delete.",
    )
    name = chosen.name if chosen else None
    return preview, CleanupTarget(actor=store.actor, database=session.full_name, project_name=name)


async def _run(session: "Session", found: CleanupPreview) -> tuple["WorkProgress[BatchProgress]", int]:
    """Clean up. Return the progress and how many jobs are left."""
    from asyncio import CancelledError

    from gjobs.store.retention.cleanup import count_expired, run_cleanup
    from gjobs.tui.cli.interruption import WorkProgress, work_through
    from gjobs.tui.text.retention_text import DOING, DONE, broken_off, progress

    work_progress, store = WorkProgress(BatchProgress()), session.store
    try:
        await work_through(
            run_cleanup(store, found.expired, found.action),
            work_progress,
            lambda step: progress(DOING[found.action], step, found.found),
        )
        return work_progress, sum(row.count for row in await count_expired(store, found.expired))
    except StoreError:
        print_message(broken_off(DONE[found.action], work_progress.last))
        raise
    except CancelledError:
        # The second interrupt doesn't wait for the batch.
        raise Interrupted(broken_off(DONE[found.action], work_progress.last, by="interrupt")) from None


def _show(output: Output, found: CleanupPreview, *, is_dry: bool) -> ExitCode:
    if output.json:
        output.document(json_documents.clean_up(found, is_dry=is_dry))
        return ExitCode.DONE
    from gjobs.store.formats import money
    from gjobs.tui.text.format import count, utc_time
    from gjobs.tui.text.retention_text import nothing_found

    if not found.found:
        print_message(nothing_found(found))
        return ExitCode.DONE
    from gjobs.tui.cli.job_tables import STATUS_COLUMN
    from gjobs.tui.cli.text_tables import TableColumn
    from gjobs.tui.text.status_text import status_word

    columns = (
        STATUS_COLUMN,
        TableColumn(title="JOBS", right=True),
        TableColumn(title="COST", right=True),
        TableColumn(title="OLDEST"),
    )
    rows = [
        [status_word(row.status), count(row.count), money(row.total_cost_cents), utc_time(row.oldest_at)]
        for row in found.counts
    ]
    total = sum(row.total_cost_cents for row in found.counts)
    output.table(columns, [*rows, ["total", count(found.found), money(total), ""]])
    print_message(f"These jobs were created before {utc_time(found.expired.created_before)}. Nothing was changed.")
    return ExitCode.DONE


def _print_summary(
    output: Output, found: CleanupPreview, work_progress: "WorkProgress[BatchProgress]", left: int
) -> ExitCode:
    from gjobs.tui.text.retention_text import DONE, result, stopped, why_left

    done = work_progress.last
    if output.json:
        output.document(
            json_documents.clean_up(found, is_dry=False, done=done.done, left=left, is_stopped=work_progress.is_stopped)
        )
    if work_progress.is_stopped:
        return report_interruption(stopped(DONE[found.action], done, left), json=output.json)
    sentences = [result(DONE[found.action], done), *why_left(done, left)]
    if not done.done:
        raise PartlyDeclined(sentences)
    for sentence in sentences:
        print_message(sentence)
    return ExitCode.DONE
