"""A worker's messages about retention policies."""

from datetime import timedelta
from uuid import UUID

import pytest

from gjobs.store.errors import Unreachable
from gjobs.store.jobs.job import FINAL_STATUSES
from gjobs.store.retention.retention import BatchProgress, RetentionAction, RetentionPolicy
from gjobs.store.worker.worker_events import RetentionApplied, RetentionFailed
from gjobs.tui.text.worker_text import worker_words
from tests.store.store_fixtures import NOW
from tests.tui.jobs_database import AUTUMN, job_id


def applied(progress: BatchProgress, project_id: UUID | None = None) -> RetentionApplied:
    policy = RetentionPolicy(
        id=job_id(9),
        project_id=project_id,
        statuses=FINAL_STATUSES,
        older_than=timedelta(days=90),
        action=RetentionAction.DELETE,
        created_at=NOW,
        applied_at=NOW,
    )
    return RetentionApplied(policy, progress)


REFUSED = BatchProgress(done=1_200, refused=2, refused_id=job_id(1), refusal="Paid jobs\x1b stay.")

REFUSALS = f"2 jobs were refused, for example {job_id(1)}: Paid jobs␛ stay."


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (applied(BatchProgress(done=1), AUTUMN), f"Deleted 1 job. Policy: older than 90d, project {AUTUMN}."),
        (
            applied(REFUSED),
            f"Deleted 1,200 jobs. Policy: older than 90d, all other projects. {REFUSALS}",
        ),
        (RetentionFailed(Unreachable("Gone.")), "Retention policies failed and will run when they are next due: Gone."),
    ],
)
def test_worker_words_report_what_retention_deleted(event: RetentionApplied | RetentionFailed, words: str) -> None:
    assert worker_words(event) == words
