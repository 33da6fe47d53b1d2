"""The last changes of status, from comparing two listings."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.jobs.job import AnyStatus, GenerationJob
from gjobs.tui.dashboard.statistics.state_flash import LONGEST_TRANSACTION

if TYPE_CHECKING:
    from gjobs.store.job_list.list_query import ListQuery
    from gjobs.store.job_list.listing import Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of a job's status, as two listings show it."""

    job: GenerationJob
    """The job after the change."""
    before: AnyStatus | None
    """The status that an earlier listing showed. None if none showed the job."""
    at: datetime

    @property
    def path(self) -> tuple[AnyStatus, ...]:
        """The statuses from `before` on. If the workflow has a status between, it is included: two changes were seen
        as one.
        """
        if self.before is None:
            return (self.job.status,)
        between = (one for one in self.before.allowed if self.job.status in one.allowed)
        return (self.before, *islice(between, 1), self.job.status)


class TransitionLog:
    """Keeps the last changes of one list. Changes between two listings are seen as one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._query: ListQuery | None = None
        self._statuses: dict[UUID, AnyStatus] = {}
        self._taken_at: datetime | None = None
        """When the last listing was read, by the server's clock."""
        self.transitions: tuple[Transition, ...] = ()
        """Newest first."""

    def forget(self) -> None:
        self._query, self._statuses, self._taken_at, self.transitions = None, {}, None, ()

    def follow(self, listing: "Listing") -> None:
        """Compare with the listing before. After a switch to another list, show the jobs that changed most recently."""
        jobs = [job for job in listing.window.jobs if job.id not in listing.hidden]
        if listing.query.window.listed != self._query:
            self.forget()
            self._query = listing.query.window.listed
        changed = [job for job in jobs if self._statuses.get(job.id) != job.status]
        new = [Transition(job=job, before=self._statuses.get(job.id), at=job.updated_at) for job in changed]
        if self._taken_at is not None:
            # A job that was restored, imported or scrolled into the window has not changed.
            since, known = self._taken_at - LONGEST_TRANSACTION, {one.job.id for one in self.transitions}
            new = [one for one in new if one.before or (one.at > since and one.job.id not in known)]
        self.transitions = tuple(sorted([*new, *self.transitions], key=attrgetter("at"), reverse=True)[: self._most])
        self._statuses, self._taken_at = {job.id: job.status for job in jobs}, listing.taken_at
