"""Many jobs, acted on in chunks: each a transaction of its own, so that it can be stopped between two of them."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from store.errors import BudgetExceeded, Conflict, Locked, NoPrivilege, StoreError
from store.model import GenerationJob
from tui.actions.certainty import Learned
from tui.words.why_left import LEFT, UNKNOWN, WhyLeft, refused_by

CHUNK = 50
"""Jobs in one transaction: some milliseconds of locks, and a stop that is soon heard."""

Send = Callable[[Sequence[GenerationJob]], Awaitable[Sequence[WhyLeft | None]]]
"""Sends a chunk in one transaction. Tells for each job why it was left, or None where it was done."""

_OF_ONE_JOB = (Locked, Conflict, NoPrivilege, BudgetExceeded)
"""Errors that one job among others may be the cause of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    job: GenerationJob
    why: WhyLeft


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOutcome:
    done: tuple[GenerationJob, ...]
    """As they were seen."""
    left: tuple[Left, ...]
    not_reached: tuple[GenerationJob, ...]
    """Those after the stop: nothing was sent about them that the database kept."""
    stopped_by: StoreError | Learned | None
    """None where nothing but a person did."""


class Bulk:
    """The jobs are those that the person saw: nothing that happens meanwhile adds one."""

    def __init__(self, jobs: Sequence[GenerationJob], send: Send) -> None:
        self.jobs = tuple(jobs)
        self._send = send
        self._is_stopping = False

    def stop(self) -> None:
        """After the chunk that is on its way."""
        self._is_stopping = True

    async def run(self, progress: Callable[[int], object] = int) -> BulkOutcome:
        """`progress` is told of how many jobs it is known what became of them. Raises no StoreError."""
        chunks = deque(self.jobs[at : at + CHUNK] for at in range(0, len(self.jobs), CHUNK))
        done: list[GenerationJob] = []
        left: list[Left] = []
        stopped_by: StoreError | Learned | None = None
        while chunks and not self._is_stopping and stopped_by is None:
            chunk = chunks[0]
            try:
                whys = await self._send(chunk)
            except _OF_ONE_JOB as error:
                if len(chunk) > 1:
                    # One of them spoils it for the others: each by itself.
                    chunks.popleft()
                    chunks.extendleft((job,) for job in reversed(chunk))
                    continue
                whys = [refused_by(error)]
            except Learned as learned:
                stopped_by = learned
                if learned.was_made is False:
                    break
                otherwise = LEFT if learned.was_made else UNKNOWN
                whys = [None if learned.was_made and job.id in learned.written.ids else otherwise for job in chunk]
            except StoreError as error:
                stopped_by = error
                break
            chunks.popleft()
            done += [job for job, why in zip(chunk, whys, strict=True) if why is None]
            left += [Left(job=job, why=why) for job, why in zip(chunk, whys, strict=True) if why is not None]
            progress(len(done) + len(left))
        not_reached = tuple(chain.from_iterable(chunks))
        return BulkOutcome(done=tuple(done), left=tuple(left), not_reached=not_reached, stopped_by=stopped_by)
