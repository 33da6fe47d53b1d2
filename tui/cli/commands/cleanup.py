"""gjobs cleanup, and work on many jobs in batches, with its progress and its end."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import StoreError, command
from gjobs.store.jobs.job import FINAL_STATUSES, AnyStatus
from gjobs.store.retention import retention
from gjobs.store.users.actor import OPERATOR
from gjobs.store.values import formats
from gjobs.store.values.formats import UnknownText
from gjobs.tui.cli import arguments, sessions
from gjobs.tui.cli.command import ActorRule, Command, Group, constant, either, option, switch
from gjobs.tui.cli.output import Declined, Interrupted, Output, PartlyDeclined, print_message
from gjobs.tui.export.export_files import Document

if TYPE_CHECKING:
    from gjobs.store.retention.cleanup import PolicyRun
    from gjobs.tui.session import Session
    from gjobs.tui.text.retention_text import CleanupTarget


async def find_target(session: "Session", project: str | None) -> "tuple[UUID | None, CleanupTarget]":
    """Return the project's id, or None for all projects, and the target to confirm. Raises as `find_project` does."""
    from gjobs.tui.text.retention_text import CleanupTarget

    found = None if project is None else await arguments.find_project(session.store, project)
    name = found.name if found else None
    target = CleanupTarget(actor=session.store.actor, database=session.full_name, project_name=name)
    return found.id if found else None, target


@contextmanager
def end_reported(done: Callable[[], int], partial_result: Callable[[str], str]) -> Iterator[None]:
    """Report the partial result if an `error` or an `interrupt` stops the work. `done` returns the number of jobs."""
    from asyncio import CancelledError

    try:
        yield
    except StoreError:
        if done():
            print_message(partial_result("error"))
        raise
    except CancelledError:
        # The second interrupt doesn't wait for the batch.
        raise Interrupted(partial_result("interrupt")) from None


async def run_batches(
    output: Output,
    steps: AsyncGenerator[retention.BatchProgress, None],
    count_left: Callable[[], Awaitable[Sequence[retention.StatusCount]]],
    document: Callable[[sessions.WorkProgress[retention.BatchProgress], int], object],
    *,
    found: int,
    doing: str,
    verb: str,
) -> None:
    """Work through the batches, and report the result. `document` also gets the number of jobs that remain.

    Raises PartlyDeclined if jobs were refused or none was changed, and Interrupted if an interrupt stopped the work.
    """
    from gjobs.tui.text import retention_text

    work = sessions.WorkProgress(retention.BatchProgress())
    with end_reported(lambda: work.last.done, lambda by: retention_text.partial_result(verb, work.last, by=by)):
        await sessions.work_through(steps, work, lambda step: retention_text.progress(doing, step, found))
        left = sum(row.count for row in await count_left())
    output.document(document(work, left))
    print_dropped(work.last.dropped_columns)
    if work.is_stopped:
        raise Interrupted(retention_text.stopped(verb, work.last, left))
    sentences = [retention_text.result(verb, work.last), *retention_text.why_left(work.last, left)]
    if work.last.refused or not work.last.done:
        raise PartlyDeclined(sentences)
    print_message(*sentences)


def progress_document(work: sessions.WorkProgress[retention.BatchProgress], left: int) -> dict[str, object]:
    return {"done": work.last.done, "left": left, "stopped": work.is_stopped}


def print_dropped(columns: Sequence[str]) -> None:
    """Name the columns of archived jobs that the app's table no longer has."""
    from gjobs.tui.text.write_text import dropped_words

    print_message(dropped_words(columns))


ALL_OTHERS = "all other projects"

_command = partial(Command, actor_rule=ActorRule.OPERATOR_UNLESS_ASKED, ignores_app_variable=True)
_POLICY_PROJECT = option(str, "ID|NAME", f"the project of the policy (default: {ALL_OTHERS})")
_AGE = option(arguments.job_age, "AGE", "only jobs older than this: 12h, 30d, 8w", required=True)
_STATUSES = option(
    arguments.statuses,
    "STATUS,…",
    f"only jobs in these statuses (default: {','.join(FINAL_STATUSES)})",
    flag="--status",
    default=FINAL_STATUSES,
)
_ACTION = either(
    constant(
        retention.RetentionAction.ARCHIVE,
        "move the jobs to the archive (default)",
        flag="--archive",
        default=retention.RetentionAction.ARCHIVE,
    ),
    constant(retention.RetentionAction.DELETE, "delete the jobs permanently", flag="--delete"),
)


