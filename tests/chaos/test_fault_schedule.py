"""The schedule of faults depends only on the seed, and ends before the jobs do."""

from collections import Counter

from tests.chaos.fault_schedule import Fault, Plan, planned

PLAN = Plan(jobs=100, workers=3, kills=6, freezes=2, cuts=4, silences=1, restarts=1)


def test_planned_faults_all_happen_while_jobs_remain() -> None:
    faults = planned(PLAN)
    assert Counter(one.fault for one in faults) == {
        Fault.KILL: 6,
        Fault.FREEZE: 2,
        Fault.CUT: 4,
        Fault.SILENCE: 1,
        Fault.RESTART: 1,
    }
    assert [one.after for one in faults] == sorted(one.after for one in faults)
    assert all(0 <= one.after < 80 for one in faults)


def test_plan_kills_each_worker_equally_often() -> None:
    places = Counter(one.place for one in planned(PLAN) if one.fault is Fault.KILL)
    assert places == {0: 2, 1: 2, 2: 2}
