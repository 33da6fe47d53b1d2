"""The worker: it registers, claims and runs jobs, and stops. It also applies due retention policies."""

import asyncio
import logging
import os
import socket
from contextlib import aclosing, suppress
from random import Random
from uuid import UUID, uuid4

from gjobs.store.capabilities.capability import Capability
from gjobs.store.configuration.settings import Pooler
from gjobs.store.database.wake_ups import may_listen
from gjobs.store.errors import InvalidValue, NoPrivilege, ReadOnly, StoreError
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.leases.lease import WorkerInfo
from gjobs.store.leases.lease_client import LeaseClient
from gjobs.store.retention.cleanup import PolicyRun, apply_policies
from gjobs.store.statistics.folding import fold_until
from gjobs.store.store import Store
from gjobs.store.system.async_tools import is_cancelling, is_set_within
from gjobs.store.users.actor import OPERATOR
from gjobs.store.worker.attempt import InFlightJobs
from gjobs.store.worker.claimer import CLAIMS_AT_ONCE, Claimer, QueueListener
from gjobs.store.worker.handlers import Registry
from gjobs.store.worker.lease_tasks import Finisher, LeaseGuard, renew_leases
from gjobs.store.worker.worker_events import (
    OutageBackoff,
    Report,
    RetentionApplied,
    RetentionFailed,
    WorkerRegistered,
)

RETENTION_CHECK_SECONDS = 300.0
"""Seconds. A policy is due one hour after the start of its last run, by any worker or user."""


async def run_retention(store: Store, report: Report, stopping: asyncio.Event, *, once: bool) -> None:
    """Apply due retention policies until the worker stops, or one time with `once`. It stops between two batches.

    Only one worker at a time applies a policy. Raises no database errors. A failed policy is reported and retried when
    it is due again.
    """
    while True:
        applied: dict[UUID, PolicyRun] = {}
        try:
            async with aclosing(apply_policies(store)) as steps:
                async for step in steps:
                    applied[step.policy.id] = step
                    if stopping.is_set():
                        break
        except StoreError as error:
            report(RetentionFailed(error))
            if is_cancelling():  # An interrupted commit raises OutcomeUnknown instead of CancelledError.
                raise asyncio.CancelledError from error
        for step in applied.values():
            report(RetentionApplied(step.policy, step.progress))
        if once or await is_set_within(stopping, RETENTION_CHECK_SECONDS):
            return


log = logging.getLogger(__name__)

FINISHERS = 2
"""Number of tasks that save ends. While one waits for the disk, the other saves the next ends."""
CONNECTIONS = CLAIMS_AT_ONCE + FINISHERS + 1
"""Maximum number of connections: for claims, ends and renewals. There is one more for listening."""
DRAIN_SECONDS = 10.0
"""Seconds for saving the last ends of jobs. The leases of unsaved ones expire."""


