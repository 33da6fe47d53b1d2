"""A watch of a database that records nothing: it looks now and then, and may miss what comes and goes in between."""

from collections.abc import Set
from dataclasses import replace

from store.actor import Actor
from store.capabilities.off import Off
from store.database import Database
from store.filters.keys import Key
from store.filters.model import JobFilter
from store.statements import jobs, watching
from store.watching.model import Batch, Transition
from store.watching.observing import Look, observed

MOST_LIVE = 5_000
MOST_NEW = 500
"""Jobs that are looked at: those that may still move, and the newest."""


class Observed:
    """`readable` are the names that the filter may use. Where there is a filter, no deletion is told."""

    def __init__(
        self, database: Database, actor: Actor, job_filter: JobFilter, *, readable: Set[Key], off: Off
    ) -> None:
        self.off = off
        """Why nothing is recorded, and what would help."""
        self._database = database
        self._actor = actor
        self._filter = job_filter
        self._readable = readable
        self._look: Look | None = None

    async def read(self) -> Batch:
        (at,), live, newest = await self._database.read_together(
            self._actor, watching.clock(), watching.live(limit=MOST_LIVE), watching.newest(limit=MOST_NEW)
        )
        look = Look(at=at, jobs={job.id: job for job in (*live, *newest)})
        if self._look is None:
            self._look = look
            return Batch(transitions=())
        asked = self._look.jobs.keys() - look.jobs.keys()
        if asked:
            gone = await self._database.read(self._actor, jobs.OF_THE_APP.these(asked))
            look = replace(look, jobs={**look.jobs, **{job.id: job for job in gone}})
        transitions = await self._matching(observed(self._look, look, asked))
        # Jobs that ended and are not among the newest need not be looked at again.
        seen = {job.id for job in (*live, *newest)}
        self._look = replace(look, jobs={job_id: job for job_id, job in look.jobs.items() if job_id in seen})
        return Batch(transitions=transitions)

    async def _matching(self, transitions: tuple[Transition, ...]) -> tuple[Transition, ...]:
        if not self._filter or not transitions:
            return transitions
        query = watching.matching(self._filter, {one.job_id for one in transitions}, readable=self._readable)
        found = set(await self._database.read(self._actor, query))
        return tuple(one for one in transitions if one.job_id in found)
