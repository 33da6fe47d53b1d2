"""A worker claims what is queued, runs its handlers, and ends each job once, whatever comes in between."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any
from uuid import UUID

import pytest

from store.database.database import Database
from store.errors import InvalidValue
from store.leases import lease_sql
from store.leases.lease import SILENT_AFTER, ClaimedJob, Released, Rescheduled, WorkerInfo
from store.sample.simulation import simulated
from store.store import Store
from store.users.actor import OPERATOR
from store.worker.attempt_outcome import LONGEST_WAIT
from store.worker.claimer import CLAIMS_AT_ONCE
from store.worker.handlers import Backoff, Registry, Retry, Work
from store.worker.lease_client import LeaseClient, interval
from store.worker.worker_events import AttemptEnded, AttemptStarted, LeaseLost
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import until
from tests.store.worker.conftest import WorkerEnv, do_nothing, has_ended, registry_of

SOON = Backoff(first=0.01, longest=0.01)

SUCCEEDED = ("succeeded", None, 250)


async def is_busy(work: Work) -> None:
    raise Retry("busy")


async def time_out(work: Work) -> None:
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

        env.queue("lifestyle")
        env.queue("packaging")
        told = await env.run(registry)
        assert env.ends() == [("succeeded", None, 251), ("succeeded", None, 7)]
        assert threads[0] is not threading.main_thread()
        assert env.leases() == []
        assert [type(one) for one in told] == [AttemptStarted, AttemptStarted, AttemptEnded, AttemptEnded]

    async def test_exception_of_a_handler_fails_the_job(self, env: WorkerEnv) -> None:
        async def fails(work: Work) -> None:
            work.cost_cents = 3
            raise ValueError("no such\0 image \ud800")

        def leaves(work: Work) -> None:
            raise SystemExit(2)

        def forgets(work: Work) -> object:
            return asyncio.sleep(0, result=work)

        async def times_out(work: Work) -> None:
            raise TimeoutError("the model did not answer")

        registry = Registry()
        for mode, handler in {"a": fails, "b": leaves, "c": forgets, "d": times_out}.items():
            registry.handler(mode)(handler)
            env.queue(mode)
        with pytest.warns(RuntimeWarning, match="never awaited"):
            await env.run(registry)
        assert env.ends() == [
            ("failed", "ValueError: no such image ?", 3),
            ("failed", "SystemExit: 2", 250),
            ("failed", "TypeError: The handler returned an awaitable. Define it with 'async def'.", 250),
            ("failed", "TimeoutError: the model did not answer", 250),
        ]

    async def test_handlers_run_their_modes_and_the_default_handler_the_rest(self, env: WorkerEnv) -> None:
        done: list[tuple[str, str]] = []
        registry = registry_of(lambda work: done.append((work.job.mode, "some")), "a", "b")
        registry.handler()(lambda work: done.append((work.job.mode, "rest")))
        for mode in "abc":
            env.queue(mode)
        await env.run(registry, concurrency=1)
        assert sorted(done) == [("a", "some"), ("b", "some"), ("c", "rest")]

    async def test_job_without_a_handler_stays_queued(self, env: WorkerEnv) -> None:
        env.queue("other")
        await env.run(registry_of(do_nothing, "a"))
        assert env.ends() == [("queued", None, 250)]

    async def test_worker_runs_no_more_jobs_at_once_than_its_concurrency(self, env: WorkerEnv) -> None:
        at_work, most = 0, 0

        async def count(work: Work) -> None:
            nonlocal at_work, most
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0.001)
            at_work -= 1

        env.queue(number=30)
        await env.run(count, concurrency=4)
        assert most == 4
        assert env.ends() == [SUCCEEDED] * 30

    async def test_concurrent_small_claims_start_no_job_twice(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        under_way = most = 0
        claim = LeaseClient.claim

        async def watched(leases: LeaseClient, asked_for: int) -> list[ClaimedJob]:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            try:
                return await claim(leases, asked_for)
            finally:
                under_way -= 1

        monkeypatch.setattr(LeaseClient, "claim", watched)
        env.queue(number=60)
        told = await env.run(concurrency=8, batch=1)
        assert 1 < most <= CLAIMS_AT_ONCE
        assert len([one for one in told if isinstance(one, AttemptStarted)]) == 60
        assert env.ends() == [SUCCEEDED] * 60


class TestTryingAgain:
    async def test_retryable_failure_is_tried_again(self, env: WorkerEnv) -> None:
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
        worker, told = env.make_worker(registry)
        await worker.run()
        assert attempts == [1, 2, 3]
        assert env.ends() == [("succeeded", None, 30)]
        endings = [one.ending for one in told if isinstance(one, AttemptEnded)]
        errors = [ending.error for ending in endings if isinstance(ending, Rescheduled)]
        assert errors == ["busy", "ConnectionResetError: cut off"]

    @pytest.mark.parametrize("after", [float("inf"), 1e300])
    async def test_impossible_retry_wait_is_replaced_by_a_valid_one(self, env: WorkerEnv, after: float) -> None:
        async def busy(work: Work) -> None:
            if work.attempt == 1:
                raise Retry("busy", after=after)

        (job,) = env.queue()
        told = await env.run(busy)
        assert isinstance(told[1], AttemptEnded)
        assert isinstance(told[1].ending, Rescheduled)
        assert 0.0 <= told[1].ending.wait <= LONGEST_WAIT
        assert env.leases() in ([(job, None, 1, "busy")], [])

    async def test_rescheduled_job_is_held_by_no_worker(self, env: WorkerEnv) -> None:
        (job,) = env.queue()
        await env.run(registry_of(is_busy, backoff=Backoff(first=60.0)))
        assert env.ends() == [("running", None, 250)]
        assert env.leases() == [(job, None, 1, "busy")]

    @pytest.mark.parametrize(
        ("attempts", "fails", "error"),
        [
            (1, time_out, "Timed out after 0.01 s"),
            (2, time_out, "Given up after 2 attempts: Timed out after 0.01 s"),
            (2, is_busy, "Given up after 2 attempts: busy"),
        ],
    )
    async def test_last_attempt_fails_the_job(
        self, env: WorkerEnv, attempts: int, fails: Callable[[Work], Awaitable[None]], error: str
    ) -> None:
        async def handler(work: Work) -> None:
            if work.attempt == attempts:
                worker.stop()
            await fails(work)

        env.queue()
        worker, _ = env.make_worker(registry_of(handler, time_out=0.01, attempts=attempts, backoff=SOON))
        await worker.run()
        assert env.ends() == [("failed", error, 250)]

    async def test_timed_out_thread_keeps_its_slot_until_it_ends(self, env: WorkerEnv) -> None:
        go_on = threading.Event()
        saw: list[bool] = []

        def stuck(work: Work) -> None:
            go_on.wait(10)
            saw.append(work.should_stop)

        registry = registry_of(stuck, "stuck", time_out=0.01, attempts=1)
        registry.handler("lifestyle")(do_nothing)
        env.queue("stuck")
        async with env.running(registry, concurrency=1) as (worker, told):
            await until(lambda: has_ended(told))
            env.queue("lifestyle")
            assert worker.free == 0
            go_on.set()
            await until(lambda: env.ends()[0][0] == "succeeded")
        assert env.ends()[1][:2] == ("failed", "Timed out after 0.01 s")
        assert saw == [True]


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
            ((claimed_until,),) = env.sql("select expires_at from gjobs.job_leases")
            renewed = "select expires_at > %s + interval '0.5 s' from gjobs.job_leases"
            await until(lambda: env.sql(renewed, [claimed_until]) == [(True,)])
            await until(lambda: [row[3] for row in env.leases()] == ["3 of 8"])
            release.set()
        assert env.ends() == [SUCCEEDED]

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
        async with env.running(long, lease_seconds=0.6, once=True) as (_, told):
            await env.until_leased()
            env.sql("update gjobs.job_leases set owner = gen_random_uuid(), attempt = 2, expires_at = 'infinity'")
        assert was_cancelled
        assert [type(one) for one in told] == [AttemptStarted, LeaseLost]
        assert env.ends() == [("running", None, 250)]

    async def test_worker_does_not_change_a_job_that_was_ended_manually(self, env: WorkerEnv) -> None:
        env.queue()
        told = await env.run(lambda _: env.sql("update generation_jobs set status = 'failed', error = 'by hand'"))
        assert env.ends() == [("failed", "by hand", 250)]
        assert [type(one) for one in told] == [AttemptStarted, LeaseLost]
        assert env.leases() == []

    async def test_job_of_a_dead_worker_is_taken_over(self, env: WorkerEnv) -> None:
        attempts: list[int] = []
        env.queue()
        env.sql("select gjobs.claim_jobs(gen_random_uuid(), null, 1, -1)")
        await env.run(registry_of(lambda work: attempts.append(work.attempt), attempts=2))
        assert attempts == [2]
        assert env.ends() == [SUCCEEDED]

    @pytest.mark.parametrize("is_known", [True, False])
    async def test_job_of_a_lost_worker_fails_past_the_attempt_limit(self, env: WorkerEnv, is_known: bool) -> None:
        env.queue()
        dead = UUID(int=9)
        env.sql("select gjobs.claim_jobs(%s, null, 1, -1)", [dead])
        if not is_known:
            env.sql("update gjobs.job_leases set owner = null, attempt = 5")
        reason = f"the worker {dead} lost its lease" if is_known else "the outcome of the last attempt is unknown"
        attempts = "1 attempt" if is_known else "5 attempts"
        told = await env.run(registry_of(do_nothing, attempts=1))
        assert env.ends() == [("failed", f"Given up after {attempts}: {reason}", 250)]
        assert [type(one) for one in told] == [AttemptEnded]


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
        assert env.ends() == [SUCCEEDED, ("queued", None, 250)]

    @pytest.mark.parametrize("how", ["grace over", "stopped twice", "cancelled"])
    async def test_job_that_outlasts_the_grace_period_is_released(self, env: WorkerEnv, how: str) -> None:
        started = asyncio.Event()

        async def long(work: Work) -> None:
            started.set()
            await asyncio.sleep(60)

        (job,) = env.queue()
        worker, told = env.make_worker(long, grace=0.01 if how == "grace over" else 60.0)
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
            assert [type(one.ending) for one in told if isinstance(one, AttemptEnded)] == [Released]
        assert env.leases() == [(job, None, 0, None)]
        await env.run()
        assert env.ends() == [SUCCEEDED]


class TestWaiting:
    @pytest.mark.parametrize("listens", [True, False])
    async def test_worker_is_notified_of_a_new_job_or_polls_for_it(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch, listens: bool
    ) -> None:
        if not listens:
            monkeypatch.setattr("store.worker.worker.may_listen", lambda *_: False)
        async with env.running() as (worker, told):
            await until(lambda: worker.is_notified if listens else bool(env.sql("select id from gjobs.workers")))
            env.queue()
            await until(lambda: bool(told))
            assert listens or not worker.is_notified

    async def test_overdue_retry_without_a_taker_has_no_next_due_time(self, env: WorkerEnv) -> None:
        (job,) = env.queue("of nobody")
        env.sql("update generation_jobs set status = 'running'")
        env.sql("insert into gjobs.job_leases values (%s, null, 1, now(), now() - interval '1 hour', null)", (job,))
        assert await env.operator.database.read(env.operator.actor, lease_sql.next_due()) == [None]


class TestWorkers:
    async def test_worker_registers_itself_and_records_its_stop(self, env: WorkerEnv) -> None:
        alive: list[tuple[object, ...]] = []

        def look(work: Work) -> None:
            alive.extend(env.sql("select id, user_id, name, modes, concurrency, stopped_at from gjobs.workers"))

        env.queue()
        worker, _ = env.make_worker(registry_of(look, "lifestyle"), name="worker 1", concurrency=3)
        await worker.run(once=True)
        assert alive == [(worker.id, None, "worker 1", ["lifestyle"], 3, None)]
        assert env.sql("select stopped_at >= started_at from gjobs.workers") == [(True,)]

    async def test_worker_acting_as_a_user_runs_only_their_jobs(self, env: WorkerEnv, ben: Store, ada: Store) -> None:
        env.queue()
        for store, status in ((ben, "queued"), (ada, "succeeded")):
            await env.run(store=store)
            assert env.ends() == [(status, None, 250)]

    async def test_worker_removes_records_of_workers_gone_for_a_week(self, env: WorkerEnv) -> None:
        env.sql(
            "insert into gjobs.workers (id, name, host, process, concurrency, seen_at)"
            " select gen_random_uuid(), 'old', 'h', 1, 1, now() - make_interval(days => d)"
            " from unnest('{6, 8}'::int[]) d"
        )
        await env.run(name="new")
        assert sorted(env.sql("select name from gjobs.workers")) == [("new",), ("old",)]


class TestMistakes:
    @pytest.mark.parametrize("settings", [{"concurrency": 0}, {"batch": 0}])
    def test_concurrency_and_batch_must_be_at_least_one(self, env: WorkerEnv, settings: dict[str, Any]) -> None:
        with pytest.raises(InvalidValue, match="at least 1"):
            env.make_worker(**settings)

    def test_worker_without_a_handler_is_refused(self, env: WorkerEnv) -> None:
        with pytest.raises(InvalidValue, match="no handler"):
            env.make_worker(Registry())

    def test_handler_decorator_without_parentheses_is_refused(self) -> None:
        with pytest.raises(InvalidValue, match="mode must be a string"):
            Registry().handler(do_nothing)  # type: ignore[arg-type]


class TestTheDatabaseRefuses:
    async def test_rejected_finish_does_not_hold_back_other_jobs(self, env: WorkerEnv) -> None:
        async def dear(work: Work) -> None:
            # More than the column holds, as an app's own rule may refuse.
            work._cost_cents = 2**31 if work.job.id == jobs[1] else 5

        jobs = env.queue(number=3)
        await env.run(dear)
        first, second, third = env.ends()
        assert first == third == ("succeeded", None, 5)
        assert second[0] == "running"

    async def test_attempt_cost_beyond_the_budget_is_recorded_and_ends_the_job(self, env: WorkerEnv) -> None:
        async def dear(work: Work) -> None:
            work.cost_cents = 900
            raise Retry("busy", after=0.0)

        env.queue()
        await env.operator.set_budget(project_id=env.project, period="all", limit_cents=300)
        told = await env.run(dear)
        ((status, error, cost_cents),) = env.ends()
        assert (status, cost_cents) == ("failed", 900)
        assert str(error).startswith("busy. The database refused another attempt: The total budget of ")
        assert [type(one) for one in told] == [AttemptStarted, AttemptEnded]
        assert env.leases() == []


WORKER = WorkerInfo(id=UUID(int=7), user_id=None, name="one", host="here", process=1, modes=None, concurrency=1)


async def test_lease_is_released_after_a_renewal_in_progress(
    database: Conninfo,
    env: WorkerEnv,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the database would leave it alone, for it is locked, and nobody could have it until the lease expires."""
    (job,) = env.queue()
    leases = LeaseClient(env.operator.database, OPERATOR, WORKER, seconds=60.0)
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