class Worker:
    """Runs jobs that the store's actor can see, up to `concurrency` at a time.

    It holds each job under a lease of `lease_seconds`, and renews the lease at least three times in that period. If the
    worker dies, another worker takes the job over after the lease has expired.

    - `grace` is how many seconds a stop waits for running jobs.
    - `batch` is the maximum number of jobs in one claim; None allows `concurrency`.
    - `pooler` is the known pooler in front of the database, if any.
    - `applies_retention` also applies due retention policies. Only the operator may use it.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        *,
        name: str | None = None,
        concurrency: int = 10,
        batch: int | None = None,
        lease_seconds: float = 60.0,
        grace: float = 30.0,
        pooler: Pooler | None = None,
        applies_retention: bool = False,
        report: Report = lambda _: None,
        random: Random | None = None,
    ) -> None:
        if concurrency < 1 or (batch is not None and batch < 1):
            raise InvalidValue("concurrency", "concurrency and batch must be at least 1.")
        if lease_seconds <= 0:
            raise InvalidValue("lease_seconds", "lease_seconds must be more than 0.")
        if registry.modes == ():
            raise InvalidValue("registry", "The registry has no handler.", hint="Decorate one with 'registry.handler'.")
        if store.actor != OPERATOR and applies_retention:
            raise NoPrivilege("Only the operator can apply retention policies.", hint="Remove --as or --cleanup.")
        if store.actor != OPERATOR:
            raise NoPrivilege("Only the operator can run jobs.", hint="Remove --as.")
        host, process = socket.gethostname(), os.getpid()
        self.facts = WorkerInfo(
            id=uuid4(),
            name=name or f"{host}:{process}",
            host=host,
            process=process,
            modes=registry.modes,
            concurrency=concurrency,
        )
        self.id: UUID = self.facts.id
        self._store = store
        self.grace = grace
        self._pooler = pooler
        self._applies_retention = applies_retention
        self._report = report
        self._random = random or Random()  # noqa: S311
        self._leases = LeaseClient(
            store.database, self.facts, seconds=lease_seconds, claims_are_durable=registry.has_single_attempts
        )
        self._stopping = asyncio.Event()
        self._stops_now = False
        self._in_flight_jobs = InFlightJobs(registry, concurrency, report, self._random)
        self._queue_listener = QueueListener(self._leases)
        self._claimer = Claimer(
            self._leases,
            self._in_flight_jobs,
            self._queue_listener,
            self._outage_backoff(),
            batch=batch or concurrency,
            stopping=self._stopping,
        )

    def set_paused(self, is_paused: bool) -> None:
        """While paused, send no claims. Claimed jobs go on, and a claim that was sent before is still accepted."""
        self._claimer.set_paused(is_paused)

    async def claim_one(self) -> GenerationJob | None:
        """Claim and start one job while paused. Return the job, or None without a job or a free slot."""
        return await self._claimer.claim_one()

    def stop(self) -> None:
        """Stop claiming, wait for running jobs, and release those that take too long. A second call stops at once."""
        self._stops_now = self._stopping.is_set()
        self._stopping.set()
        self._in_flight_jobs.wake()
        self._claimer.stop_waiting()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def is_notified(self) -> bool:
        """Whether it is waiting and will be notified of the next queued job."""
        return self._queue_listener.is_notified

    async def run(self, *, once: bool = False) -> None:
        """Run until stopped or, with `once`, until no job can be claimed and all claimed jobs have ended.

        Raises a StoreError if it can't start or continue.
        """
        self._store.database.connections.resize(CONNECTIONS)
        await self._store.actor_database.require(Capability.OPERATING)
        facts = (await self._store.capability_cache.get()).facts
        self._queue_listener.may_listen = may_listen(facts, self._pooler)
        if not await self._register():
            return
        try:
            await self._work(once=once)
        except BaseExceptionGroup as group:
            raise _first(group) from group
        finally:
            await self._queue_listener.close()
            await self._leave()

    async def _register(self) -> bool:
        """Register as soon as the database is available. Return False if the worker is stopped first.

        Raises if it can never work, such as in a read-only session.
        """
        outage_backoff = self._outage_backoff()
        while not self._stopping.is_set():
            try:
                await self._leases.register_worker()
            except ReadOnly:
                raise
            except StoreError as error:
                await is_set_within(self._stopping, outage_backoff.failed(error))
            else:
                outage_backoff.succeeded()
                self._report(WorkerRegistered(self.facts))
                return True
        return False

    def _outage_backoff(self) -> OutageBackoff:
        return OutageBackoff(self._report, self._random)

    async def _work(self, *, once: bool) -> None:
        leases, in_flight_jobs = self._leases, self._in_flight_jobs
        finisher = Finisher(leases, in_flight_jobs, self._outage_backoff(), self._claimer.stop_waiting)
        try:
            async with asyncio.TaskGroup() as group:
                if self._applies_retention:
                    group.create_task(run_retention(self._store, self._report, self._stopping, once=once))
                background = [
                    group.create_task(renew_leases(leases, in_flight_jobs, self._outage_backoff())),
                    group.create_task(LeaseGuard(leases, in_flight_jobs).run()),
                    *(group.create_task(finisher.run()) for _ in range(FINISHERS)),
                    group.create_task(fold_until(self._store.actor_database, self._stopping)),
                ]
                await self._claimer.run(once=once)
                await self._drain()
                for task in background:
                    task.cancel()
        finally:
            await in_flight_jobs.stop()

    async def _drain(self) -> None:
        in_flight_jobs = self._in_flight_jobs
        with suppress(TimeoutError):
            async with asyncio.timeout(self.grace):
                while not in_flight_jobs.is_empty and not self._stops_now:
                    await in_flight_jobs.wait_for_change()
        in_flight_jobs.release()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while not in_flight_jobs.is_empty:
                    await in_flight_jobs.wait_for_change()

    async def _leave(self) -> None:
        try:
            await self._leases.deregister_worker()
        except StoreError as error:
            log.warning("Deregistering this worker failed. Its leases will expire: %s", error)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first of several simultaneous errors. They usually have the same cause."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
