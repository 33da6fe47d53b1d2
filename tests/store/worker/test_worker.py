"""A worker claims queued jobs, runs their handlers and ends each job once."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from gjobs.store.database.database import Database
from gjobs.store.errors import InvalidValue, NoPrivilege
from gjobs.store.leases.lease import SILENT_AFTER, ClaimedJob, Ending, Released, Rescheduled, WorkerInfo
from gjobs.store.leases.lease_client import NEXT_DUE, LeaseClient
from gjobs.store.sample.simulation import SimulatedClock, Simulation
from gjobs.store.store import Store
from gjobs.store.worker.attempt import HELD_PER_SLOT, InFlightJobs
from gjobs.store.worker.handlers import Backoff, Registry, Retry, Work
from gjobs.store.worker.lease_tasks import interval
from gjobs.store.worker.worker import CLAIMS_AT_ONCE, QueueListener
from gjobs.store.worker.worker_events import LONGEST_WAIT, AttemptEnded, AttemptStarted, LeaseLost
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import until
from tests.store.worker.conftest import SUCCEEDED, WorkerEnv, do_nothing, kinds, of_kind, registry_of, until_reported

SOON = Backoff(first=0.01, longest=0.01)


async def is_busy(work: Work) -> None:
    raise Retry("busy")


async def never_ends(work: Work) -> None:
    await asyncio.sleep(60)


class TestHandlers:
    async def test_handler_may_be_a_coroutine_or_a_blocking_function(self, env: WorkerEnv) -> None:
        threads: list[threading.Thread] = []

        async def coroutine(work: Work) -> None:
            await asyncio.sleep(0)
            work.cost_cents = work.job.cost_cents + 1

        registry = registry_of(coroutine, "lifestyle")

        @registry.handler("packaging")
        def blocking(work: Work) -> None:
            threads.append(threading.current_thread())
            work.cost_cents = 7

        @registry.handler("unlucky")
        async def fails(work: Work) -> None:
            work.cost_cents = 3
            raise ValueError("no image")

        for mode in ("lifestyle", "packaging", "unlucky"):
            env.queue(mode)
        events = await env.run(registry)
        failed = ("failed", "ValueError: no image", 3)
        assert env.outcomes() == [("succeeded", None, 251), ("succeeded", None, 7), failed]
        assert threads[0] is not threading.main_thread()
        assert env.leases() == []
        assert [kinds(events).count(kind) for kind in (AttemptStarted, AttemptEnded)] == [3, 3]

    async def test_job_runs_in_the_handler_of_its_mode_or_of_all_or_stays_queued(self, env: WorkerEnv) -> None:
        done: list[tuple[str, str]] = []
        registry = registry_of(lambda work: done.append((work.job.mode, "some")), "a", "b")
        for mode in "abc":
            env.queue(mode)
        await env.run(registry)
        assert env.outcomes() == [SUCCEEDED, SUCCEEDED, ("queued", None, 250)]
        registry.handler()(lambda work: done.append((work.job.mode, "default")))
        await env.run(registry)
        assert sorted(done) == [("a", "some"), ("b", "some"), ("c", "default")]

    async def test_worker_runs_no_more_jobs_at_once_than_its_concurrency(self, env: WorkerEnv) -> None:
        running = most = 0

        async def count(work: Work) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            running -= 1

        env.queue(number=30)
        await env.run(count, concurrency=4)
        assert most == 4
        assert env.outcomes() == [SUCCEEDED] * 30

    async def test_concurrent_claims_start_no_job_twice(self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch) -> None:
        claims = most = 0
        claim = LeaseClient.claim

        async def count(leases: LeaseClient, limit: int) -> list[ClaimedJob]:
            nonlocal claims, most
            claims += 1
            most = max(most, claims)
            try:
                return await claim(leases, limit)
            finally:
                claims -= 1

        monkeypatch.setattr(LeaseClient, "claim", count)
        env.queue(number=60)
        events = await env.run(concurrency=8, batch=1)
        assert 1 < most <= CLAIMS_AT_ONCE
        assert len(of_kind(events, AttemptStarted)) == 60
        assert env.outcomes() == [SUCCEEDED] * 60

    async def test_worker_holds_a_limited_number_of_jobs_while_their_ends_are_being_saved(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        end, may_end = LeaseClient.end, asyncio.Event()

        async def wait(leases: LeaseClient, endings: Sequence[Ending]) -> set[UUID]:
            await may_end.wait()
            return await end(leases, endings)

        monkeypatch.setattr(LeaseClient, "end", wait)
        env.queue(number=20)
        async with env.running(concurrency=2, batch=1, once=True) as (_, events):
            await until_reported(events, AttemptStarted, number=2 * HELD_PER_SLOT)
            await until(lambda: len(env.leases()) == 2 * HELD_PER_SLOT)
            may_end.set()
        assert env.outcomes() == [SUCCEEDED] * 20


class TestRetries:
    async def test_retryable_failure_is_retried(self, env: WorkerEnv) -> None:
        registry = Registry(attempts=3, backoff=SOON)
        attempts: list[int] = []

        @registry.handler("lifestyle", retry_on=(ConnectionError,))
        async def flaky(work: Work) -> None:
            attempts.append(work.attempt)
            work.cost_cents = 10 * work.attempt
            if work.attempt == 1:
                raise Retry("busy", after=0.0)
            if work.attempt == 2:
                raise ConnectionResetError("cut off")
            worker.stop()

        env.queue()
        worker, events = env.make_worker(registry)
        await worker.run()
        assert attempts == [1, 2, 3]
        assert env.outcomes() == [("succeeded", None, 30)]
        endings = [event.ending for event in of_kind(events, AttemptEnded)]
        errors = [ending.error for ending in of_kind(endings, Rescheduled)]
        assert errors == ["busy", "ConnectionResetError: cut off"]

    async def test_rescheduled_job_is_held_by_no_worker_and_waits_as_long_as_possible(self, env: WorkerEnv) -> None:
        waits = {"a": 60.0, "b": 1e300, "c": float("inf")}

        async def busy(work: Work) -> None:
            raise Retry("busy", after=waits[work.job.mode])

        jobs = [env.queue(mode)[0] for mode in waits]
        events = await env.run(busy)
        ended = {event.claimed.job.mode: event.ending for event in of_kind(events, AttemptEnded)}
        for mode, after in waits.items():
            ending = ended[mode]
            assert isinstance(ending, Rescheduled)
            assert ending.wait == min(after, LONGEST_WAIT), mode
        assert env.outcomes() == [("running", None, 250)] * 3
        assert sorted(env.leases()) == sorted((job, None, 1, "busy") for job in jobs)

    async def test_last_attempt_fails_the_job(self, env: WorkerEnv) -> None:
        registry = Registry(backoff=SOON)
        registry.handler("a", attempts=1, time_out=0.01)(never_ends)
        registry.handler("b", attempts=2, time_out=0.01)(never_ends)
        registry.handler("c", attempts=2)(is_busy)
        for mode in "abc":
            env.queue(mode)
        async with env.running(registry) as (_, events):
            await until_reported(events, number=5)
        assert env.outcomes() == [
            ("failed", "Timed out after 0.01 s", 250),
            ("failed", "Given up after 2 attempts: Timed out after 0.01 s", 250),
            ("failed", "Given up after 2 attempts: busy", 250),
        ]

    async def test_timed_out_thread_keeps_its_slot_until_it_ends(self, env: WorkerEnv) -> None:
        release = threading.Event()
        should_stop: list[bool] = []

        def stuck(work: Work) -> None:
            release.wait(60)
            should_stop.append(work.should_stop)

        registry = registry_of(do_nothing, "lifestyle")
        registry.handler("stuck", time_out=0.01, attempts=1)(stuck)
        env.queue("stuck")
        async with env.running(registry, concurrency=1) as (worker, events):
            await until_reported(events)
            env.queue("lifestyle")
            assert worker._in_flight_jobs.free == 0
            release.set()
            await until(lambda: env.outcomes()[0][0] == "succeeded")
        assert env.outcomes()[1][:2] == ("failed", "Timed out after 0.01 s")
        assert should_stop == [True]


class TestLeases:
    async def test_lease_is_renewed_and_the_progress_note_saved_while_the_job_runs(self, env: WorkerEnv) -> None:
        release = asyncio.Event()

        async def long(work: Work) -> None:
            work.note("1 of 8")
            work.note("3 of 8")
            await release.wait()

        env.queue()
        async with env.running(long, lease_seconds=0.6, once=True):
            await env.until_leased()
            ((expires_at,),) = env.sql("select expires_at from gjobs.job_leases")
            is_renewed = "select expires_at > %s + interval '0.5 s' from gjobs.job_leases"
            await until(lambda: env.sql(is_renewed, [expires_at]) == [(True,)])
            await until(lambda: [row[3] for row in env.leases()] == ["3 of 8"])
            release.set()
        assert env.outcomes() == [SUCCEEDED]

    async def test_worker_that_lost_its_lease_stops_and_changes_nothing(self, env: WorkerEnv) -> None:
        was_cancelled = False

        async def long(work: Work) -> None:
            nonlocal was_cancelled
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                was_cancelled = work.should_stop
                raise

        env.queue()
        async with env.running(long, lease_seconds=0.6, once=True) as (_, events):
            await env.until_leased()
            env.sql("update gjobs.job_leases set owner = gen_random_uuid(), attempt = 2, expires_at = 'infinity'")
        assert was_cancelled
        assert kinds(events) == [AttemptStarted, LeaseLost]
        assert env.outcomes() == [("running", None, 250)]

    async def test_worker_does_not_change_a_job_that_was_ended_manually(self, env: WorkerEnv) -> None:
        env.queue()
        events = await env.run(lambda _: env.sql("update generation_jobs set status = 'failed', error = 'by hand'"))
        assert env.outcomes() == [("failed", "by hand", 250)]
        assert kinds(events) == [AttemptStarted, LeaseLost]
        assert env.leases() == []

    async def test_job_of_a_dead_worker_is_taken_over_up_to_the_attempt_limit(self, env: WorkerEnv) -> None:
        attempts: list[int] = []
        registry = registry_of(do_nothing, attempts=1)
        registry.handler("may retry", attempts=2)(lambda work: attempts.append(work.attempt))
        dead = UUID(int=9)
        for mode in ("known", "may retry", "unknown"):
            env.queue(mode)
        env.sql("select gjobs.claim_jobs(%s, null, 3, -1)", [dead])
        env.sql(
            "update gjobs.job_leases set owner = null, attempt = 5"
            " where job_id = (select id from generation_jobs where mode = 'unknown')"
        )
        await env.run(registry)
        assert attempts == [2]
        assert env.outcomes() == [
            ("failed", f"Given up after 1 attempt: the worker {dead} lost its lease", 250),
            SUCCEEDED,
            ("failed", "Given up after 5 attempts: the outcome of the last attempt is unknown", 250),
        ]


class TestStopping:
    async def test_stopping_worker_waits_for_running_jobs(self, env: WorkerEnv) -> None:
        started, release = asyncio.Event(), asyncio.Event()

        async def long(work: Work) -> None:
            started.set()
            await release.wait()

        env.queue(number=2)
        async with env.running(long, concurrency=1) as (worker, _):
            await started.wait()
            worker.stop()
            release.set()
        assert env.outcomes() == [SUCCEEDED, ("queued", None, 250)]

    @pytest.mark.parametrize("how", ["grace period over", "stopped twice", "cancelled"])
    async def test_job_that_outlasts_the_grace_period_is_released(self, env: WorkerEnv, how: str) -> None:
        started = asyncio.Event()

        async def long(work: Work) -> None:
            started.set()
            await asyncio.sleep(60)

        (job,) = env.queue()
        worker, events = env.make_worker(long, grace=0.01 if how == "grace period over" else 60.0)
        running = asyncio.create_task(worker.run())
        await started.wait()
        if how == "cancelled":
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        else:
            worker.stop()
            if how == "stopped twice":
                await asyncio.sleep(0)
                worker.stop()
            await running
            assert [type(event.ending) for event in of_kind(events, AttemptEnded)] == [Released]
        assert env.leases() == [(job, None, 0, None)]
        await env.run()
        assert env.outcomes() == [SUCCEEDED]


class TestWaiting:
    @pytest.mark.parametrize("listens", [True, False])
    async def test_worker_is_notified_of_a_new_job_or_polls_for_it(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch, listens: bool
    ) -> None:
        monkeypatch.setattr("gjobs.store.worker.worker.LONGEST_POLL_WHEN_NOTIFIED", 600.0)
        if not listens:
            monkeypatch.setattr("gjobs.store.worker.worker.may_listen", lambda *_: False)
        async with env.running() as (worker, events):
            await until(lambda: worker.is_notified if listens else bool(env.sql("select id from gjobs.workers")))
            env.queue()
            await until(lambda: bool(events))
            assert worker.is_notified is listens

    async def test_paused_worker_claims_nothing_by_itself_even_if_the_pause_began_during_a_claim(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked, may_answer, waits = asyncio.Event(), asyncio.Event(), asyncio.Event()
        claim, wait_for_change, wait = LeaseClient.claim, InFlightJobs.wait_for_change, QueueListener.wait

        async def wait_for_resume(jobs: InFlightJobs) -> None:
            waits.set()
            await wait_for_change(jobs)

        async def wait_for_notification(listener: QueueListener, seconds: float, wake_up: asyncio.Event) -> None:
            if may_answer.is_set():
                waits.set()
            await wait(listener, seconds, wake_up)

        async def held_once_notified(leases: LeaseClient, limit: int) -> list[ClaimedJob]:
            claims = await claim(leases, limit)
            if worker.is_notified:
                asked.set()
                await may_answer.wait()
            return claims

        monkeypatch.setattr(LeaseClient, "claim", held_once_notified)
        monkeypatch.setattr(InFlightJobs, "wait_for_change", wait_for_resume)
        monkeypatch.setattr(QueueListener, "wait", wait_for_notification)
        async with env.running() as (worker, events):
            await asked.wait()
            worker.set_paused(True)
            may_answer.set()
            await waits.wait()
            first, _ = env.queue(number=2)
            claimed = await worker.claim_one()
            assert claimed is not None
            assert claimed.id == first
            await until_reported(events)
            assert env.outcomes() == [SUCCEEDED, ("queued", None, 250)]
            worker.set_paused(False)
            await until_reported(events, number=2)

    async def test_paused_worker_that_is_stopping_claims_nothing(self, env: WorkerEnv) -> None:
        env.queue()
        worker, _ = env.make_worker()
        worker.set_paused(True)
        running = asyncio.create_task(worker.run())
        await until(lambda: worker._claimer is not None)
        worker.stop()
        assert await worker.claim_one() is None
        await running
        assert env.outcomes() == [("queued", None, 250)]

    async def test_overdue_retry_without_a_worker_has_no_next_due_time(self, env: WorkerEnv) -> None:
        (job,) = env.queue("without a worker")
        env.sql("update generation_jobs set status = 'running'")
        env.sql("insert into gjobs.job_leases values (%s, null, 1, now(), now() - interval '1 hour', null)", (job,))
        assert await env.operator.database.read(env.operator.actor, NEXT_DUE) == [None]


class TestWorkers:
    async def test_worker_registers_itself_and_records_its_stop(self, env: WorkerEnv) -> None:
        workers: list[tuple[object, ...]] = []

        def read_workers(work: Work) -> None:
            workers.extend(env.sql("select id, name, modes, concurrency, stopped_at from gjobs.workers"))

        env.queue()
        worker, _ = env.make_worker(registry_of(read_workers, "lifestyle"), name="worker 1", concurrency=3)
        await worker.run(once=True)
        assert workers == [(worker.id, "worker 1", ["lifestyle"], 3, None)]
        assert env.sql("select stopped_at >= started_at from gjobs.workers") == [(True,)]

    async def test_only_the_operator_can_run_workers(self, env: WorkerEnv, ada: Store) -> None:
        env.queue()
        with pytest.raises(NoPrivilege, match=r"^Only the operator can run jobs\.$"):
            await env.run(store=ada)
        assert env.outcomes() == [("queued", None, 250)]

    async def test_worker_removes_records_of_workers_gone_for_a_week(self, env: WorkerEnv) -> None:
        env.sql(
            "insert into gjobs.workers (id, name, host, process, concurrency, seen_at)"
            " select gen_random_uuid(), 'old', 'h', 1, 1, now() - make_interval(days => d)"
            " from unnest('{6, 8}'::int[]) d"
        )
        await env.run(name="new")
        assert sorted(env.sql("select name from gjobs.workers")) == [("new",), ("old",)]


class TestMistakes:
    def test_worker_and_handler_with_unusable_settings_are_refused(self, env: WorkerEnv) -> None:
        with pytest.raises(InvalidValue, match="at least 1"):
            env.make_worker(concurrency=0)
        with pytest.raises(InvalidValue, match="at least 1"):
            env.make_worker(batch=0)
        with pytest.raises(InvalidValue, match="no handler"):
            env.make_worker(Registry())

        with pytest.raises(InvalidValue, match="mode must be a string"):
            Registry().handler(do_nothing)  # type: ignore[arg-type]


class TestRefusals:
    async def test_rejected_finish_does_not_hold_back_other_jobs(self, env: WorkerEnv) -> None:
        async def set_cost(work: Work) -> None:
            # The second cost exceeds the column's range. A rule of the app could refuse a cost as well.
            work._cost_cents = 2**31 if work.job.id == jobs[1] else 5

        jobs = env.queue(number=3)
        await env.run(set_cost)
        first, second, third = env.outcomes()
        assert first == third == ("succeeded", None, 5)
        assert second[0] == "running"

    async def test_attempt_cost_beyond_the_budget_is_recorded_and_ends_the_job(self, env: WorkerEnv) -> None:
        async def exceed_the_budget(work: Work) -> None:
            work.cost_cents = 900
            raise Retry("busy", after=0.0)

        env.queue()
        await env.operator.set_budget(project_id=env.project, period="all", limit_cents=300)
        events = await env.run(exceed_the_budget)
        ((status, error, cost_cents),) = env.outcomes()
        assert (status, cost_cents) == ("failed", 900)
        assert str(error).startswith("busy. The database refused another attempt: The total budget of ")
        assert kinds(events) == [AttemptStarted, AttemptEnded]
        assert env.leases() == []


WORKER = WorkerInfo(id=UUID(int=7), name="one", host="here", process=1, modes=None, concurrency=1)


async def test_lease_is_released_after_a_renewal_in_progress(
    database: Conninfo, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The renewal locks the lease. If the release did not wait for the renewal, the lease would stay until it
    expires.
    """
    (job,) = env.queue()
    leases = LeaseClient(env.operator.database, WORKER, seconds=60.0, claims_are_durable=True)
    await leases.register_worker()
    (claimed,) = await leases.claim(1)
    write, was_renewed = Database.write_pipelined, list[bool]()

    async def note(self: Database, actor: Any, what: str, *queries: Any) -> Any:
        if what == "end jobs":
            was_renewed.append(renewing.done())
        return await write(self, actor, what, *queries)

    monkeypatch.setattr(Database, "write_pipelined", note)
    with connect(database) as elsewhere:
        elsewhere.execute("select from gjobs.workers where id = %s for update", [WORKER.id])
        renewing = asyncio.create_task(leases.renew([claimed.held], []))
        await until(lambda: env.sql("select pid from pg_locks where not granted") != [])
        ending = asyncio.create_task(leases.end([Released(job_id=job, attempt=claimed.attempt)]))
        await asyncio.sleep(0)
        elsewhere.rollback()
    assert await renewing == {job}
    assert await ending == {job}
    assert was_renewed == [True]
    assert env.sql("select owner, attempt from gjobs.job_leases") == [(None, 0)]


