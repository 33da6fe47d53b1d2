"""Old and young jobs of every status in two projects."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from gjobs.store.jobs.job import JobStatus
from gjobs.store.retention.cleanup import run_cleanup
from gjobs.store.retention.retention import BatchProgress, ExpiredJobs, RetentionAction
from gjobs.store.store import Store
from tests.store.store_fixtures import ADA, BEN, NOW, MakeJob, MakeProject, Sql

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

    def __init__(self, make_project: MakeProject, make_job: MakeJob) -> None:
        self.project, self.other_project = make_project(ADA), make_project(BEN)
        self.old = {
            status: [
                make_job(self.project, status, created_at=NOW - timedelta(days=60 + number), cost_cents=number)
                for number in range(3)
            ]
            for status in JobStatus
        }
        self.young = [make_job(self.project, status, created_at=NOW) for status in JobStatus]
        self.other = make_job(self.other_project, JobStatus.FAILED, created_at=NOW - timedelta(days=90), cost_cents=7)

    @property
    def finished(self) -> set[UUID]:
        """Ada's old finished jobs."""
        return {*self.old[JobStatus.SUCCEEDED], *self.old[JobStatus.FAILED]}


@pytest.fixture
def jobs(make_project: MakeProject, make_job: MakeJob) -> RetentionJobs:
    return RetentionJobs(make_project, make_job)
