"""The verdict on a run: its violations and its numbers."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from tests.chaos.final_state import Job, Record
from tests.chaos.job_modes import ATTEMPTS
from tests.chaos.job_replay import ENDED, Claim, JobReplay
from tests.chaos.recorder import HandlerEvent, HandlerRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    violations: Sequence[str]
    succeeded: int
    failed: int
    lost_too_often: int
    """The number of jobs that failed because too many attempts were lost with a worker."""
    attempts: int
    """The number of attempts in the events."""
    begun: int
    """The number of attempts that handlers began."""
    lost_claims: int
    """The number of these whose claim a crash of the server lost."""
    taken_over: int
    retried: int


def judge(record: Record) -> Verdict:
    replays: dict[UUID, JobReplay] = defaultdict(JobReplay)
    for event in record.events:
        replays[event.job_id].apply(event)
    seen: dict[UUID, list[HandlerRecord]] = defaultdict(list)
    for one in record.seen:
        seen[one.job_id].append(one)
    jobs = {job.id: job for job in record.jobs}
    violations = [
        *_not_as_queued(record, replays),
        *(f"{job_id}: {anomaly}" for job_id, replay in replays.items() for anomaly in replay.anomalies),
        *(f"{job_id}: it still has a lease" for job_id in record.leased),
    ]
    lost_too_often = lost_claims = 0
    for job_id, job in jobs.items():
        replay = replays[job_id]
        lost = _lost_claims(record, replay, seen[job_id])
        lost_claims += len(lost)
        violations += [f"{job_id}: {words}" for words in _not_as_seen(job, replay, seen[job_id], lost)]
        lost_too_often += job.status == "failed" and replay.attempt > ATTEMPTS
    statuses = Counter(job.status for job in record.jobs)
    return Verdict(
        violations=violations,
        succeeded=statuses["succeeded"],
        failed=statuses["failed"],
        lost_too_often=lost_too_often,
        attempts=sum(min(len(replay.claims), ATTEMPTS) for replay in replays.values()),
        begun=sum(one.handler_event is HandlerEvent.BEGAN for one in record.seen),
        lost_claims=lost_claims,
        taken_over=sum(replay.taken_over for replay in replays.values()),
        retried=sum(replay.retried for replay in replays.values()),
    )


def _not_as_queued(record: Record, replays: dict[UUID, JobReplay]) -> Iterator[str]:
    queued, there = set(record.queued), {job.id for job in record.jobs}
    yield from (f"{job_id}: it is lost" for job_id in queued - there)
    yield from (f"{job_id}: nobody queued it" for job_id in (there | set(replays)) - queued)
    for job in record.jobs:
        if job.status not in ENDED:
            yield f"{job.id}: it is still {job.status}"
        elif job.status != replays[job.id].status:
            yield f"{job.id}: it is {job.status}, but {replays[job.id].status} by its events"


def _claim(one: HandlerRecord) -> Claim:
    return Claim(one.attempt, one.worker)


def _lost_claims(record: Record, replay: JobReplay, seen: Sequence[HandlerRecord]) -> Sequence[Claim]:
    """Return the claims that have no event because of a crash of the server.

    If a worker claimed the same attempt again, the last one has the event.
    """
    begun = [one for one in seen if one.handler_event is HandlerEvent.BEGAN]
    return [
        _claim(one)
        for place, one in enumerate(begun)
        if record.may_lack_claim(one)
        and (_claim(one) not in replay.claims or _claim(one) in map(_claim, begun[place + 1 :]))
    ]


def _not_as_seen(
    job: Job, replay: JobReplay, seen: Sequence[HandlerRecord], lost_claims: Sequence[Claim]
) -> Iterator[str]:
    """Compare the records of the handlers with the events."""
    begun = Counter(_claim(one) for one in seen if one.handler_event is HandlerEvent.BEGAN)
    begun.subtract(lost_claims)
    begun = +begun
    for claim, number in begun.items():
        if claim not in replay.claims:
            yield f"{claim} was made, but has no event"
        if number > 1:
            yield f"{claim} was made {number} times"
    if job.status not in ENDED or not replay.claims:
        return
    last = replay.claims[-1]
    handler_event = HandlerEvent.RETURNED if job.status == "succeeded" else HandlerEvent.RAISED
    ends = [one for one in seen if _claim(one) == last and one.handler_event is handler_event]
    if last.attempt > ATTEMPTS and job.status == "failed":
        if last in begun:
            yield f"{last} was made after the limit"
    elif not ends:
        yield f"it {job.status} by {last}, but no handler {handler_event} ({job.error})"
    elif job.status == "succeeded" and ends[0].cost_cents != job.cost_cents:
        yield f"it cost {job.cost_cents}, but {ends[0].cost_cents} by its handler"
