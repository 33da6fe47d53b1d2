"""The worker: it registers, claims and runs jobs, waits for new ones, and stops. It also applies retention policies."""

import asyncio
import logging
import os
import secrets
import socket
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field
from random import Random
from uuid import UUID, uuid4

from gjobs.store.capabilities.capability import Capability
from gjobs.store.configuration.settings import Pooler
from gjobs.store.database.database import ListenConnection
from gjobs.store.database.wake_ups import IDLE_LOCK, QUEUE_CHANNEL, may_listen, notification_arrives
from gjobs.store.errors import InvalidValue, NoPrivilege, ReadOnly, StoreError, TimedOut
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.leases.lease import ClaimedJob, WorkerInfo
from gjobs.store.leases.lease_client import LeaseClient
from gjobs.store.poller import wait_after_failure
from gjobs.store.retention.cleanup import PolicyRun, apply_policies
from gjobs.store.statistics.read_totals import fold_until
from gjobs.store.store import Store
from gjobs.store.system.async_tools import is_cancelling, is_set_within
from gjobs.store.users.actor import OPERATOR
from gjobs.store.worker.attempt import InFlightJobs
from gjobs.store.worker.handlers import Registry
from gjobs.store.worker.lease_tasks import Finisher, LeaseGuard, renew_leases
from gjobs.store.worker.worker_events import (
    OutageBackoff,
    Report,
    RetentionApplied,
    RetentionFailed,
    WorkerRegistered,
    is_transient,
)

log = logging.getLogger(__name__)

_FIRST_PAUSE = 5.0
"""Seconds before the first reconnect. The pause grows with each failure."""


@dataclass(eq=False, repr=False)
class QueueListener:
    """Listens for queued jobs. Not used through a transaction pooler: LISTEN receives nothing there, and stays active
    on the server connection.
    """

    leases: LeaseClient
    may_listen: bool = field(default=False, init=False)
    is_notified: bool = field(default=False, init=False)
    """Whether the next queued job wakes the worker."""

    def __post_init__(self) -> None:
        self._connection_stack = AsyncExitStack()
        self._listening: ListenConnection | None = None
        self._has_received_notification = False
        """Whether any notification has ever arrived."""
        self._failures = 0
        self._not_before = 0.0

    async def close(self) -> None:
        self._listening, self.is_notified = None, False
        await self._connection_stack.aclose()

    async def register(self) -> bool:
        """Start notifications for an idle worker. Return whether each job queued from now on is announced."""
        if not self.may_listen or asyncio.get_running_loop().time() < self._not_before:
            return False
        try:
            if self._listening is None:
                await self._listen()
            if self._listening is not None:
                await self._listening.lock(IDLE_LOCK)
                self.is_notified, self._failures = True, 0
        except StoreError as error:
            await self._note_failure(error)
        return self.is_notified

    async def unregister(self) -> None:
        """Stop notifications while the worker is busy, to spare writers the cost."""
        if self._listening is None or not self.is_notified:
            return
        try:
            self.is_notified = False
            await self._listening.lock(IDLE_LOCK, releases=True)
        except StoreError as error:
            await self._note_failure(error)

    async def wait(self, seconds: float, wake_up: asyncio.Event) -> None:
        """Wait until a job is announced, the event is set, or `seconds` have passed."""
        if self._listening is None:
            await is_set_within(wake_up, seconds)
            return
        try:
            if not self._listening.taken():
                with self._listening.calling(wake_up.set):
                    await is_set_within(wake_up, seconds)
                self._listening.taken()
        except StoreError as error:
            await self._note_failure(error)

    async def _listen(self) -> None:
        proof = f"gjobs_proof_{secrets.token_hex(8)}"
        database = self.leases.database
        listening = await self._connection_stack.enter_async_context(database.listening(QUEUE_CHANNEL, proof))
        if await notification_arrives(database, listening, proof):
            self._listening, self._has_received_notification = listening, True
        elif self._has_received_notification:
            raise TimedOut("No notification arrived.")
        else:
            log.info("Notifications from this database do not arrive, so the worker polls the queue.")
            self.may_listen = False
            await self._connection_stack.aclose()

    async def _note_failure(self, error: StoreError) -> None:
        self.may_listen = is_transient(error)
        log.info("Listening failed, so this database is polled: %s", error)
        self._failures += 1
        self._not_before = asyncio.get_running_loop().time() + wait_after_failure(_FIRST_PAUSE, self._failures)
        await self.close()


FIRST_POLL, LONGEST_POLL = 0.05, 2.0
"""Seconds between two polls of an empty queue. The pause doubles each time."""
LONGEST_POLL_WHEN_NOTIFIED = 15.0
"""Longest pause between polls when notifications work, because one may be missed."""

CLAIMS_AT_ONCE = 4
"""Number of parallel claims while jobs are queued and slots are free. A claim mostly waits for network and disk."""


