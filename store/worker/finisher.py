"""Ends of jobs, gathered while those before are committed: so each is durable, and many share a transaction."""

import asyncio
from collections.abc import Callable, Sequence

from store.errors import SchemaMissing, SignInRefused, StoreError
from store.model import JobStatus
from store.worker.deciding import refused
from store.worker.hands import InHand
from store.worker.happenings import Ended, Lost, Refused, Report
from store.worker.leases import Leases
from store.worker.model import Ending, Finish, HandedBack, Postponed
from store.worker.trouble import Patience, passes

MOST_AT_ONCE = 500

Pair = tuple[InHand, Ending]


class Finisher:
    def __init__(
        self,
        leases: Leases,
        patience: Patience,
        report: Report,
        *,
        remove: Callable[[InHand], None],
        leave: Callable[[InHand], None],
        on_postponed: Callable[[], None],
    ) -> None:
        self._leases = leases
        self._patience = patience
        self._report = report
        self._remove = remove
        self._leave = leave
        self._on_postponed = on_postponed
        self._waiting: list[Pair] = []
        self._is_told = asyncio.Event()

    def put(self, in_hand: InHand, ending: Ending) -> None:
        self._waiting.append((in_hand, ending))
        self._is_told.set()

    async def run(self) -> None:
        """Until it is cancelled. Raises what does not pass by itself."""
        while True:
            await self._is_told.wait()
            self._is_told.clear()
            while batch := self._waiting[:MOST_AT_ONCE]:
                del self._waiting[:MOST_AT_ONCE]
                await self._end(batch)

    async def _end(self, batch: Sequence[Pair]) -> None:
        is_repeated = False
        while True:
            try:
                done = await self._leases.end([ending for _, ending in batch])
            except (SchemaMissing, SignInRefused):
                raise
            except StoreError as error:
                if not passes(error):
                    await self._end_one_by_one(batch, error)
                    return
                is_repeated = True
                await asyncio.sleep(self._patience.failed(error))
            else:
                self._patience.succeeded()
                break
        left = [pair for pair in batch if pair[1].job_id not in done]
        if left and is_repeated:
            # The first time it may have been done, and the answer lost.
            left = [pair for pair in left if not await self._is_done(pair[1])]
        for in_hand, ending in batch:
            self._remove(in_hand)
            if (in_hand, ending) in left:
                self._report(Lost(in_hand.claimed))
            else:
                self._report(Ended(in_hand.claimed, ending, in_hand.seconds))
        if any(isinstance(ending, Postponed) for _, ending in batch):
            self._on_postponed()

    async def _is_done(self, ending: Ending) -> bool:
        while True:
            try:
                status = (await self._leases.statuses([ending.job_id])).get(ending.job_id)
            except StoreError as error:
                await asyncio.sleep(self._patience.failed(error))
            else:
                self._patience.succeeded()
                return status is _status_after(ending)

    async def _end_one_by_one(self, batch: Sequence[Pair], error: StoreError) -> None:
        """Something in it is refused by the database: the others are not to wait for that."""
        if len(batch) > 1:
            for pair in batch:
                await self._end([pair])
            return
        ((in_hand, ending),) = batch
        if (failure := refused(ending, error)) is not None:
            await self._end([(in_hand, failure)])
            return
        self._leave(in_hand)
        self._report(Refused(in_hand.claimed, error))


def _status_after(ending: Ending) -> JobStatus:
    match ending:
        case Finish(status=status):
            return status
        case Postponed() | HandedBack():
            return JobStatus.RUNNING
