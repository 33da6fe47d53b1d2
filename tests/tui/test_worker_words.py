"""What a worker says of the retention policies that it applies."""

from datetime import timedelta

from store.errors import Unreachable
from store.retention.retention import FINISHED, Progress, RetentionAction, RetentionPolicy
from store.worker.worker_events import NotTidied, Tidied
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


def test_how_many_went() -> None:
    tidied = Tidied(policy(of_project=True), Progress(done=1))
    assert worker_words(tidied) == f"Deleted 1 job. Older than 90d, of project {AUTUMN}."


def test_and_which_stayed() -> None:
    progress = Progress(done=1_200, refused=2, refused_id=job_id(1), refusal="Paid jobs\x1b stay.")
    assert worker_words(Tidied(policy(of_project=False), progress)) == (
        "Deleted 1,200 jobs. Older than 90d, of projects without a policy."
        f" 2 jobs were refused, such as {job_id(1)}: Paid jobs␛ stay."
    )


def test_that_they_were_not_applied() -> None:
    words = worker_words(NotTidied(Unreachable("The database is not reachable.")))
    assert words == "Retention policies wait until they are due again: The database is not reachable."
