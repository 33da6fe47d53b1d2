"""What happens to the workers is settled by a seed, and happens while there is work."""

from collections import Counter

from tests.chaos.plan import Blow, Plan, planned

PLAN = Plan(jobs=100, workers=3, kills=6, freezes=2, cuts=4, silences=1, restarts=1)


def test_planned_failures_all_happen_while_jobs_remain() -> None:
    blows = planned(PLAN)
    assert Counter(one.blow for one in blows) == {
        Blow.KILL: 6,
        Blow.FREEZE: 2,
        Blow.CUT: 4,
        Blow.SILENCE: 1,
        Blow.RESTART: 1,
    }
    assert [one.after for one in blows] == sorted(one.after for one in blows)
    assert all(0 <= one.after < 80 for one in blows)


def test_plan_kills_each_worker_equally_often() -> None:
    places = Counter(one.place for one in planned(PLAN) if one.blow is Blow.KILL)
    assert places == {0: 2, 1: 2, 2: 2}
