"""Whether all is as it must be when a run is over, whatever was killed on the way. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from tests.chaos.course import ENDED, Claim, Course
from tests.chaos.modes import ATTEMPTS
from tests.chaos.record import Job, Record
from tests.chaos.witness import Seen, Sight


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    violations: Sequence[str]
    succeeded: int
    failed: int
    given_up: int
    """So many of the failed were lost with a worker once too often."""
    attempts: int
    """In the events."""
    begun: int
    """Of these the handlers saw so many."""
    taken_over: int
    retried: int


def judge(record: Record) -> Verdict:
    courses: dict[UUID, Course] = defaultdict(Course)
    for event in record.events:
        courses[event.job_id].take(event)
    seen: dict[UUID, list[Seen]] = defaultdict(list)
    for one in record.seen:
        seen[one.job_id].append(one)
    jobs = {job.id: job for job in record.jobs}
    violations = [
        *_not_as_queued(record, courses),
        *(f"{job_id}: {wrong}" for job_id, course in courses.items() for wrong in course.wrongs),
        *(f"{job_id}: somebody holds it still" for job_id in record.leased),
    ]
    given_up = 0
    for job_id, job in jobs.items():
        course = courses[job_id]
        violations += [f"{job_id}: {words}" for words in _not_as_seen(job, course, seen[job_id])]
        given_up += job.status == "failed" and course.attempt > ATTEMPTS
    statuses = Counter(job.status for job in record.jobs)
    return Verdict(
        violations=violations,
        succeeded=statuses["succeeded"],
        failed=statuses["failed"],
        given_up=given_up,
        attempts=sum(min(len(course.claims), ATTEMPTS) for course in courses.values()),
        begun=sum(one.sight is Sight.BEGAN for one in record.seen),
        taken_over=sum(course.taken_over for course in courses.values()),
        retried=sum(course.retried for course in courses.values()),
    )


def _not_as_queued(record: Record, courses: dict[UUID, Course]) -> Iterator[str]:
    queued, there = set(record.queued), {job.id for job in record.jobs}
    yield from (f"{job_id}: it is lost" for job_id in queued - there)
    yield from (f"{job_id}: nobody queued it" for job_id in (there | set(courses)) - queued)
    for job in record.jobs:
        if job.status not in ENDED:
            yield f"{job.id}: it is {job.status} still"
        elif job.status != courses[job.id].status:
            yield f"{job.id}: it is {job.status}, and {courses[job.id].status} by its events"


def _not_as_seen(job: Job, course: Course, seen: Sequence[Seen]) -> Iterator[str]:
    """What the handlers saw, against the events."""
    begun = Counter(Claim(one.attempt, one.worker) for one in seen if one.sight is Sight.BEGAN)
    for claim, number in begun.items():
        if claim not in course.claims:
            yield f"{claim} was made, and stands in no event"
        if number > 1:
            yield f"{claim} was made {number} times"
    if job.status not in ENDED or not course.claims:
        return
    last = course.claims[-1]
    sight = Sight.RETURNED if job.status == "succeeded" else Sight.RAISED
    ends = [one for one in seen if Claim(one.attempt, one.worker) == last and one.sight is sight]
    if last.attempt > ATTEMPTS and job.status == "failed":
        if last in begun:
            yield f"{last} was made, beyond the limit"
    elif not ends:
        yield f"it {job.status} by {last}, of which no handler {sight} ({job.error})"
    elif job.status == "succeeded" and ends[0].cost_cents != job.cost_cents:
        yield f"it cost {job.cost_cents}, and {ends[0].cost_cents} by its handler"
