"""A file in which the handlers of all workers record their attempts, to compare with the events of the database."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from gjobs.store.worker.handlers import Work

FILE, WORKER = "GJOBS_CHAOS_WITNESS", "GJOBS_CHAOS_WORKER"
"""The environment variables with the file and the name of the worker."""


class HandlerEvent(StrEnum):
    BEGAN = "began"
    RETURNED = "returned"
    RAISED = "raised"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerRecord:
    job_id: UUID
    attempt: int
    worker: str
    handler_event: HandlerEvent
    at: float
    """Seconds since 1970."""
    cost_cents: int | None = None
    """The cost that the handler reported, if it returned."""

    def line(self) -> str:
        cents = "" if self.cost_cents is None else self.cost_cents
        return f"{self.job_id} {self.attempt} {self.worker} {self.handler_event} {self.at} {cents}"

    @classmethod
    def of(cls, line: str) -> "HandlerRecord":
        job_id, attempt, worker, handler_event, at, cents = line.split(" ")
        return cls(
            job_id=UUID(job_id),
            attempt=int(attempt),
            worker=worker,
            handler_event=HandlerEvent(handler_event),
            at=float(at),
            cost_cents=int(cents) if cents else None,
        )


@contextmanager
def recorded(work: Work) -> Iterator[None]:
    """Record the start and the end of an attempt. A killed worker records no end."""
    _note(work, HandlerEvent.BEGAN)
    try:
        yield
    except Exception:
        _note(work, HandlerEvent.RAISED)
        raise
    _note(work, HandlerEvent.RETURNED)


def _note(work: Work, handler_event: HandlerEvent) -> None:
    cents = work.cost_cents if handler_event is HandlerEvent.RETURNED else None
    seen = HandlerRecord(
        job_id=work.job.id,
        attempt=work.attempt,
        worker=os.environ[WORKER],
        handler_event=handler_event,
        at=time.time(),
        cost_cents=cents,
    )
    # One write is appended as a whole, even when other workers append at the same time.
    file = os.open(os.environ[FILE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{seen.line()}\n".encode())
    finally:
        os.close(file)


class HandlerRecords:
    """The records of the file, read as it grows."""

    def __init__(self, file: Path) -> None:
        file.touch()
        self._file = file.open("rb")
        self._rest = b""
        """The beginning of an incomplete line."""
        self.seen: list[HandlerRecord] = []
        self.ended = 0
        """The number of attempts that ended by themselves."""

    def read_on(self) -> None:
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            seen = HandlerRecord.of(line.decode("ascii"))
            self.seen.append(seen)
            self.ended += seen.handler_event is not HandlerEvent.BEGAN

    def close(self) -> None:
        self._file.close()
