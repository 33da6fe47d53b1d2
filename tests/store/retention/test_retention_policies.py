"""Retention policies are set by the operator and applied by the first worker."""

import asyncio
from datetime import timedelta

import pytest

from gjobs.store.errors import Conflict, NoPrivilege, RowMissing
from gjobs.store.jobs.job import FINAL_STATUSES, JobStatus
from gjobs.store.retention.cleanup import PolicyRun, apply_policies, expired_by, get_policies, remove_policy, set_policy
from gjobs.store.retention.retention import RetentionAction, RetentionPolicy
from gjobs.store.store import Store
from tests.store.retention.conftest import RetentionJobs, archived, present
from tests.store.store_fixtures import NOTHING, NOW, Db, Sql

MONTH, YEARS = timedelta(days=30), timedelta(days=3650)
ARCHIVE, DELETE = RetentionAction.ARCHIVE, RetentionAction.DELETE
pytestmark = pytest.mark.usefixtures("no_policies")


async def applied(store: Store, pause: timedelta = timedelta(hours=1)) -> list[PolicyRun]:
    return [step async for step in apply_policies(store, pause=pause)]


async def test_policy_is_set_per_project_or_for_all_other_projects(operator: Store, jobs: RetentionJobs) -> None:
    with pytest.raises(RowMissing, match="or this user does not see it"):
        await set_policy(operator, project_id=NOTHING, older_than=MONTH, action=DELETE)
    first = await set_policy(operator, project_id=jobs.project, older_than=MONTH, action=DELETE)
    assert (first.project_id, first.statuses) == (jobs.project, FINAL_STATUSES)
    assert (first.older_than, first.action, first.applied_at) == (MONTH, DELETE, None)
    changed = await set_policy(
        operator,
        project_id=jobs.project,
        older_than=timedelta(days=1, hours=1),
        action=ARCHIVE,
        statuses=[JobStatus.FAILED, JobStatus.QUEUED],
    )
    assert (changed.id, changed.older_than) == (first.id, timedelta(days=1, hours=1))
    assert changed.statuses == (JobStatus.QUEUED, JobStatus.FAILED)
    others = await set_policy(operator, project_id=None, older_than=YEARS, action=ARCHIVE)
    assert await get_policies(operator) == [changed, others]


async def test_user_sees_their_policies_and_only_the_operator_changes_them(db: Db, jobs: RetentionJobs) -> None:
    policy = await set_policy(db.operator, project_id=jobs.project, older_than=MONTH, action=DELETE)
    assert await get_policies(db.ada) == [policy]
    assert await get_policies(db.ben) == []
    with pytest.raises(NoPrivilege, match="Only the operator"):
        await set_policy(db.ada, project_id=jobs.project, older_than=MONTH, action=DELETE)
    with pytest.raises(NoPrivilege, match="Only the operator"):
        await remove_policy(db.ada, jobs.project)
    assert await remove_policy(db.operator, None) is None
    assert await remove_policy(db.operator, jobs.project) == policy
    assert await get_policies(db.operator) == []


async def test_policies_are_applied_once_in_the_pause(operator: Store, jobs: RetentionJobs, sql: Sql, db: Db) -> None:
    before = present(sql)
    await set_policy(operator, project_id=jobs.other_project, older_than=MONTH, action=DELETE)
    await set_policy(operator, project_id=None, older_than=MONTH, action=ARCHIVE, statuses=[JobStatus.SUCCEEDED])
    assert [(step.policy.action, step.progress.done) for step in await applied(operator)] == [(DELETE, 1), (ARCHIVE, 4)]
    _, _, succeeded, _ = jobs.young  # Expired by the server's clock.
    assert archived(sql) == {*jobs.old[JobStatus.SUCCEEDED], succeeded}
    assert present(sql) == before - archived(sql) - {jobs.other}
    assert [policy.applied_at is not None for policy in await get_policies(operator)] == [True, True]

    await set_policy(operator, project_id=jobs.project, older_than=MONTH, action=ARCHIVE)
    assert [step.progress.done for step in await applied(operator)] == [4]
    assert await applied(operator) == []
    db.make_job(jobs.project, JobStatus.FAILED, created_at=NOW - timedelta(days=60))
    assert await applied(operator) == [], "the pause has not passed"
    assert [step.progress.done for step in await applied(operator, pause=timedelta(0))] == [1]


async def test_general_policy_skips_projects_with_their_own_policy(db: Db, jobs: RetentionJobs) -> None:
    await set_policy(db.operator, project_id=jobs.project, older_than=YEARS, action=DELETE)
    others = await set_policy(db.operator, project_id=None, older_than=MONTH, action=ARCHIVE)
    assert (await expired_by(db.operator, others)).spares_policies
    await applied(db.operator)
    assert archived(db.sql) == {jobs.other}
    assert jobs.finished <= present(db.sql)


async def test_each_policy_is_applied_by_only_one_of_several_workers(operator: Store, jobs: RetentionJobs) -> None:
    for project in (jobs.project, jobs.other_project):
        await set_policy(operator, project_id=project, older_than=MONTH, action=ARCHIVE)
    steps = await asyncio.gather(*(applied(operator) for _ in range(4)))
    by_policy: dict[RetentionPolicy, int] = {}
    for worker in steps:
        for policy in {step.policy for step in worker}:
            by_policy[policy] = by_policy.get(policy, 0) + 1
    assert set(by_policy.values()) == {1}
    assert len(by_policy) == 2


@pytest.mark.parametrize("change", ["removed", "changed", "applied by another"])
async def test_policy_that_changes_while_it_is_applied_stops(
    operator: Store, jobs: RetentionJobs, sql: Sql, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr("gjobs.store.retention.archive.FIRST", 1)
    before, project = present(sql), jobs.project
    await set_policy(operator, project_id=project, older_than=MONTH, action=DELETE, statuses=[JobStatus.FAILED])
    async for step in apply_policies(operator):
        assert step.progress.done == 1
        match change:
            case "removed":
                await remove_policy(operator, project)
            case "changed":
                await set_policy(operator, project_id=project, older_than=YEARS, action=ARCHIVE)
            case _:
                sql("update gjobs.retention_policies set applied_at = now()")
    assert len(before - present(sql)) == 1


async def test_agreed_policies_are_refused_after_they_have_changed(db: Db, jobs: RetentionJobs) -> None:
    before = present(db.sql)
    await set_policy(db.operator, project_id=None, older_than=YEARS, action=ARCHIVE)
    agreed = await get_policies(db.operator)
    await applied(db.operator)
    assert [step async for step in apply_policies(db.operator, pause=timedelta(0), agreed=agreed)] == []
    for project, age in ((None, MONTH), (jobs.project, MONTH)):
        await set_policy(db.operator, project_id=project, older_than=age, action=DELETE)
        with pytest.raises(Conflict, match="changed after you confirmed"):
            await anext(apply_policies(db.operator, pause=timedelta(0), agreed=agreed))
    assert present(db.sql) == before


async def test_policy_removed_before_its_turn_is_not_applied(operator: Store, jobs: RetentionJobs, sql: Sql) -> None:
    await set_policy(operator, project_id=jobs.project, older_than=MONTH, action=ARCHIVE)
    await set_policy(operator, project_id=jobs.other_project, older_than=MONTH, action=ARCHIVE)
    turns = []
    async for step in apply_policies(operator):
        turns.append(step.policy.project_id)
        sql("delete from gjobs.retention_policies where project_id <> %s", (turns[0],))
    assert len(set(turns)) == 1
    assert len({jobs.project, jobs.other_project} - set(turns)) == 1
