"""A worker's leases in the database: each call one transaction, which changes only what is the worker's still."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from typing import Any
from uuid import UUID

from store.actor import Actor
from store.database import Database, Listening, Query, StandingBy
from store.model import JobStatus
from store.statements import jobs, leases
from store.worker.model import Claimed, Ending, Finish, HandedBack, Held, Postponed, Progress, WorkerFacts

_CLAIMING = "claim jobs"


class Leases:
    """Every method may raise a StoreError. `seconds` is how long a lease lasts that is not renewed."""

    def __init__(self, database: Database, actor: Actor, worker: WorkerFacts, *, seconds: float) -> None:
        self._database = database
        self._actor = actor
        self._worker = worker
        self.seconds = seconds
        self._renewing = asyncio.Lock()
        """The database hands no lease back that is locked, be it by the worker's own renewal."""

    async def arrive(self) -> None:
        await self._write("start a worker", leases.forget_others(), leases.arrive(self._worker))

    async def leave(self) -> None:
        """Whatever the worker has left is handed back."""
        async with self._renewing:
            await self._write("stop a worker", leases.hand_back_all(self._worker.id), leases.leave(self._worker.id))

    async def claim(self, most: int) -> list[Claimed]:
        (claimed,) = await self._write(_CLAIMING, self.claiming(most))
        return claimed

    def claiming(self, most: int) -> Query[Claimed]:
        return leases.claim(self._worker.id, self._worker.modes, most=most, seconds=self.seconds)

    def standing_by(self, over: Listening) -> StandingBy:
        """To claim in the moment in which a job is told of."""
        return self._database.standing_by(self._actor, _CLAIMING, over)

    async def claimed_before(self) -> list[Claimed]:
        """All that is this worker's, known here or not."""
        return await self._database.read(self._actor, leases.held(self._worker.id))

    async def next_due(self) -> float | None:
        """In how many seconds a lease expires; None where there is none."""
        (seconds,) = await self._database.read(self._actor, leases.next_due())
        return seconds

    async def end(self, endings: Sequence[Ending]) -> set[UUID]:
        """The jobs for which it was done; the others are not this worker's any more."""
        worker, queries = self._worker.id, list[Query[UUID]]()
        if finished := [one for one in endings if isinstance(one, Finish)]:
            queries.append(leases.finish(worker, finished))
        if postponed := [one for one in endings if isinstance(one, Postponed)]:
            queries.append(leases.postpone(worker, postponed))
        if handed_back := [one for one in endings if isinstance(one, HandedBack)]:
            queries.append(leases.hand_back(worker, handed_back))
        async with self._renewing if handed_back else nullcontext():
            answers = await self._write("end jobs", *queries)
        return {job_id for answer in answers for job_id in answer}

    async def renew(self, held: Sequence[Held], progress: Sequence[Progress]) -> set[UUID]:
        """The jobs that are this worker's still, which is seen to be alive."""
        queries: list[Query[UUID]] = [
            leases.renew(self._worker.id, held, seconds=self.seconds),
            leases.seen(self._worker.id),
        ]
        if progress:
            queries.append(leases.note_progress(self._worker.id, progress))
        async with self._renewing:
            still, *_ = await self._write("renew leases", *queries)
        return set(still)

    async def statuses(self, job_ids: Collection[UUID]) -> dict[UUID, JobStatus]:
        """Of those of the jobs that are there."""
        return dict(await self._database.read(self._actor, jobs.statuses(job_ids)))

    async def _write(self, what: str, *queries: Query[Any]) -> tuple[list[Any], ...]:
        return await self._database.write_at_once(self._actor, what, *queries)
