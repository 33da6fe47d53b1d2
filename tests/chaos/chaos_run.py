"""A run in which workers run the queued jobs while faults are injected."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

from tests.chaos.chaos_environment import Environment, queue
from tests.chaos.fault_schedule import Fault, Plan, Planned, planned
from tests.chaos.final_state import read_record
from tests.chaos.recorder import HandlerRecords
from tests.chaos.verdict import Verdict, judge
from tests.chaos.worker_processes import Workers
from tests.store.faulty_servers import Proxy

TICK = 0.02

_LASTING = (Fault.FREEZE, Fault.SILENCE)

PATIENCE = 240.0
"""Seconds until a wait for the workers fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    verdict: Verdict
    anomalies: tuple[str, ...]
    """Messages about workers that ended by themselves."""
    faults: Mapping[Fault, int]
    failed_starts: int
    seconds: float

    @property
    def violations(self) -> tuple[str, ...]:
        return (*self.anomalies, *self.verdict.violations)


async def run_chaos(environment: Environment, plan: Plan, directory: Path) -> Outcome:
    """Run until every job has ended. `directory` is empty and keeps the logs of the workers."""
    late = plan.jobs // 10
    queued = _queue(environment, plan.jobs - late, seed=plan.seed)
    workers = Workers(environment.conninfo, directory, size=plan.workers, lease=plan.lease)
    handler_records = HandlerRecords(workers.record_file)
    begun = time.monotonic()
    try:
        await workers.start_all()
        fault_injector = _FaultInjector(environment, workers, handler_records, plan)
        faults = await fault_injector.inject_all()
        # The remaining workers must still be notified of new jobs.
        queued += _queue(environment, late, seed=plan.seed + 1)
        await fault_injector.wait_for_jobs()
        seconds = time.monotonic() - begun
        await workers.stop_all()
    finally:
        await workers.kill_all()
        handler_records.close()
    with environment.connect_directly() as connection:
        record = read_record(connection, queued, handler_records.seen, crashes=fault_injector.crashes, lease=plan.lease)
        verdict = judge(record)
    return Outcome(
        verdict=verdict,
        anomalies=tuple(workers.anomalies),
        faults=faults,
        failed_starts=workers.failed_starts,
        seconds=seconds,
    )


def _queue(environment: Environment, number: int, *, seed: int) -> list[UUID]:
    with environment.connect_directly() as connection:
        return queue(connection, number, seed=seed)


class _FaultInjector:
    def __init__(self, environment: Environment, workers: Workers, handler_records: HandlerRecords, plan: Plan) -> None:
        self._environment = environment
        self._workers = workers
        self._handler_records = handler_records
        self._plan = plan
        self._random = Random(plan.seed)  # noqa: S311
        self.crashes: list[float] = []
        """When the server was stopped immediately, in seconds since 1970."""

    async def inject_all(self) -> Mapping[Fault, int]:
        """Inject all planned faults and return how many there were of each kind."""
        faults: Counter[Fault] = Counter()
        async with asyncio.TaskGroup() as lasting:
            for one in planned(self._plan):
                await self._until_ended(one.after)
                if one.fault in _LASTING:
                    lasting.create_task(self._inject_lasting(one))
                else:
                    await self._inject(one)
                faults[one.fault] += 1
        await self.wait_for_jobs()
        return faults

    async def wait_for_jobs(self) -> None:
        with self._environment.connect_directly() as connection:
            async with asyncio.timeout(PATIENCE):
                while connection.execute(
                    "select from public.generation_jobs where status in ('queued', 'running') limit 1"
                ).fetchall():
                    await self._poll()

    async def _inject(self, planned: Planned) -> None:
        match planned.fault:
            case Fault.KILL:
                await self._workers.kill(planned.place)
            case Fault.CUT:
                proxy = self._proxy(planned)
                proxy.go_away()
                await asyncio.sleep(self._random.uniform(0.0, 0.3))
                proxy.come_back()
            case Fault.RESTART:
                self.crashes.append(time.time())
                await asyncio.to_thread(self._environment.server.restart)

    async def _inject_lasting(self, planned: Planned) -> None:
        """Inject a fault that lasts while other faults follow."""
        seconds = 1.5 * self._plan.lease
        match planned.fault:
            case Fault.FREEZE:
                async with self._workers.frozen(planned.place):
                    await asyncio.sleep(seconds)
            case Fault.SILENCE:
                proxy = self._proxy(planned)
                proxy.fall_silent()
                await asyncio.sleep(seconds)
                proxy.speak_again()

    def _proxy(self, planned: Planned) -> Proxy:
        return self._environment.proxies[planned.place % len(self._environment.proxies)]

    async def _until_ended(self, attempts: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self._handler_records.ended < attempts:
                await self._poll()

    async def _poll(self) -> None:
        await asyncio.sleep(TICK)
        await self._workers.replace_ended()
        self._handler_records.read_on()
