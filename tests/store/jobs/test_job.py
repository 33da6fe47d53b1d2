"""Which status may become which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.jobs.job import TRANSITIONS, JobStatus, why_refused

LEGAL = {
    (JobStatus.QUEUED, JobStatus.RUNNING),
    (JobStatus.RUNNING, JobStatus.SUCCEEDED),
    (JobStatus.RUNNING, JobStatus.FAILED),
}

statuses = st.sampled_from(JobStatus)


@given(statuses, statuses)
def test_only_three_transitions_are_allowed(current: JobStatus, target: JobStatus) -> None:
    assert (target in current.allowed) is ((current, target) in LEGAL)


@given(statuses, statuses)
def test_sources_are_the_inverse_of_allowed(current: JobStatus, target: JobStatus) -> None:
    assert (current in target.sources) is (target in current.allowed)


def test_succeeded_and_failed_are_final() -> None:
    assert [status for status in JobStatus if status.is_final] == [JobStatus.SUCCEEDED, JobStatus.FAILED]


def test_transition_table_is_immutable() -> None:
    with pytest.raises(TypeError):
        TRANSITIONS[JobStatus.FAILED] = (JobStatus.QUEUED,)  # type: ignore[index]


@pytest.mark.parametrize(
    ("current", "target", "sentence"),
    [
        ("queued", "succeeded", "Only a running job can be completed; this one is queued."),
        ("failed", "running", "Only a queued job can be started; this one is failed, which is final."),
        ("running", "queued", "Only a new job is queued; this one is running."),
    ],
)
def test_refusal_names_the_required_status(current: str, target: str, sentence: str) -> None:
    assert why_refused(JobStatus(current), JobStatus(target)) == sentence
