"""Which rows flash because their jobs changed."""

from collections.abc import Callable, Set
from uuid import UUID

from tui.dashboard.job_list.loaded_rows import LoadedRows

FLASH_SECONDS = 1.0
"""The time that a changed row, and a changed count, is highlighted."""


def changed_jobs(before: LoadedRows, after: LoadedRows) -> frozenset[UUID]:
    """Return the jobs that are in both and have changed. Unchanged jobs are the same objects in both."""
    if before is after:
        return frozenset()
    return frozenset(job.id for job in after.jobs if (old := before.get(job.id)) is not None and old is not job)


class RowFlashes:
    """The rows that flash now. Each change starts one timer, however many jobs have changed."""

    def __init__(self) -> None:
        self._started: dict[UUID, int] = {}
        """The number of the last change of each job."""
        self._changes = 0

    @property
    def jobs(self) -> Set[UUID]:
        return self._started.keys()

    def start(self, jobs: Set[UUID]) -> Callable[[], None]:
        """Let these rows flash. Return a function that ends this, except for rows that have flashed again since."""
        self._changes += 1
        number = self._changes
        self._started |= dict.fromkeys(jobs, number)
        return lambda: self._end(number)

    def clear(self) -> None:
        self._started.clear()

    def _end(self, number: int) -> None:
        self._started = {job_id: last for job_id, last in self._started.items() if last > number}