async def test_simulated_jobs_end_with_a_cost_or_an_error(env: WorkerEnv) -> None:
    env.queue("lifestyle", 30)
    env.queue("of another app", 30)
    await env.run(simulated(Random(1), pace=10_000), concurrency=20)  # noqa: S311
    ends = dict(env.sql("select status, count(*) from generation_jobs group by status"))
    # Those that are to be tried again wait, running.
    assert set(ends) == {"succeeded", "failed", "running"}
    assert ends["succeeded"] > 3 * ends["failed"]
    assert env.sql("select count(*) from generation_jobs where status = 'succeeded' and cost_cents = 250") == [(0,)]
    errors = env.sql("select distinct left(error, 17) from generation_jobs where status = 'failed'")
    assert errors == [("GenerationError: ",)]
    notes = env.sql("select distinct note from gjobs.job_leases where owner is null")
    assert notes == [("The image service is busy: 503",)]


async def test_simulated_worker_leaves_manually_started_jobs_alone(env: WorkerEnv) -> None:
    by_hand, _ = env.queue("lifestyle", 2)
    env.sql("update generation_jobs set status = 'running' where id = %s", (by_hand,))
    await env.run(simulated(Random(0), pace=10_000))  # noqa: S311
    assert env.sql("select id from generation_jobs where status = 'running'") == [(by_hand,)]