@dataclass(eq=False, repr=False)
class Claimer:
    """Runs several claims at once. One leads: it alone waits while the queue is empty, and it starts the others."""

    leases: LeaseClient
    in_flight_jobs: InFlightJobs
    queue_listener: QueueListener
    outage_backoff: OutageBackoff
    batch: int
    stopping: asyncio.Event
    is_paused: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._is_running = False
        self._wake_up = asyncio.Event()
        """Set to end the current wait early."""
        self._knows_held_jobs = True
        """Whether this worker knows all jobs that the database assigns to it."""
        self._asked_for = 0
        """Number of jobs requested by claims in progress."""
        self._has_backlog = asyncio.Event()
        """Whether the last claim returned as many jobs as requested."""

    def stop_waiting(self) -> None:
        """End the current wait, because a job has become due earlier than expected or the worker is stopping."""
        self._wake_up.set()

    def set_paused(self, is_paused: bool) -> None:
        """While paused, send no claims except those of `claim_one`."""
        self.is_paused = is_paused
        self._wake_up.set()
        self.in_flight_jobs.wake()

    async def claim_one(self) -> GenerationJob | None:
        """Claim and start one job while paused. Return the job, or None without a job or a free slot."""
        can_claim = self._is_running and self.is_paused and self._knows_held_jobs and not self.stopping.is_set()
        if not can_claim or self.in_flight_jobs.free <= self._asked_for:
            return None
        claims = await self._claim(1)
        return claims[0].job if claims else None

    async def run(self, *, once: bool) -> None:
        """Claim until stopped or, with `once`, until no job is left or in flight. Raises permanent errors."""
        self._is_running = True
        try:
            async with asyncio.TaskGroup() as group:
                helping = [group.create_task(self._claim_backlog()) for _ in range(CLAIMS_AT_ONCE - 1)]
                await self._claim_and_wait(once=once)
                await self._wait_for_claims()
                for task in helping:
                    task.cancel()
        finally:
            self._is_running = False

    async def _claim_and_wait(self, *, once: bool) -> None:
        polls = 0
        while not self.stopping.is_set():
            try:
                # Nobody renews the leases of unknown jobs, so a pause must not delay this.
                if not self._knows_held_jobs:
                    await self._recover_held_jobs()
                    continue
                if asked_for := self._claimable:
                    found = len(await self._claim(asked_for))
                else:
                    await self.in_flight_jobs.wait_for_change()
                    continue
            except StoreError as error:
                await is_set_within(self.stopping, self.outage_backoff.failed(error))
                continue
            self.outage_backoff.succeeded()
            if found:
                polls = 0
                if found == asked_for:
                    await self.queue_listener.unregister()
                    self._has_backlog.set()
            elif not self._knows_held_jobs:
                continue
            elif once:
                if self.in_flight_jobs.is_empty and not self._asked_for:
                    return
                await self.in_flight_jobs.wait_for_change()
            elif not self.queue_listener.is_notified and await self.queue_listener.register():
                continue  # Claim once more, as jobs queued before were not announced.
            else:
                await self._wait(polls)
                polls += 1

    async def _claim_backlog(self) -> None:
        """Claim while there is a backlog. Errors are ignored, because `_claim_and_wait` gets and handles them, too."""
        while True:
            await self._has_backlog.wait()
            if self.stopping.is_set() or not self._knows_held_jobs or (asked_for := self._claimable) == 0:
                await self.in_flight_jobs.wait_for_change()
                continue
            with suppress(StoreError):
                await self._claim(asked_for)

    @property
    def _claimable(self) -> int:
        """How many jobs may be requested now."""
        return 0 if self.is_paused else max(0, min(self.in_flight_jobs.free - self._asked_for, self.batch))

    async def _claim(self, most: int) -> list[ClaimedJob]:
        """Claim jobs, start them, and return them."""
        self._asked_for += most
        found = 0
        try:
            claims = await self.leases.claim(most)
            found = len(claims)
        except StoreError:
            # The claim may have succeeded, and only its answer may be lost.
            self._knows_held_jobs = False
            self._wake_up.set()
            raise
        finally:
            self._asked_for -= most
            if found < most:
                self._has_backlog.clear()
            self.in_flight_jobs.wake()
        for claimed in claims:
            self.in_flight_jobs.begin(claimed)
        await asyncio.sleep(0)  # Let the started jobs run before the next claim.
        return claims

    async def _wait_for_claims(self) -> None:
        while self._asked_for:
            await self.in_flight_jobs.wait_for_change()

    async def _recover_held_jobs(self) -> None:
        """Start jobs that were claimed without this worker knowing.

        No claim may run meanwhile, or its jobs would be started twice.
        """
        await self._wait_for_claims()
        # List the known jobs first: a job that ends during the query is in the query's result, but no longer in flight.
        known = {held.job_id for held in self.in_flight_jobs.held()}
        for claimed in await self.leases.held_jobs():
            if claimed.job.id not in known and claimed.held not in self.in_flight_jobs.abandoned:
                self.in_flight_jobs.begin(claimed)
        self._knows_held_jobs = True
        self.in_flight_jobs.wake()

    async def _wait(self, polls: int) -> None:
        """Wait for jobs. `polls` is the number of polls since the last job was found."""
        if self.queue_listener.is_notified:
            seconds = LONGEST_POLL_WHEN_NOTIFIED
        else:
            seconds = min(FIRST_POLL * 2.0 ** min(polls, 16), LONGEST_POLL)
        self._wake_up.clear()
        if self.stopping.is_set() or self.is_paused or not self._knows_held_jobs:
            return
        try:
            due = await self.leases.next_due()
        except StoreError as error:
            seconds, due = self.outage_backoff.failed(error), None
        if due is not None:
            seconds = min(seconds, max(due, FIRST_POLL))
        await self.queue_listener.wait(seconds, self._wake_up)


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
