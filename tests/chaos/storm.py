"""Workers do what is queued while they are killed, their links cut, and their server restarted."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

from tests.chaos.crew import Crew
from tests.chaos.judging import Verdict, judge
from tests.chaos.plan import Blow, Plan, Planned, planned
from tests.chaos.record import read_record
from tests.chaos.scene import Scene, queue
from tests.chaos.witness import Sightings
from tests.store.servers import Proxy

TICK = 0.02

_LASTING = (Blow.FREEZE, Blow.SILENCE)

PATIENCE = 240.0

"""Seconds in which something has to come of the workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    verdict: Verdict
    wrongs: tuple[str, ...]
    """Of workers that ended by themselves."""
    blows: Mapping[Blow, int]
    came_too_early: int
    seconds: float

    @property
    def violations(self) -> tuple[str, ...]:
        return (*self.wrongs, *self.verdict.violations)


async def storm(scene: Scene, plan: Plan, directory: Path) -> Outcome:
    """Until every job has ended. `directory` is an empty one, where the workers' words stay."""
    late = plan.jobs // 10
    queued = _queue(scene, plan.jobs - late, seed=plan.seed)
    crew = Crew(scene.conninfo, directory, size=plan.workers, lease=plan.lease)
    sightings = Sightings(crew.witness)
    begun = time.monotonic()
    try:
        await crew.gather()
        weather = _Weather(scene, crew, sightings, plan)
        blows = await weather.pass_over()
        # Whoever is left hears of new jobs as before.
        queued += _queue(scene, late, seed=plan.seed + 1)
        await weather.until_over()
        seconds = time.monotonic() - begun
        await crew.dismiss()
    finally:
        await crew.end()
        sightings.close()
    with scene.look() as connection:
        verdict = judge(read_record(connection, queued, sightings.seen))
    return Outcome(
        verdict=verdict,
        wrongs=tuple(crew.wrongs),
        blows=blows,
        came_too_early=crew.came_too_early,
        seconds=seconds,
    )


def _queue(scene: Scene, number: int, *, seed: int) -> list[UUID]:
    with scene.look() as connection:
        return queue(connection, number, seed=seed)


class _Weather:
    def __init__(self, scene: Scene, crew: Crew, sightings: Sightings, plan: Plan) -> None:
        self._scene = scene
        self._crew = crew
        self._sightings = sightings
        self._plan = plan
        self._random = Random(plan.seed)  # noqa: S311

    async def pass_over(self) -> Mapping[Blow, int]:
        """What has happened."""
        blows: Counter[Blow] = Counter()
        async with asyncio.TaskGroup() as lasting:
            for one in planned(self._plan):
                await self._until_ended(one.after)
                if one.blow in _LASTING:
                    lasting.create_task(self._last(one))
                else:
                    await self._strike(one)
                blows[one.blow] += 1
        await self.until_over()
        return blows

    async def until_over(self) -> None:
        with self._scene.look() as connection:
            async with asyncio.timeout(PATIENCE):
                while connection.execute(
                    "select from public.generation_jobs where status in ('queued', 'running') limit 1"
                ).fetchall():
                    await self._tick()

    async def _strike(self, planned: Planned) -> None:
        match planned.blow:
            case Blow.KILL:
                await self._crew.kill(planned.place)
            case Blow.CUT:
                proxy = self._proxy(planned)
                proxy.go_away()
                await asyncio.sleep(self._random.uniform(0.0, 0.3))
                proxy.come_back()
            case Blow.RESTART:
                await asyncio.to_thread(self._scene.server.restart)

    async def _last(self, planned: Planned) -> None:
        """While others strike."""
        seconds = 1.5 * self._plan.lease
        match planned.blow:
            case Blow.FREEZE:
                async with self._crew.frozen(planned.place):
                    await asyncio.sleep(seconds)
            case Blow.SILENCE:
                proxy = self._proxy(planned)
                proxy.fall_silent()
                await asyncio.sleep(seconds)
                proxy.speak_again()

    def _proxy(self, planned: Planned) -> Proxy:
        return self._scene.proxies[planned.place % len(self._scene.proxies)]

    async def _until_ended(self, attempts: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self._sightings.ended < attempts:
                await self._tick()

    async def _tick(self) -> None:
        await asyncio.sleep(TICK)
        await self._crew.tend()
        self._sightings.read_on()