@_command(name="run", example="gjobs cleanup --older-than 30d --dry-run")
def clean_up_jobs(
    settings: Settings,
    output: Output,
    *,
    older_than: timedelta = _AGE,
    chosen_statuses: Sequence[AnyStatus] = _STATUSES,
    project: str | None = arguments.PROJECT,
    action: retention.RetentionAction = _ACTION,
    dry_run: bool = switch("count the jobs and change nothing"),
    yes: bool = arguments.YES,
) -> None:
    """Archive or delete old jobs once; asks first."""

    async def prepare(session: "Session") -> tuple[retention.CleanupPreview, str] | None:
        from gjobs.store.retention.cleanup import preview_cleanup
        from gjobs.tui.text.retention_text import clean_up_question

        if not dry_run:
            session.access.require()
        project_id, target = await find_target(session, project)
        found = await preview_cleanup(
            session.store,
            older_than,
            statuses=chosen_statuses,
            project_id=project_id,
            action=action,
            otherwise="Or use --delete.",
        )
        if not found.found:
            arguments.explain_no_jobs(chosen_statuses)
        if dry_run or not found.found:
            _show(output, found, is_dry=dry_run)
            return None
        return found, clean_up_question(found, target)

    async def clean_up(session: "Session", found: retention.CleanupPreview) -> None:
        from gjobs.store.retention.cleanup import count_expired, run_cleanup
        from gjobs.tui.text.retention_text import DOING, DONE

        await run_batches(
            output,
            run_cleanup(session.store, found.expired, action),
            lambda: count_expired(session.store, found.expired),
            lambda work, left: {**_document(found, is_dry=False), **progress_document(work, left)},
            found=found.found,
            doing=DOING[action],
            verb=DONE[action],
        )

    sessions.ask_then(settings, prepare, clean_up, yes=yes or dry_run, unchanged=f"Nothing was {action.value}d.")


def _document(found: retention.CleanupPreview, *, is_dry: bool) -> dict[str, object]:
    of_jobs = {"created_before": found.expired.created_before, "project_id": found.expired.project_id}
    return {"action": found.action, "dry_run": is_dry, **of_jobs, "by_status": found.counts, "found": found.found}


def _show(output: Output, found: retention.CleanupPreview, *, is_dry: bool) -> None:
    nothing_done = progress_document(sessions.WorkProgress(retention.BatchProgress()), found.found)
    if output.document({**_document(found, is_dry=is_dry), **nothing_done}):
        return
    from gjobs.tui.text.format import Column, count, utc_time
    from gjobs.tui.text.retention_text import nothing_found

    if not found.found:
        print_message(nothing_found(found))
        return
    from gjobs.tui.cli.text_tables import STATUS_COLUMN

    columns: Sequence[Column[retention.StatusCount]] = (
        STATUS_COLUMN,
        Column("JOBS", lambda row: count(row.count), right=True),
        Column("COST", lambda row: formats.money(row.total_cost_cents), right=True),
        Column("OLDEST", lambda row: utc_time(row.oldest_at)),
    )
    cost = formats.money(sum(row.total_cost_cents for row in found.counts))
    output.table(columns, found.counts, total=["total", count(found.found), cost, ""])
    print_message(f"These jobs were created before {utc_time(found.expired.created_before)}. Nothing was changed.")


_Seen = tuple[UUID | None] | None
"""The project that the question is about, even if it is renamed before the answer. None if nobody was asked."""

_POLICY = Document(
    retention.RetentionPolicy,
    "id project_id statuses",
    ("older_than_seconds", lambda policy: round(policy.older_than.total_seconds())),
    "action created_at applied_at",
)


