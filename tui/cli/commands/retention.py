"""gjobs retention: list, set, remove, apply."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store import formats
from gjobs.store.advice import command
from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import AnyStatus
from gjobs.store.retention.retention import BatchProgress, RetentionAction, RetentionPolicy
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.arguments import age, find_project, project_names
from gjobs.tui.cli.command import ActorRule, Command
from gjobs.tui.cli.commands.cleanup import add_finished_statuses
from gjobs.tui.cli.exit_codes import Declined, ExitCode, Interrupted
from gjobs.tui.cli.interruption import orderly_termination
from gjobs.tui.cli.output import Output, print_message, report_interruption, require_terminal, require_yes
from gjobs.tui.cli.parser import Parser, add_command, add_commands
from gjobs.tui.cli.sessions import in_session, with_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from gjobs.store.retention.retention_policies import PolicyRun
    from gjobs.tui.cli.interruption import WorkProgress
    from gjobs.tui.cli.parser import Commands
    from gjobs.tui.session import Session

ALL_OTHERS = "all other projects"


def add_retention(commands: "Commands") -> None:
    group = add_command(
        commands, "retention", None, help="set how long jobs are kept, by project", example="gjobs retention list"
    )
    retention = add_commands(group, usual="list")
    add_command(
        retention, "list", _command(list_policies), help="list the policies", example="gjobs retention list --json"
    )
    setting = add_command(
        retention,
        "set",
        _command(set_policy),
        help="set a project's policy, or the policy for all other projects",
        example="gjobs retention set --older-than 90d --project 'Autumn catalog'",
    )
    add = setting.add_argument
    add("--older-than", type=age, metavar="AGE", required=True, help="only jobs older than this: 30d, 8w")
    _add_project(setting)
    add_finished_statuses(setting)
    add(
        "--delete",
        dest="action",
        action="store_const",
        const=RetentionAction.DELETE,
        default=RetentionAction.ARCHIVE,
        help="delete the jobs permanently (default: archive them)",
    )
    add("--yes", action="store_true", help="do not ask")
    removing = add_command(
        retention,
        "remove",
        _command(remove_policy),
        help="remove a project's policy, or the policy for all other projects",
        example="gjobs retention remove --project 'Autumn catalog'",
    )
    _add_project(removing)
    removing.add_argument(
        "--yes",
        action="store_true",
        help="do not ask, even if the policy for all other projects then covers this project",
    )
    applying = add_command(
        retention,
        "apply",
        _command(apply_policies),
        help="apply all policies now",
        example="gjobs retention apply --yes",
    )
    applying.add_argument("--yes", action="store_true", help="do not ask")


def _command(run: "Callable[..., ExitCode]") -> Command:
    return Command(run=run, actor_rule=ActorRule.OPERATOR_UNLESS_ASKED, ignores_app_variable=True)


def _add_project(parser: Parser) -> None:
    parser.add_argument("--project", metavar="ID|NAME", help=f"the project of the policy (default: {ALL_OTHERS})")


@in_session
async def list_policies(session: "Session", output: Output) -> ExitCode:
    from gjobs.store.retention.retention_policies import get_policies

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
        from gjobs.store.retention.retention_policies import set_policy

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
            "The policy is set. Workers with --retention apply it regularly."
            f" {command('retention apply')} applies it now."
        )
    return ExitCode.DONE


async def _question(
    session: "Session",
    older_than: timedelta,
    project: str | None,
    statuses: Sequence[AnyStatus],
    action: RetentionAction,
) -> str:
    from gjobs.store.retention.cleanup import count_expired, find_expired
    from gjobs.store.retention.retention_policies import get_policies
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
    from gjobs.store.retention.cleanup import count_expired, find_expired
    from gjobs.store.retention.retention_policies import get_policies
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
    from gjobs.store.retention.retention_policies import remove_policy

    removed = await remove_policy(session.store, await _project_id(session, project))
    if removed is None:
        raise Declined("There is no such policy.", hint=f"{command('retention list')} lists the policies.")
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
        _print_summary(work_progress.last, names)
        if work_progress.is_stopped:
            done = jobs_count(sum(one.progress.done for one in work_progress.last))
            message = f"Stopped: the policies were applied to {done}. Run the same command to continue."
            return report_interruption(message, json=output.json)
    if not work_progress.last:
        print_message("No job is old enough for a policy.")
    return ExitCode.DONE


def _print_summary(done: "Sequence[PolicyRun]", names: dict[UUID, str]) -> None:
    from gjobs.tui.text.retention_text import applied

    for one in done:
        for sentence in applied(_owner_words(one.policy, names), one.policy.action, one.progress):
            print_message(sentence)


async def _whole_question(session: "Session") -> tuple[str, Sequence[RetentionPolicy]]:
    """Return the question and the policies that it covers."""
    from gjobs.store.retention.cleanup import count_expired
    from gjobs.store.retention.retention_policies import expired_by, get_policies
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

    from gjobs.store.formats import UnknownText
    from gjobs.store.retention.retention_policies import apply_policies, get_policies
    from gjobs.tui.cli.interruption import WorkProgress, work_through
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
        _print_summary(work_progress.last, names)
        print_message("An error stopped the run. Run the same command to continue.")
        raise
    except CancelledError:
        # The second interrupt doesn't wait for the batch.
        _print_summary(work_progress.last, names)
        done = BatchProgress(done=sum(one.progress.done for one in work_progress.last))
        raise Interrupted(broken_off("Applied the policies to", done, by="interrupt")) from None
    return work_progress, names


async def _project_id(session: "Session", project: str | None) -> UUID | None:
    return None if project is None else (await find_project(session.store, project)).id


def _owner_words(policy: RetentionPolicy, names: dict[UUID, str]) -> str:
    return ALL_OTHERS if policy.project_id is None else names.get(policy.project_id, str(policy.project_id))
