"""Waits of a poller: never shorter than its load allows, longer without focus or changes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

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


CASES = [
    ("default", {}, 2.0),
    # The wait grows with the duration of a query and the share.
    ("fast query", {"duration": 0.2}, 2.0),
    ("slow query", {"duration": 0.3}, 3.0),
    ("very slow query", {"duration": 8.0}, 80.0),
    ("slower than any limit", {"duration": 60.0}, 600.0),
    ("small share", {"share": 1.0, "duration": 60.0}, 60.0),
    ("fast expensive query", {"share": 200.0, "duration": 0.01}, 2.0),
    ("expensive query", {"share": 200.0, "duration": 0.05}, LONGEST_FAST_WAIT),
    ("limit of a fast expensive query", {"share": 400.0, "duration": 0.2}, LONGEST_FAST_WAIT),
    ("no longer fast", {"share": 400.0, "duration": 0.25}, 100.0),
    ("limit of an expensive query", {"share": 200.0, "duration": 4.0}, LONGEST_COSTLY_WAIT),
    ("expensive query slower than any limit", {"share": 200.0, "duration": 60.0}, 600.0),
    # Time in the network does not count as work of the database.
    ("nearly all in the network", {"share": 400.0, "duration": 0.61, "network": 0.6}, 6.1),
    ("partly in the network", {"share": 400.0, "duration": 0.7, "network": 0.6}, LONGEST_FAST_WAIT),
    ("little in the network", {"share": 400.0, "duration": 1.1, "network": 0.6}, 200.0),
    ("all in the network", {"share": 400.0, "duration": 0.5, "network": 0.6}, 5.0),
    ("limit beside the network", {"share": 400.0, "duration": 4.0, "network": 0.6}, LONGEST_COSTLY_WAIT),
    # While nothing changes, the wait grows in steps.
    ("before the first step", {"unchanged": 29}, 2.0),
    ("first step", {"unchanged": 30}, 4.0),
    ("end of the first step", {"unchanged": 39}, 4.0),
    ("second step", {"unchanged": 40}, 8.0),
    ("idle", {"unchanged": 50}, LONGEST_IDLE_WAIT),
    ("woken", {"is_woken": True, "unchanged": 2}, 2.0),
    ("woken and idle", {"is_woken": True, "unchanged": 3}, LONGEST_WOKEN_WAIT),
    ("woken, idle, without focus", {"is_woken": True, "is_focused": False, "unchanged": 10_000}, LONGEST_WOKEN_WAIT),
    ("without focus", {"is_focused": False, "unchanged": 4}, 2.0),
    ("first step without focus", {"is_focused": False, "unchanged": 5}, 4.0),
    ("idle without focus", {"is_focused": False, "unchanged": 10_000}, LONGEST_WAIT),
    # An idle poller queries when the wakes have stopped.
    ("wake during the poll", {"unchanged": 1000, "wakes": (-0.01, -0.01)}, SHORTEST_HINTED_WAIT),
    ("wake right after the poll", {"unchanged": 1000, "wakes": (0.1, 0.1)}, SHORTEST_HINTED_WAIT),
    ("one wake", {"unchanged": 1000, "wakes": (5.0, 5.0)}, 5.0 + IDLE_AFTER),
    ("two wakes", {"unchanged": 1000, "wakes": (5.0, 5.2)}, 5.2 + IDLE_AFTER),
    ("continuous wakes", {"unchanged": 1000, "wakes": (5.0, 6.9)}, 7.0),
    ("wake right before the next poll", {"unchanged": 1000, "wakes": (9.9, 9.9)}, 10.0),
    # After failures, the wait doubles up to a limit. Wakes don't shorten it.
    ("first failure", {"failures": 1}, 2.0),
    ("second failure", {"failures": 2, "wakes": (0.1, 0.1)}, 4.0),
    ("third failure", {"failures": 3, "unchanged": 1000}, 8.0),
    ("fifth failure", {"failures": 5}, LONGEST_WAIT),
    ("many failures", {"failures": 10_000}, LONGEST_WAIT),
    ("failures at a short interval", {"interval": 0.5, "failures": 7}, LONGEST_WAIT),
    ("first failure at a long interval", {"interval": 60.0, "failures": 1}, 60.0),
    ("failures at a long interval", {"interval": 60.0, "failures": 9}, 60.0),
    ("failure of a slow query", {"duration": 8.0, "failures": 1}, 80.0),
]


@pytest.mark.parametrize(("seen", "seconds"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_next_wait_follows_from_what_was_observed(seen: dict[str, Any], seconds: float) -> None:
    assert next_wait(Observations(**{"interval": 2.0, "share": 10.0, **seen})) == pytest.approx(seconds)


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
def test_expected_duration_follows_another_query(usual: float, change: float, took: float, expected: float) -> None:
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
