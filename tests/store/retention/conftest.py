"""Old and young jobs of every status in two projects."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from gjobs.store.jobs.job import JobStatus
from gjobs.store.retention.cleanup import run_cleanup
from gjobs.store.retention.retention import BatchProgress, ExpiredJobs, RetentionAction
from gjobs.store.store import Store
from tests.store.store_fixtures import ADA, BEN, NOW, MakeProject, Sql

OLD = ExpiredJobs(created_before=NOW - timedelta(days=30))


async def last_of(steps: AsyncIterator[BatchProgress]) -> BatchProgress:
    last = BatchProgress()
    async for last in steps:  # noqa: B007
        pass
    return last


async def cleaned(
    store: Store, expired: ExpiredJobs = OLD, action: RetentionAction = RetentionAction.ARCHIVE
) -> BatchProgress:
    """Run a cleanup to its end."""
    return await last_of(run_cleanup(store, expired, action))


def present(sql: Sql) -> set[UUID]:
    return {row[0] for row in sql("select id from generation_jobs")}


def archived(sql: Sql) -> set[UUID]:
    return {row[0] for row in sql("select id from gjobs.archived_jobs")}


class RetentionJobs:
    """`old` and `young` hold the ids of jobs of Ada's project by status. `other` is an old job of Ben's."""

    def __init__(self, sql: Sql, make_project: MakeProject) -> None:
        self.project, self.other_project = make_project(ADA), make_project(BEN)
        self.old = {status: [uuid4() for _ in range(3)] for status in JobStatus}
        self.young = [uuid4() for _ in JobStatus]
        self.other = uuid4()
        rows = [
            (job_id, self.project, status, number, NOW - timedelta(days=60 + number))
            for status, ids in self.old.items()
            for number, job_id in enumerate(ids)
        ]
        rows += [(job_id, self.project, status, 250, NOW) for job_id, status in zip(self.young, JobStatus, strict=True)]
        rows.append((self.other, self.other_project, JobStatus.FAILED, 7, NOW - timedelta(days=90)))
        sql(
            "insert into generation_jobs (id, user_id, project_id, status, mode, cost_cents, created_at, updated_at)"
            " select job, p.user_id, p.id, status, 'lifestyle', cents, at, %s"
            " from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::integer[], %s::timestamptz[])"
            " as given (job, project, status, cents, at) join projects p on p.id = project",
            [NOW, *map(list, zip(*rows, strict=True))],
        )

    @property
    def finished(self) -> set[UUID]:
        """Ada's old finished jobs."""
        return {*self.old[JobStatus.SUCCEEDED], *self.old[JobStatus.FAILED]}


@pytest.fixture
def jobs(sql: Sql, make_project: MakeProject) -> RetentionJobs:
    return RetentionJobs(sql, make_project)
