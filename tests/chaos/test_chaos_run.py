"""Chaos test: every job ends exactly once while workers, connections and the server fail.

`python -m tests.chaos` does the same with ten thousand jobs.
"""

from pathlib import Path

import pytest

from tests.chaos.chaos_environment import direct, pooled
from tests.chaos.chaos_run import run_chaos
from tests.chaos.fault_schedule import Fault, Plan
from tests.conftest import require_tool
from tests.hosted.cluster import Server

PLAN = Plan(jobs=120, workers=3, kills=3, freezes=1, cuts=1, restarts=1, lease=1)

BLOWS = {Fault.KILL: 3, Fault.FREEZE: 1, Fault.CUT: 1, Fault.RESTART: 1}


@pytest.mark.parametrize("way", ["direct", "pooled"])
async def test_every_job_ends_once_despite_kills_freezes_cuts_and_restarts(
    killable_server: Server, project_database: str, way: str, tmp_path: Path
) -> None:
    opened = (
        direct(killable_server, project_database)
        if way == "direct"
        else pooled(killable_server, project_database, require_tool("pgbouncer"))
    )
    async with opened as environment:
        outcome = await run_chaos(environment, PLAN, tmp_path)
    assert outcome.violations == ()
    assert outcome.faults == BLOWS
    assert outcome.verdict.succeeded + outcome.verdict.failed == PLAN.jobs
    assert outcome.verdict.attempts + outcome.verdict.lost_claims >= outcome.verdict.begun >= PLAN.jobs