@pytest.mark.parametrize("lease", [3.0, 60.0, 3_600.0])
def test_heartbeat_interval_is_a_third_of_lease_and_silence_at_most(lease: float) -> None:
    assert interval(lease) <= min(lease, SILENT_AFTER.total_seconds()) / 3


async def test_simulated_jobs_end_with_a_cost_or_an_error_and_manually_started_jobs_stay(env: WorkerEnv) -> None:
    env.queue("started manually")
    env.sql("update generation_jobs set status = 'running'")
    env.queue("lifestyle", 30)
    env.queue("of another app", 30)
    env.sql("update generation_jobs set cost_cents = 0")
    await env.run(Simulation(SimulatedClock(speed=10_000), seed=1).handlers(), concurrency=20)
    counts = dict(env.sql("select status, count(*) from generation_jobs group by status"))
    # A job that waits for its retry still has the status `running`.
    assert set(counts) == {"succeeded", "failed", "running"}
    assert counts["succeeded"] > counts["failed"]
    assert env.sql("select count(*) from generation_jobs where status = 'succeeded' and cost_cents = 0") == [(0,)]
    errors = env.sql("select distinct left(error, 17) from generation_jobs where status = 'failed'")
    assert errors == [("GenerationError: ",)]
    notes = env.sql("select distinct note from gjobs.job_leases where owner is null")
    assert notes == [("The image service is busy: 503",)]
    assert env.sql("select status from generation_jobs where mode = 'started manually'") == [("running",)]
