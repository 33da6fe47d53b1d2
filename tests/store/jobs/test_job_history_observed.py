"""Events from the differences between polls, for databases without events."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gjobs.store.jobs import job_results
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus, parse_status
from gjobs.store.jobs.job_results import EventKind, ObservedEvents
from tests.store.store_fixtures import NOW, a_job

JOB = a_job()


def observed(*polled: GenerationJob) -> list[tuple[str, AnyStatus | None, AnyStatus | None, int]]:
    """Return the events of one poll a minute."""
    events = ObservedEvents()
    for minute, job in enumerate(polled):
        events.add_poll([job], at=NOW + timedelta(minutes=minute))
    found = events.history(JOB.id, now=NOW + timedelta(hours=1))
    assert all(event.actor_role == "observed" for event in found.events)
    return [(event.kind, event.from_status, event.to_status, event.cents_change) for event in found.events]


def test_differences_between_two_polls_become_events() -> None:
    running = replace(JOB, status=JobStatus.RUNNING)
    costlier = replace(running, cost_cents=300)
    failed = replace(costlier, status=JobStatus.FAILED, error="timeout")
    assert observed(JOB, JOB, running, costlier, failed, replace(failed, error="late")) == [
        (EventKind.STATUS, JobStatus.QUEUED, JobStatus.RUNNING, 0),
        (EventKind.COST, JobStatus.RUNNING, JobStatus.RUNNING, 50),
        (EventKind.STATUS, JobStatus.RUNNING, JobStatus.FAILED, 0),
        (EventKind.ERROR, JobStatus.FAILED, JobStatus.FAILED, 0),
    ]
    assert observed(JOB) == observed(JOB, replace(JOB, updated_at=NOW + timedelta(hours=1))) == []
    assert observed(*(replace(JOB, status=parse_status("cancelled")) for _ in range(2))) == []


def test_observed_events_are_limited_in_jobs_and_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_results, "MOST_JOBS", 2)
    monkeypatch.setattr(job_results, "MOST_OBSERVED_EVENTS", 3)
    events = ObservedEvents()
    for cost in range(9):
        events.add_poll([replace(JOB, cost_cents=cost)], at=NOW)
    assert [event.cost_cents for event in events.history(JOB.id, now=NOW).events] == [6, 7, 8]
    events.add_poll([replace(JOB, id=UUID(int=number)) for number in (8, 9)], at=NOW)
    assert events.history(JOB.id, now=NOW).events == ()