@_command(name="list", example="gjobs cleanup policies --json")
async def list_policies(session: "Session", output: Output) -> None:
    """List the policies."""
    from gjobs.store.retention.cleanup import get_policies

    policies = await get_policies(session.store)
    if output.document(map(_POLICY, policies)):
        return
    from gjobs.tui.text.format import Column, local_time
    from gjobs.tui.text.status_text import status_word

    names = await arguments.project_names(session.store)
    columns: Sequence[Column[retention.RetentionPolicy]] = (
        Column("OLDER THAN", lambda policy: _age_words(policy.older_than), right=True),
        Column("ACTION", lambda policy: policy.action.value),
        Column("STATUS", lambda policy: ", ".join(map(status_word, policy.statuses))),
        Column("LAST APPLIED", lambda policy: local_time(policy.applied_at) if policy.applied_at else "-"),
        Column("PROJECT", lambda policy: _owner_words(policy, names), least=10),
    )
    output.table(columns, policies)
    if not policies:
        print_message("No policies: jobs are kept until somebody cleans up.")


@_command(name="set", example="gjobs cleanup policies set --older-than 90d --project 'Autumn catalog'")
def set_policy(
    settings: Settings,
    output: Output,
    *,
    older_than: timedelta = _AGE,
    chosen_statuses: Sequence[AnyStatus] = _STATUSES,
    project: str | None = _POLICY_PROJECT,
    action: retention.RetentionAction = _ACTION,
    yes: bool = arguments.YES,
) -> None:
    """Set a project's policy, or the policy for all other projects."""

    async def prepare(session: "Session") -> tuple[_Seen, str]:
        from gjobs.store.retention.cleanup import count_expired, find_expired, get_policies
        from gjobs.tui.text.retention_text import policy_question

        session.access.require()
        await get_policies(session.store)  # raises before the question if retention policies are unsupported
        project_id = await arguments.find_project_id(session.store, project)
        expired = await find_expired(
            session.store,
            older_than,
            statuses=chosen_statuses,
            project_id=project_id,
            spares_policies=project_id is None,
        )
        return (project_id,), policy_question(
            await count_expired(session.store, expired),
            action,
            older_than=_age_words(older_than),
            project=project or ALL_OTHERS,
            database=session.full_name,
        )

    async def store(session: "Session", seen: _Seen) -> None:
        from gjobs.store.retention.cleanup import set_policy

        (project_id,) = seen or (await arguments.find_project_id(session.store, project),)
        policy = await set_policy(
            session.store,
            project_id=project_id,
            older_than=older_than,
            action=action,
            statuses=chosen_statuses,
        )
        if not output.document(_POLICY(policy)):
            print_message(
                "The policy is set. Workers with --cleanup apply it once an hour."
                f" {command('cleanup policies apply')} applies it now."
            )

    sessions.ask_then(settings, prepare, store, yes=yes, unseen=None, unchanged="Nothing was set.")


@_command(name="remove", example="gjobs cleanup policies remove --project 'Autumn catalog'")
def remove_policy(
    settings: Settings,
    output: Output,
    *,
    project: str | None = _POLICY_PROJECT,
    yes: bool = switch("do not ask, even if the policy for all other projects then covers this project"),
) -> None:
    """Remove a project's policy, or the policy for all other projects.

    Asks only if the policy of all other projects would then apply to the project.
    """

    async def prepare(session: "Session") -> tuple[_Seen, str | None]:
        """Return the question, or None if no other policy would apply or there is no policy to remove."""
        from gjobs.store.retention.cleanup import count_expired, find_expired, get_policies
        from gjobs.tui.text.retention_text import policy_removal_question

        session.access.require()
        project_id = await arguments.find_project_id(session.store, project)
        by_project = {policy.project_id: policy for policy in await get_policies(session.store)}
        of_others = by_project.get(None)
        is_theirs = session.store.actor == OPERATOR  # the removal itself refuses other actors, so they get no question
        if not is_theirs or project is None or project_id not in by_project or of_others is None:
            return (project_id,), None
        expired = await find_expired(
            session.store, of_others.older_than, statuses=of_others.statuses, project_id=project_id
        )
        return (project_id,), policy_removal_question(
            await count_expired(session.store, expired),
            of_others.action,
            older_than=_age_words(of_others.older_than),
            project=project,
            database=session.full_name,
        )

    async def remove(session: "Session", seen: _Seen) -> None:
        from gjobs.store.retention.cleanup import remove_policy

        (project_id,) = seen or (await arguments.find_project_id(session.store, project),)
        removed = await remove_policy(session.store, project_id)
        if removed is None:
            raise Declined("There is no such policy.", hint=f"{command('cleanup policies')} lists the policies.")
        if not output.document(_POLICY(removed)):
            print_message("The policy is removed.")
        sessions.print_caution(session)

    unchanged = "Nothing was removed."
    sessions.ask_then(settings, prepare, remove, yes=yes, unseen=None, unchanged=unchanged, always_asks=False)


