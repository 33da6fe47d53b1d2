"""gjobs cleanup: run, policies."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import StoreError, command
from gjobs.store.jobs.job import AnyStatus
from gjobs.store.retention.retention import FINISHED, BatchProgress, CleanupPreview, RetentionAction, RetentionPolicy
from gjobs.store.users.actor import OPERATOR
from gjobs.store.values import formats
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.arguments import explain_no_jobs, find_project, job_age, project_names, statuses
from gjobs.tui.cli.command import ActorRule, Command
from gjobs.tui.cli.output import (
    Declined,
    ExitCode,
    Interrupted,
    Output,
    PartlyDeclined,
    print_message,
    report_interruption,
    require_terminal,
    require_yes,
)
from gjobs.tui.cli.parser import Parser, add_command, add_commands
from gjobs.tui.cli.sessions import in_session, orderly_termination, with_session

if TYPE_CHECKING:
    from gjobs.store.retention.cleanup import PolicyRun
    from gjobs.tui.cli.parser import Commands
    from gjobs.tui.cli.sessions import WorkProgress
    from gjobs.tui.session import Session
    from gjobs.tui.text.retention_text import CleanupTarget

ALL_OTHERS = "all other projects"
_PROJECT_OF_POLICY = f"the project of the policy (default: {ALL_OTHERS})"


def add_cleanup(commands: "Commands") -> None:
    group = add_command(
        commands,
        "cleanup",
        None,
        help="archive or delete old jobs, once or by policies",
        example="gjobs cleanup --older-than 30d --dry-run",
    )
    cleanup = add_commands(group, usual="run")
    running = add_command(
        cleanup,
        "run",
        _command(clean_up_jobs),
        help="archive or delete old jobs once; asks first",
        example="gjobs cleanup --older-than 30d --dry-run",
    )
    _add_choice(running, project="only jobs of this project")
    running.add_argument("--dry-run", action="store_true", help="count the jobs and change nothing")
    _add_yes(running)
    group = add_command(
        cleanup,
        "policies",
        None,
        help="set how long jobs are kept, by project",
        example="gjobs cleanup policies",
    )
    policies = add_commands(group, usual="list")
    add_command(
        policies, "list", _command(list_policies), help="list the policies", example="gjobs cleanup policies --json"
    )
    setting = add_command(
        policies,
        "set",
        _command(set_policy),
        help="set a project's policy, or the policy for all other projects",
        example="gjobs cleanup policies set --older-than 90d --project 'Autumn catalog'",
    )
    _add_choice(setting, project=_PROJECT_OF_POLICY)
    _add_yes(setting)
    removing = add_command(
        policies,
        "remove",
        _command(remove_policy),
        help="remove a project's policy, or the policy for all other projects",
        example="gjobs cleanup policies remove --project 'Autumn catalog'",
    )
    removing.add_argument("--project", metavar="ID|NAME", help=_PROJECT_OF_POLICY)
    _add_yes(removing, help="do not ask, even if the policy for all other projects then covers this project")
    applying = add_command(
        policies,
        "apply",
        _command(apply_policies),
        help="apply all policies now",
        example="gjobs cleanup policies apply --yes",
    )
    _add_yes(applying)


def _command(run: Callable[..., ExitCode]) -> Command:
    return Command(run=run, actor_rule=ActorRule.OPERATOR_UNLESS_ASKED, ignores_app_variable=True)


def _add_choice(parser: Parser, *, project: str) -> None:
    """Add the options that choose old jobs and what becomes of them."""
    add = parser.add_argument
    add("--older-than", type=job_age, metavar="AGE", required=True, help="only jobs older than this: 12h, 30d, 8w")
    add(
        "--status",
        dest="chosen_statuses",
        type=statuses,
        metavar="STATUS,…",
        default=FINISHED,
        help=f"only jobs in these statuses (default: {','.join(FINISHED)})",
    )
    add("--project", metavar="ID|NAME", help=project)
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


def _add_yes(parser: Parser, *, help: str = "do not ask") -> None:  # noqa: A002
    parser.add_argument("--yes", action="store_true", help=help)


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
    from gjobs.tui.cli.sessions import WorkProgress, work_through
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
    from gjobs.store.values.formats import money
    from gjobs.tui.text.format import count, utc_time
    from gjobs.tui.text.retention_text import nothing_found

    if not found.found:
        print_message(nothing_found(found))
        return ExitCode.DONE
    from gjobs.tui.cli.text_tables import STATUS_COLUMN, TableColumn
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


@in_session
async def list_policies(session: "Session", output: Output) -> ExitCode:
    from gjobs.store.retention.cleanup import get_policies

    policies = await get_policies(session.store)
    if output.json:
        output.document([json_documents.policy(policy) for policy in policies])
        return ExitCode.DONE
    from gjobs.tui.cli.text_tables import TableColumn
    from gjobs.tui.text.format import local_time
    from gjobs.tui.text.status_text import status_word

    names = await project_names(session.store)
    columns = (
        TableColumn(title="OLDER THAN", right=True),
        TableColumn(title="ACTION"),
        TableColumn(title="STATUS"),
        TableColumn(title="LAST APPLIED"),
        TableColumn(title="PROJECT", narrowest=10),
    )
    rows = [
        [
            formats.format_duration(round(policy.older_than.total_seconds())),
            policy.action.value,
            ", ".join(map(status_word, policy.statuses)),
            local_time(policy.applied_at) if policy.applied_at else "-",
            _owner_words(policy, names),
        ]
        for policy in policies
    ]
    output.table(columns, rows)
    if not policies:
        print_message("No policies: jobs are kept until somebody cleans up.")
    return ExitCode.DONE


def set_policy(
    settings: Settings,
    output: Output,
    *,
    older_than: timedelta,
    project: str | None,
    chosen_statuses: Sequence[AnyStatus],
    action: RetentionAction,
    yes: bool,
) -> ExitCode:
    if not yes:
        require_terminal()

        async def look(session: "Session") -> str:
            return await _question(session, older_than, project, chosen_statuses, action)

        require_yes(with_session(settings, look), unchanged="Nothing was set.")

    async def store(session: "Session") -> RetentionPolicy:
        from gjobs.store.retention.cleanup import set_policy

        return await set_policy(
            session.store,
            project_id=await _project_id(session, project),
            older_than=older_than,
            action=action,
            statuses=chosen_statuses,
        )

    policy = with_session(settings, store)
    if output.json:
        output.document(json_documents.policy(policy))
    else:
        print_message(
            "The policy is set. Workers with --cleanup apply it regularly."
            f" {command('cleanup policies apply')} applies it now."
        )
    return ExitCode.DONE


async def _question(
    session: "Session",
    older_than: timedelta,
    project: str | None,
    statuses: Sequence[AnyStatus],
    action: RetentionAction,
) -> str:
    from gjobs.store.retention.cleanup import count_expired, find_expired, get_policies
    from gjobs.tui.text.retention_text import policy_question

    if not session.access.may_write:
        raise session.access.refusal()
    await get_policies(session.store)  # raises before the question if retention policies are unsupported
    project_id = await _project_id(session, project)
    expired = await find_expired(
        session.store, older_than, statuses=statuses, project_id=project_id, spares_policies=project_id is None
    )
    return policy_question(
        await count_expired(session.store, expired),
        action,
        older_than=formats.format_duration(round(older_than.total_seconds())),
        project=project or ALL_OTHERS,
        database=session.full_name,
    )


def remove_policy(settings: Settings, output: Output, *, project: str | None, yes: bool) -> ExitCode:
    """Remove a policy. Asks only if the policy of all other projects would then apply to the project."""
    if not yes and (question := with_session(settings, partial(_what_applies_then, project=project))) is not None:
        require_terminal()
        require_yes(question, unchanged="Nothing was removed.")
    return _remove_policy(settings, output, project=project)


async def _what_applies_then(session: "Session", *, project: str | None) -> str | None:
    """Return the question, or None if no other policy would apply or there is no policy to remove."""
    from gjobs.store.retention.cleanup import count_expired, find_expired, get_policies
    from gjobs.tui.text.retention_text import bared_question

    if not session.access.may_write:
        raise session.access.refusal()
    project_id = await _project_id(session, project)
    by_project = {policy.project_id: policy for policy in await get_policies(session.store)}
    of_others = by_project.get(None)
    is_theirs = session.store.actor == OPERATOR  # other actors get no question, because the removal itself refuses them
    if not is_theirs or project is None or project_id not in by_project or of_others is None:
        return None
    expired = await find_expired(
        session.store, of_others.older_than, statuses=of_others.statuses, project_id=project_id
    )
    return bared_question(
        await count_expired(session.store, expired),
        of_others.action,
        older_than=formats.format_duration(round(of_others.older_than.total_seconds())),
        project=project,
        database=session.full_name,
    )


@in_session
async def _remove_policy(session: "Session", output: Output, *, project: str | None) -> ExitCode:
    from gjobs.store.retention.cleanup import remove_policy

    removed = await remove_policy(session.store, await _project_id(session, project))
    if removed is None:
        raise Declined("There is no such policy.", hint=f"{command('cleanup policies')} lists the policies.")
    if output.json:
        output.document(json_documents.policy(removed))
    else:
        print_message("The policy is removed.")
    return ExitCode.DONE


def apply_policies(settings: Settings, output: Output, *, yes: bool) -> ExitCode:
    from gjobs.tui.text.format import jobs_count

    agreed: Sequence[RetentionPolicy] | None = None
    if not yes:
        require_terminal()
        question, agreed = with_session(settings, _whole_question)
        require_yes(question, unchanged="Nothing was applied.")
    with orderly_termination(json=output.json):
        work_progress, names = with_session(settings, partial(_apply, agreed=agreed))
        if output.json:
            output.document(
                [{"policy": json_documents.policy(one.policy), "done": one.progress.done} for one in work_progress.last]
            )
        _print_runs(work_progress.last, names)
        if work_progress.is_stopped:
            done = jobs_count(sum(one.progress.done for one in work_progress.last))
            message = f"Stopped: the policies were applied to {done}. Run the same command to continue."
            return report_interruption(message, json=output.json)
    if not work_progress.last:
        print_message("No job is old enough for a policy.")
    return ExitCode.DONE


def _print_runs(done: "Sequence[PolicyRun]", names: dict[UUID, str]) -> None:
    from gjobs.tui.text.retention_text import applied

    for one in done:
        for sentence in applied(_owner_words(one.policy, names), one.policy.action, one.progress):
            print_message(sentence)


async def _whole_question(session: "Session") -> tuple[str, Sequence[RetentionPolicy]]:
    """Return the question and the policies that it covers."""
    from gjobs.store.retention.cleanup import count_expired, expired_by, get_policies
    from gjobs.tui.text.retention_text import whole_question

    if not session.access.may_write:
        raise session.access.refusal()
    names = await project_names(session.store)
    policies = await get_policies(session.store)
    found = [
        (
            _owner_words(policy, names),
            policy.action,
            await count_expired(session.store, await expired_by(session.store, policy)),
        )
        for policy in policies
    ]
    return whole_question(found, database=session.full_name), policies


async def _apply(
    session: "Session", *, agreed: Sequence[RetentionPolicy] | None
) -> tuple["WorkProgress[tuple[PolicyRun, ...]]", dict[UUID, str]]:
    """Return the last step of each policy, and the names of the projects."""
    from asyncio import CancelledError
    from collections.abc import AsyncGenerator

    from gjobs.store.retention.cleanup import apply_policies, get_policies
    from gjobs.store.values.formats import UnknownText
    from gjobs.tui.cli.sessions import WorkProgress, work_through
    from gjobs.tui.text.retention_text import broken_off, unknown_action

    async def steps() -> "AsyncGenerator[tuple[PolicyRun, ...], None]":
        last: dict[UUID, PolicyRun] = {}
        async for step in apply_policies(session.store, pause=timedelta(0), agreed=agreed):
            last[step.policy.id] = step
            yield tuple(last.values())

    names = await project_names(session.store)
    for policy in await get_policies(session.store):
        if isinstance(policy.action, UnknownText):
            print_message(unknown_action(_owner_words(policy, names), policy.action))
    work_progress = WorkProgress[tuple["PolicyRun", ...]](())
    try:
        await work_through(
            steps(), work_progress, lambda step: f"Applied to {sum(one.progress.done for one in step):,} jobs"
        )
    except StoreError:
        _print_runs(work_progress.last, names)
        print_message("An error stopped the run. Run the same command to continue.")
        raise
    except CancelledError:
        # The second interrupt doesn't wait for the batch.
        _print_runs(work_progress.last, names)
        done = BatchProgress(done=sum(one.progress.done for one in work_progress.last))
        raise Interrupted(broken_off("Applied the policies to", done, by="interrupt")) from None
    return work_progress, names


async def _project_id(session: "Session", project: str | None) -> UUID | None:
    return None if project is None else (await find_project(session.store, project)).id


def _owner_words(policy: RetentionPolicy, names: dict[UUID, str]) -> str:
    return ALL_OTHERS if policy.project_id is None else names.get(policy.project_id, str(policy.project_id))
