"""Workers are killed and frozen, links are cut and the server is restarted: every job ends once, and none is lost.

`python -m tests.chaos` does the same with ten thousand jobs.
"""

from pathlib import Path

import pytest

from tests.chaos.plan import Blow, Plan
from tests.chaos.scene import direct, pooled
from tests.chaos.storm import storm
from tests.conftest import require_tool
from tests.hosted.cluster import Server

PLAN = Plan(jobs=200, workers=3, kills=3, freezes=1, cuts=1, restarts=1, lease=1)

BLOWS = {Blow.KILL: 3, Blow.FREEZE: 1, Blow.CUT: 1, Blow.RESTART: 1}


@pytest.mark.parametrize("way", ["direct", "pooled"])
async def test_every_job_ends_once_despite_kills_freezes_cuts_and_restarts(
    mortal_server: Server, project_database: str, way: str, tmp_path: Path
) -> None:
    opened = (
        direct(mortal_server, project_database)
        if way == "direct"
        else pooled(mortal_server, project_database, require_tool("pgbouncer"))
    )
    async with opened as scene:
        outcome = await storm(scene, PLAN, tmp_path)
    assert outcome.violations == ()
    assert outcome.blows == BLOWS
    assert outcome.verdict.succeeded + outcome.verdict.failed == PLAN.jobs
    assert outcome.verdict.attempts >= outcome.verdict.begun >= PLAN.jobs
