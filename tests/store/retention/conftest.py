"""Old and young jobs of every status in two projects."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from gjobs.store.jobs.job import JobStatus
from gjobs.store.retention.cleanup import run_cleanup
from gjobs.store.retention.retention import BatchProgress, ExpiredJobs, RetentionAction
from gjobs.store.store import Store
from tests.store.store_fixtures import ADA, BEN, NOW, Db, Sql

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

    def __init__(self, db: Db) -> None:
        self.project, self.other_project = db.make_project(ADA), db.make_project(BEN)
        self.old = {status: [uuid4() for _ in range(3)] for status in JobStatus}
        self.young = [uuid4() for _ in JobStatus]
        self.other = uuid4()
        ids = [(status, number, job_id) for status, some in self.old.items() for number, job_id in enumerate(some)]
        young = zip(self.young, JobStatus, strict=True)
        db.make_jobs(
            [
                *(
                    self._row(one, status, cents, created=NOW - timedelta(days=60 + cents))
                    for status, cents, one in ids
                ),
                *(self._row(one, status, 250, created=NOW) for one, status in young),
                self._row(
                    self.other, JobStatus.FAILED, 7, created=NOW - timedelta(days=90), project=self.other_project
                ),
            ]
        )

    def _row(
        self, job_id: UUID, status: JobStatus, cents: int, *, created: datetime, project: UUID | None = None
    ) -> dict[str, object]:
        values = {"id": job_id, "project_id": project or self.project, "status": status}
        return {**values, "cost_cents": cents, "created_at": created}

    @property
    def finished(self) -> set[UUID]:
        """Ada's old finished jobs."""
        return {*self.old[JobStatus.SUCCEEDED], *self.old[JobStatus.FAILED]}


@pytest.fixture
def jobs(db: Db) -> RetentionJobs:
    return RetentionJobs(db)