@_command(name="apply", example="gjobs cleanup policies apply --yes")
def apply_policies(settings: Settings, output: Output, *, yes: bool = arguments.YES) -> None:
    """Apply all policies now."""
    apply = partial(_apply, output)
    sessions.ask_then(settings, _prepare, apply, yes=yes, unseen=None, unchanged="Nothing was applied.")


async def _prepare(session: "Session") -> tuple[Sequence[retention.RetentionPolicy] | None, str]:
    """Return the policies and the question."""
    from gjobs.store.retention.cleanup import count_expired, expired_by, get_policies
    from gjobs.tui.text.retention_text import policies_question

    session.access.require()
    names = await arguments.project_names(session.store)
    policies = await get_policies(session.store)
    found = [
        (
            _owner_words(policy, names),
            policy.action,
            await count_expired(session.store, await expired_by(session.store, policy)),
        )
        for policy in policies
    ]
    return policies, policies_question(found, database=session.full_name)


async def _apply(output: Output, session: "Session", agreed: Sequence[retention.RetentionPolicy] | None) -> None:
    from gjobs.store.retention.cleanup import apply_policies, get_policies
    from gjobs.tui.text import retention_text
    from gjobs.tui.text.format import jobs_count

    async def steps() -> "AsyncGenerator[Sequence[PolicyRun], None]":
        last: dict[UUID, PolicyRun] = {}
        async for step in apply_policies(session.store, pause=timedelta(0), agreed=agreed):
            last[step.policy.id] = step
            yield tuple(last.values())

    def done() -> retention.BatchProgress:
        return retention.BatchProgress(done=sum(run.progress.done for run in work.last))

    def policy_results() -> list[str]:
        results = (
            retention_text.applied(_owner_words(run.policy, names), run.policy.action, run.progress)
            for run in work.last
        )
        return [sentence for sentences in results for sentence in sentences]

    def partial_result(by: str) -> str:
        print_message(*policy_results())
        if by == "error":
            return "An error stopped the run. Run the same command to continue."
        return retention_text.partial_result("Applied the policies to", done(), by=by)

    work = sessions.WorkProgress[Sequence["PolicyRun"]](())
    names = await arguments.project_names(session.store)
    for policy in await get_policies(session.store):
        if isinstance(policy.action, UnknownText):
            print_message(retention_text.unknown_action(_owner_words(policy, names), policy.action))
    with end_reported(lambda: done().done, partial_result):
        await sessions.work_through(steps(), work, lambda _: f"Applied to {done().done:,} jobs")
    output.document({"policy": _POLICY(run.policy), "done": run.progress.done} for run in work.last)
    if not work.is_stopped and any(run.progress.refused for run in work.last):
        raise PartlyDeclined(policy_results())
    print_message(*policy_results())
    if work.is_stopped:
        applied = jobs_count(done().done)
        raise Interrupted(f"Stopped: the policies were applied to {applied}. Run the same command to continue.")
    if not work.last:
        print_message("No job is old enough for a policy.")


def _age_words(age: timedelta) -> str:
    return formats.format_duration(round(age.total_seconds()))


def _owner_words(policy: retention.RetentionPolicy, names: dict[UUID, str]) -> str:
    return ALL_OTHERS if policy.project_id is None else names.get(policy.project_id, str(policy.project_id))


_POLICIES = Group(
    name="policies",
    help="set how long jobs are kept, by project",
    example="gjobs cleanup policies",
    default="list",
    commands=[list_policies, set_policy, remove_policy, apply_policies],
)
CLEANUP = Group(
    name="cleanup",
    help="archive or delete old jobs, once or by policies",
    example="gjobs cleanup --older-than 30d --dry-run",
    default="run",
    commands=[clean_up_jobs, _POLICIES],
)
