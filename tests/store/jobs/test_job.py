"""Allowed transitions, and the reasons for refusals."""

from itertools import product

import pytest

from gjobs.store.jobs.job import TRANSITIONS, JobStatus, why_refused

LEGAL = {
    (JobStatus.QUEUED, JobStatus.RUNNING),
    (JobStatus.RUNNING, JobStatus.SUCCEEDED),
    (JobStatus.RUNNING, JobStatus.FAILED),
}


def test_only_three_transitions_are_allowed_and_a_refusal_names_the_required_status() -> None:
    for current, target in product(JobStatus, JobStatus):
        assert (target in current.allowed) is ((current, target) in LEGAL)
        assert (current in target.sources) is ((current, target) in LEGAL)
    assert [status for status in JobStatus if status.is_final] == [JobStatus.SUCCEEDED, JobStatus.FAILED]
    with pytest.raises(TypeError):
        TRANSITIONS[JobStatus.FAILED] = (JobStatus.QUEUED,)  # type: ignore[index]

    for status, wanted, sentence in (
        ("queued", "succeeded", "Only a running job can be completed; this one is queued."),
        ("failed", "running", "Only a queued job can be started; this one has already failed."),
        ("running", "queued", "Only a new job is queued; this one is running."),
    ):
        assert why_refused(JobStatus(status), JobStatus(wanted)) == sentence
