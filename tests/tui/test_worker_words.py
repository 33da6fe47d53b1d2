"""What a worker says of the retention policies that it applies."""

from datetime import timedelta

from store.errors import Unreachable
from store.retention.retention import FINISHED, BatchProgress, RetentionAction, RetentionPolicy
from store.worker.worker_events import RetentionApplied, RetentionFailed
from tests.store.support import NOW
from tests.tui.world import AUTUMN, job_id
from tui.text.worker_text import worker_words


def policy(*, of_project: bool) -> RetentionPolicy:
    return RetentionPolicy(
        id=job_id(9),
        project_id=AUTUMN if of_project else None,
        statuses=FINISHED,
        older_than=timedelta(days=90),
        action=RetentionAction.DELETE,
        created_at=NOW,
        applied_at=NOW,
    )


def test_worker_words_report_jobs_deleted_by_retention() -> None:
    tidied = RetentionApplied(policy(of_project=True), BatchProgress(done=1))
    assert worker_words(tidied) == f"Deleted 1 job. Older than 90d, of project {AUTUMN}."


def test_worker_words_report_jobs_that_retention_could_not_delete() -> None:
    progress = BatchProgress(done=1_200, refused=2, refused_id=job_id(1), refusal="Paid jobs\x1b stay.")
    assert worker_words(RetentionApplied(policy(of_project=False), progress)) == (
        "Deleted 1,200 jobs. Older than 90d, of projects without a policy."
        f" 2 jobs were refused, such as {job_id(1)}: Paid jobs␛ stay."
    )


def test_worker_words_report_that_retention_failed() -> None:
    words = worker_words(RetentionFailed(Unreachable("The database is not reachable.")))
    assert words == "Retention policies wait until they are due again: The database is not reachable."
