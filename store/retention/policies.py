"""How long jobs are kept, by project: policies that the operator sets, and that a worker applies now and then."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from store.actor import ActingUser
from store.capabilities import Feature
from store.errors import Conflict, NoPrivilege
from store.model import JobStatus
from store.retention.cleaning import clean_up, expired_since
from store.retention.model import FINISHED, Expired, Progress, RetentionAction, RetentionPolicy
from store.statements import retention as statements
from store.store import Store
from store.writing import explain, validation
from store.writing.written import Written

MOST = 1_000
PAUSE = timedelta(hours=1)
"""Between two times that a policy is applied, whoever does."""


async def get_policies(store: Store, *, limit: int = MOST) -> Sequence[RetentionPolicy]:
    """The oldest first. A user knows of those of their own projects, and of that of all others."""
    return await store.reach.read(statements.all_policies(limit=validation.limit(limit)), needs=Feature.RETENTION)


async def set_policy(
    store: Store,
    *,
    project_id: UUID | None,
    older_than: timedelta,
    action: RetentionAction,
    statuses: Sequence[JobStatus] = FINISHED,
) -> RetentionPolicy:
    """In place of the one that the project (None: all without one of their own) has. Raises RowMissing without such a
    project.
    """
    _require_operator(store)
    if project_id is not None and await store.get_project(project_id) is None:
        raise explain.no_project(project_id)
    wanted = tuple(status for status in JobStatus if status in statuses)
    async with store.reach.write(Feature.RETENTION) as transaction:
        (policy,) = await transaction.run(
            statements.set_policy(project_id=project_id, statuses=wanted, older_than=older_than, action=action)
        )
        transaction.keep(Written(what="set a retention policy", touched=(policy.id,)))
        return policy


async def remove_policy(store: Store, project_id: UUID | None) -> RetentionPolicy | None:
    """None where there was none."""
    _require_operator(store)
    async with store.reach.write(Feature.RETENTION) as transaction:
        removed = await transaction.run(statements.remove_policy(project_id))
        for policy in removed:
            transaction.keep(Written(what="remove a retention policy", touched=(policy.id,)))
    return next(iter(removed), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applying:
    policy: RetentionPolicy
    progress: Progress
    """Of this policy's jobs."""


async def apply_policies(
    store: Store, *, pause: timedelta = PAUSE, agreed: Sequence[RetentionPolicy] | None = None
) -> AsyncGenerator[Applying, None]:
    """Of those that nobody has begun to apply for so long, one after the other; what is done so far, again and again.

    Of several workers that call it at the same time each policy is one's. Whoever reads no further has stopped it; what
    is left is gone on with the next time. One that is changed or removed meanwhile, or that somebody else has begun to
    apply since, is left after the batch under way.

    `agreed` are all policies as somebody was asked about them: where there are others by now, for the one of a project
    says what is left to that of all others, Conflict is raised and nothing applied. None: whatever there is.
    """
    for policy in await _take_due(store, pause, agreed):
        if not await _stands(store, policy):
            continue
        async with aclosing(clean_up(store, await expired_by(store, policy), policy.action)) as steps:
            async for progress in steps:
                yield Applying(policy=policy, progress=progress)
                if not await _stands(store, policy):
                    break


async def expired_by(store: Store, policy: RetentionPolicy) -> Expired:
    """The jobs that the policy is about at this moment."""
    return await expired_since(
        store,
        policy.older_than,
        statuses=policy.statuses,
        project_id=policy.project_id,
        spares_policies=policy.project_id is None,
    )


async def _stands(store: Store, policy: RetentionPolicy) -> bool:
    return await store.reach.read(statements.policy(policy.id), needs=Feature.RETENTION) == [policy]


async def _take_due(
    store: Store, pause: timedelta, agreed: Sequence[RetentionPolicy] | None
) -> Sequence[RetentionPolicy]:
    async with store.reach.write(Feature.RETENTION) as transaction:
        if agreed is not None:
            present = await transaction.run(statements.all_policies(limit=MOST))
            if _what_they_say(present) != _what_they_say(agreed):
                raise Conflict(
                    "The policies have been changed since the question: nothing was applied.",
                    hint="Ask anew what they would do now.",
                )
        due = await transaction.run(statements.take_due(pause))
        if due:
            transaction.keep(Written(what="apply retention policies", touched=tuple(policy.id for policy in due)))
    return due


def _what_they_say(policies: Sequence[RetentionPolicy]) -> set[RetentionPolicy]:
    """Whenever they were applied."""
    return {replace(policy, applied_at=None) for policy in policies}


def _require_operator(store: Store) -> None:
    if isinstance(store.actor, ActingUser):
        raise NoPrivilege("Only the operator sets how long jobs are kept.", hint="Leave --as out.")
