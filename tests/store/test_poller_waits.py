"""Waits of a poller: never shorter than its load allows, longer without focus or changes."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store.poller import (
    FAST,
    IDLE_AFTER,
    LONGEST_COSTLY_WAIT,
    LONGEST_FAST_WAIT,
    LONGEST_IDLE_WAIT,
    LONGEST_WAIT,
    LONGEST_WOKEN_WAIT,
    SHORTEST_HINTED_WAIT,
    Observations,
    Poller,
    next_wait,
    usual_duration,
    wait_after_failure,
    wait_for_cost,
)
from tests.store.poller_source import ControlledSource

intervals = st.floats(0.001, 3600)
durations = st.floats(0, 60)
counts = st.integers(0, 10_000)

observed = st.builds(
    Observations,
    interval=intervals,
    share=st.floats(1, 1000),
    is_focused=st.booleans(),
    is_woken=st.booleans(),
    duration=durations,
    unchanged=counts,
)


@pytest.mark.parametrize(
    ("share", "duration", "seconds"),
    [(10, 0.0, 2.0), (10, 0.2, 2.0), (10, 0.3, 3.0), (10, 8.0, 80.0), (200, 0.01, 2.0), (200, 0.05, 10.0)],
)
def test_wait_grows_with_the_duration_of_a_poll_and_its_share(share: float, duration: float, seconds: float) -> None:
    assert Observations().share == 10
    assert next_wait(Observations(share=share, duration=duration)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("share", "duration", "seconds"),
    [
        (400.0, 0.02, 8.0),
        (400.0, 0.2, LONGEST_FAST_WAIT),
        (400.0, 0.25, 100.0),
        (10.0, 0.2, 2.0),
        (10.0, 8.0, 80.0),
        (10.0, 60.0, 600.0),
        (200.0, 0.5, 100.0),
        (200.0, 4.0, LONGEST_COSTLY_WAIT),
        (200.0, 60.0, 600.0),
        (1.0, 60.0, 60.0),
    ],
)
def test_wait_for_an_expensive_poll_is_limited(share: float, duration: float, seconds: float) -> None:
    assert wait_for_cost(share, duration) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("duration", "network", "seconds"),
    [
        (0.61, 0.6, 6.1),
        (0.7, 0.6, LONGEST_FAST_WAIT),
        (1.1, 0.6, 200.0),
        (0.5, 0.6, 5.0),
        (4.0, 0.6, LONGEST_COSTLY_WAIT),
    ],
)
def test_time_in_the_network_does_not_count_as_work_of_the_database(
    duration: float, network: float, seconds: float
) -> None:
    assert wait_for_cost(400.0, duration, network=network) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("is_focused", "is_woken", "unchanged", "seconds"),
    [
        (True, False, 29, 2.0),
        (True, False, 30, 4.0),
        (True, False, 39, 4.0),
        (True, False, 40, 8.0),
        (True, False, 50, LONGEST_IDLE_WAIT),
        (True, True, 2, 2.0),
        (True, True, 3, LONGEST_WOKEN_WAIT),
        (False, True, 10_000, LONGEST_WOKEN_WAIT),
        (False, False, 4, 2.0),
        (False, False, 5, 4.0),
        (False, False, 10_000, LONGEST_WAIT),
    ],
)
def test_wait_grows_in_steps_up_to_a_limit_while_nothing_changes(
    is_focused: bool, is_woken: bool, unchanged: int, seconds: float
) -> None:
    seen = Observations(interval=2.0, is_focused=is_focused, is_woken=is_woken, unchanged=unchanged)

    assert next_wait(seen) == seconds


@pytest.mark.parametrize("is_woken", [True, False])
def test_slow_polls_increase_the_maximum_staleness(is_woken: bool) -> None:
    poller = Poller(ControlledSource().fetch, "q", interval=2.0)
    poller.adapt(interval=2.0, is_woken=is_woken)
    assert poller.max_staleness == 2.0
    for _ in range(2):
        poller.expect_duration(0.5)
    assert poller.max_staleness == 5.0


@pytest.mark.parametrize(
    ("durations", "usual"),
    [((), FAST / 2), ((9.0,), FAST / 2), ((0.01,), 0.01), ((0.01, 9.0), 0.01), ((9.0, 0.01), 0.01), ((9.0, 8.0), 8.0)],
)
def test_single_slow_poll_delays_the_next_no_longer_than_a_fast_one(durations: Sequence[float], usual: float) -> None:
    assert usual_duration(durations) == usual


@pytest.mark.parametrize(
    ("usual", "change", "took", "expected"),
    [(0.1, 0.7, 0.9, 0.8), (0.8, 0.7, 0.9, 0.9), (2.0, 0.7, 0.9, 2.0), (0.8, -0.7, 0.05, 0.1), (0.1, -0.7, 0.2, 0.1)],
    ids=["slower", "partly known", "expensive", "faster", "known"],
)
def test_expected_duration_changes_as_that_of_another_query(
    usual: float, change: float, took: float, expected: float
) -> None:
    poller = Poller(ControlledSource().fetch, "q")
    for _ in range(2):
        poller.expect_duration(usual)
    poller.expect_change(change, took=took)
    assert poller.usual_duration == pytest.approx(expected)


@given(observed, counts)
def test_wait_stays_within_its_limits_and_never_shrinks_while_nothing_changes(seen: Observations, more: int) -> None:
    wait = next_wait(seen)

    assert wait >= seen.interval
    assert wait >= wait_for_cost(seen.share, seen.duration)
    assert wait <= max(seen.interval, LONGEST_WOKEN_WAIT, seen.duration * seen.share)
    assert wait <= next_wait(replace(seen, unchanged=seen.unchanged + more))


@given(observed, st.floats(-60, 3600), st.floats(0, 3600))
def test_wake_shortens_the_wait_as_far_as_the_load_allows(seen: Observations, first: float, later: float) -> None:
    wait = next_wait(replace(seen, wakes=(first, first + later)))

    assert wait <= next_wait(seen)
    assert wait >= wait_for_cost(seen.share, seen.duration)
    assert wait >= min(seen.interval, SHORTEST_HINTED_WAIT)


@pytest.mark.parametrize(
    ("first", "last", "seconds"),
    [
        pytest.param(-0.01, -0.01, SHORTEST_HINTED_WAIT, id="during the poll"),
        pytest.param(0.1, 0.1, SHORTEST_HINTED_WAIT, id="right after the poll"),
        pytest.param(5.0, 5.0, 5.0 + IDLE_AFTER, id="one wake"),
        pytest.param(5.0, 5.2, 5.2 + IDLE_AFTER, id="two wakes"),
        pytest.param(5.0, 6.9, 7.0, id="continuous wakes"),
        pytest.param(9.9, 9.9, 10.0, id="right before the next poll"),
    ],
)
def test_idle_poller_polls_when_the_wakes_have_stopped(first: float, last: float, seconds: float) -> None:
    wait = next_wait(Observations(interval=2.0, unchanged=1000, wakes=(first, last)))

    assert wait == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("interval", "attempts", "seconds"),
    [
        (2.0, 1, 2.0),
        (2.0, 2, 4.0),
        (2.0, 3, 8.0),
        (2.0, 5, LONGEST_WAIT),
        (2.0, 10_000, LONGEST_WAIT),
        (0.5, 7, LONGEST_WAIT),
        (60.0, 1, 60.0),
        (60.0, 9, 60.0),
    ],
)
def test_wait_after_failures_doubles_up_to_a_limit(interval: float, attempts: int, seconds: float) -> None:
    assert wait_after_failure(interval, attempts) == seconds
