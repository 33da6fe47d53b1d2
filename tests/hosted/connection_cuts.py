"""Writes, and the moments at which the connection may be cut during a write."""

from collections.abc import Awaitable, Callable, Mapping

from gjobs.store.errors import OutcomeUnknown, StoreError
from gjobs.store.jobs.job import JobStatus
from gjobs.store.store import Store
from tests.store.faulty_servers import CHANGE, COMMIT, WRITE_OPENS, Cut
from tests.tui.jobs_database import AUTUMN, job_id

NOT_MADE: Mapping[str, Cut] = {
    "before the transaction opens": Cut(at=WRITE_OPENS, reaches_database=False),
    "when it has opened": Cut(at=WRITE_OPENS),
    "before the change is sent": Cut(at=CHANGE, reaches_database=False),
    "when the change has run": Cut(at=CHANGE),
}

NOT_COMMITTED = Cut(at=COMMIT, reaches_database=False)

COMMITTED = Cut(at=COMMIT)

CONFIRMED = Cut(at=COMMIT, answer_reaches_client=True)

QUEUED = job_id(1)

WRITES: Mapping[str, tuple[Callable[[Store], Awaitable[object]], str]] = {
    "create": (lambda store: store.create_generation_job(project_id=AUTUMN, mode="lifestyle"), "insert"),
    "update": (lambda store: store.update_generation_job(QUEUED, cost_cents=7), "update"),
    "transition": (lambda store: store.transition_job_status(QUEUED, JobStatus.RUNNING), "update"),
    "delete": (lambda store: store.delete_generation_job(QUEUED), "delete"),
}
"""Each write, with the SQL command that it runs."""

MOMENTS: Mapping[str, tuple[Cut, str, int]] = {
    **{moment: (cut, "not done", 0) for moment, cut in NOT_MADE.items()},
    "before the commit is sent": (NOT_COMMITTED, "unknown", 0),
    "when the commit was made": (COMMITTED, "unknown", 1),
    "after its answer": (CONFIRMED, "done", 1),
}
"""Each moment, with the outcome that the store reports and the number of changes."""


async def outcome_of(write: Awaitable[object]) -> str:
    """Return the outcome that the store reports."""
    try:
        await write
    except OutcomeUnknown:
        return "unknown"
    except StoreError:
        return "not done"
    return "done"
