"""The moments at which a link may die under a write, and the writes."""

from collections.abc import Awaitable, Callable, Mapping

from store.errors import OutcomeUnknown, StoreError
from store.jobs.job import JobStatus
from store.store import Store
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

"""Each with the verb that the database has for it."""

MOMENTS: Mapping[str, tuple[Cut, str, int]] = {
    **{moment: (cut, "not done", 0) for moment, cut in NOT_MADE.items()},
    "before the commit is sent": (NOT_COMMITTED, "unknown", 0),
    "when the commit was made": (COMMITTED, "unknown", 1),
    "after its answer": (CONFIRMED, "done", 1),
}

"""Each with what the store says of the write then, and how many changes are made."""


async def outcome_of(write: Awaitable[object]) -> str:
    """What the store says of it."""
    try:
        await write
    except OutcomeUnknown:
        return "unknown"
    except StoreError:
        return "not done"
    return "done"
