"""How long a job was in each status, from its events. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from store.events.model import EventKind, History, JobEvent, Stay
from store.model import JobStatus


def history(
    job_id: UUID, newest_first: Sequence[JobEvent], *, most: int, started_at: datetime | None, now: datetime
) -> History:
    """Of the newest events of a job: one more than `most` where there are older ones."""
    events = tuple(reversed(newest_first[:most]))
    return History(
        job_id=job_id,
        events=events,
        is_cut=len(newest_first) > most,
        stays=stays(events, now=now),
        started_at=started_at,
    )


def stays(events: Iterable[JobEvent], *, now: datetime) -> tuple[Stay, ...]:
    """Of a job's events, oldest first. What was before them is not known, and a deleted job is in no status."""
    return tuple(_stays(events, now))


def _stays(events: Iterable[JobEvent], now: datetime) -> Iterator[Stay]:
    status: JobStatus | None = None
    since = now
    for event in events:
        if event.from_status is None and event.to_status is None:
            continue
        if event.kind in (EventKind.CREATED, EventKind.RESTORED) or event.to_status is not status:
            if status is not None:
                yield _stay(status, since, event.at, now)
            status, since = event.to_status, event.at
    if status is not None:
        yield _stay(status, since, None, now)


def _stay(status: JobStatus, since: datetime, until: datetime | None, now: datetime) -> Stay:
    end = now if until is None else until
    return Stay(status=status, since=since, until=until, lasted=max(end - since, timedelta()))


def time_in_each(stays: Iterable[Stay]) -> dict[JobStatus, timedelta]:
    """The sum of a status's stays; those in which the job was not, it has no time of. In the workflow's order."""
    spent: dict[JobStatus, timedelta] = {}
    for stay in stays:
        spent[stay.status] = spent.get(stay.status, timedelta()) + stay.lasted
    return {status: spent[status] for status in JobStatus if status in spent}
