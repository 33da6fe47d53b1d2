"""When a watch has seen enough."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import InvalidValue
from store.jobs.job import JobStatus
from store.watch.watch import Transition
from tui.cli.commands.watch_loop import COUNTED, Condition, CountedEvent, Tally, parse

AT = datetime(2026, 1, 4, 12, tzinfo=UTC)


def transition(to_status: JobStatus | None) -> Transition:
    return Transition(
        job_id=UUID(int=1),
        from_status=JobStatus.RUNNING,
        to_status=to_status,
        at=AT,
        mode="lifestyle",
        cost_cents=0,
        error=None,
        user_id=None,
        project_id=UUID(int=2),
        cursor=None,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("failed>5", Condition(counted=JobStatus.FAILED, operator=">", number=5)),
        (" Finished >= 100 ", Condition(counted=CountedEvent.FINISHED, operator=">=", number=100)),
        ("left=0", Condition(counted=CountedEvent.LEFT, operator="=", number=0)),
        ("left<3", Condition(counted=CountedEvent.LEFT, operator="<", number=3)),
    ],
)
def test_condition_is_parsed_from_text(text: str, expected: Condition) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("failed", "'failed' is no condition."),
        ("failed>-1", "'failed>-1' is no condition."),
        ("faild>5", "'faild' is not known; did you mean 'failed'?"),
        ("failed<5", "failed<5 holds before anything has happened: failed counts from 0 what the watch sees."),
        ("failed>=0", "failed>=0 holds before anything has happened: failed counts from 0 what the watch sees."),
    ],
)
def test_invalid_condition_is_explained(text: str, said: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse(text)
    assert str(caught.value) == said
    assert caught.value.hint


CONDITIONS = st.builds(
    Condition,
    counted=st.sampled_from(list(COUNTED.values())),
    operator=st.sampled_from((">", ">=", "=")),
    number=st.integers(1, 10**9 - 1),
)


@given(CONDITIONS)
def test_printed_condition_can_be_parsed_again(condition: Condition) -> None:
    assert parse(str(condition)) == condition


STATUSES = st.sampled_from([*JobStatus, None])


@given(st.lists(STATUSES, max_size=30), st.integers(1, 10))
def test_tally_counts_transitions_for_each_condition(statuses: list[JobStatus | None], number: int) -> None:
    tally = Tally()
    for status in statuses:
        tally.add(transition(status))
    finished = statuses.count(JobStatus.SUCCEEDED) + statuses.count(JobStatus.FAILED)
    assert tally.met(parse(f"failed>={number}")) is (statuses.count(JobStatus.FAILED) >= number)
    assert tally.met(parse(f"finished>{number}")) is (finished > number)
    assert tally.met(parse(f"deleted={number}")) is (statuses.count(None) == number)
    assert not tally.met(parse(f"left<{number}"))
