"""A worker claims what is queued, runs its handlers, and ends each job once, whatever comes in between."""

import asyncio
import threading
from collections.abc import Callable
from uuid import UUID

import pytest

from store.database.database import Database
from store.errors import InvalidValue, SchemaMissing
from store.leases import lease_sql
from store.leases.lease import ClaimedJob, Released, Rescheduled
from store.store import Store
from store.worker.attempt_outcome import LONGEST_WAIT
from store.worker.claimer import CLAIMS_AT_ONCE
from store.worker.handlers import Backoff, Registry, Retry, Work
from store.worker.lease_client import LeaseClient
from store.worker.worker_events import AttemptEnded, AttemptStarted, LeaseLost
from tests.store.support import Sql, until
from tests.store.worker.conftest import MakeWorker

Queue = Callable[..., list[UUID]]

SOON = Backoff(first=0.01, longest=0.01)


def ends(sql: Sql) -> list[tuple[object, ...]]:
    return sql("select status, error, cost_cents from generation_jobs order by created_at, mode, id")


def leases(sql: Sql) -> list[tuple[object, ...]]:
    return sql("select job_id, owner, attempt, note from gjobs.job_leases")


class TestHandlers:
    async def test_handler_may_be_a_coroutine_or_a_blocking_function(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        registry = Registry()
        threads: list[threading.Thread] = []

        @registry.handler("lifestyle")
        async def lifestyle(work: Work) -> None:
            await asyncio.sleep(0)
            work.cost_cents = work.job.cost_cents + 1

        @registry.handler("packaging")
        def packaging(work: Work) -> None:
            threads.append(threading.current_thread())
            work.cost_cents = 7

        queue("lifestyle")
        queue("packaging")
        worker, told = make_worker(registry)

        await worker.run(once=True)

        assert ends(sql) == [("succeeded", None, 251), ("succeeded", None, 7)]
        assert threads[0] is not threading.main_thread()
        assert leases(sql) == []
        assert [type(one) for one in told] == [AttemptStarted, AttemptStarted, AttemptEnded, AttemptEnded]

    async def test_exception_of_a_handler_fails_the_job(self, make_worker: MakeWorker, queue: Queue, sql: Sql) -> None:
        registry = Registry()

        @registry.handler("a")
        async def fails(work: Work) -> None:
            work.cost_cents = 3
            raise ValueError("no such\0 image \ud800")

        @registry.handler("b")
        def leaves(work: Work) -> None:
            raise SystemExit(2)

        @registry.handler("c")
        def forgets(work: Work) -> object:
            return asyncio.sleep(0, result=work)

        for mode in "abc":
            queue(mode)
        worker, _ = make_worker(registry)

        with pytest.warns(RuntimeWarning, match="never awaited"):
            await worker.run(once=True)

        assert sorted(ends(sql), key=lambda row: str(row[1])) == [
            ("failed", "SystemExit: 2", 250),
            ("failed", "TypeError: the handler returned an awaitable: define it with 'async def'", 250),
            ("failed", "ValueError: no such image ?", 3),
        ]

    async def test_handlers_run_their_modes_and_the_default_handler_the_rest(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        registry = Registry()
        done: list[tuple[str, str]] = []

        @registry.handler("a", "b")
        async def some(work: Work) -> None:
            done.append(("some", work.job.mode))

        @registry.handler()
        async def rest(work: Work) -> None:
            done.append(("rest", work.job.mode))

        for mode in ("a", "b", "c"):
            queue(mode)
        worker, _ = make_worker(registry, concurrency=1)

        await worker.run(once=True)

        assert sorted(done, key=lambda one: one[1]) == [("some", "a"), ("some", "b"), ("rest", "c")]

    async def test_job_without_a_handler_stays_queued(self, make_worker: MakeWorker, queue: Queue, sql: Sql) -> None:
        registry = Registry()
        registry.handler("a")(do_nothing)
        queue("other")
        worker, _ = make_worker(registry)

        await worker.run(once=True)

        assert ends(sql) == [("queued", None, 250)]

    async def test_worker_runs_no_more_jobs_at_once_than_its_concurrency(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        registry = Registry()
        at_work, most = 0, 0

        @registry.handler("lifestyle")
        async def count(work: Work) -> None:
            nonlocal at_work, most
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0.001)
            at_work -= 1

        queue(number=30)
        worker, _ = make_worker(registry, concurrency=4)

        await worker.run(once=True)

        assert most == 4
        assert ends(sql) == [("succeeded", None, 250)] * 30

    async def test_concurrent_small_claims_start_no_job_twice(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql, monkeypatch: pytest.MonkeyPatch
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
        queue(number=60)
        worker, told = make_worker(with_nothing_to_do(), concurrency=8, batch=1)

        await worker.run(once=True)

        assert 1 < most <= CLAIMS_AT_ONCE
        assert len([one for one in told if isinstance(one, AttemptStarted)]) == 60
        assert ends(sql) == [("succeeded", None, 250)] * 60


async def do_nothing(work: Work) -> None:
    pass


class TestTryingAgain:
    async def test_retryable_failure_is_tried_again(self, make_worker: MakeWorker, queue: Queue, sql: Sql) -> None:
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

        queue()
        worker, told = make_worker(registry)

        await worker.run()

        assert attempts == [1, 2, 3]
        assert ends(sql) == [("succeeded", None, 30)]
        assert [
            one.ending.error for one in told if isinstance(one, AttemptEnded) and isinstance(one.ending, Rescheduled)
        ] == [
            "busy",
            "ConnectionResetError: cut off",
        ]

    @pytest.mark.parametrize("after", [float("inf"), float("nan"), 1e300, -5.0])
    async def test_impossible_retry_wait_is_replaced_by_a_valid_one(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql, after: float
    ) -> None:
        registry = Registry()

        @registry.handler("lifestyle")
        async def busy(work: Work) -> None:
            if work.attempt == 1:
                raise Retry("busy", after=after)

        (job,) = queue()
        worker, told = make_worker(registry)

        await worker.run(once=True)

        assert isinstance(told[1], AttemptEnded)
        assert isinstance(told[1].ending, Rescheduled)
        assert 0.0 <= told[1].ending.wait <= LONGEST_WAIT
        assert leases(sql) in ([(job, None, 1, "busy")], [])

    async def test_last_attempt_fails_the_job(self, make_worker: MakeWorker, queue: Queue, sql: Sql) -> None:
        registry = Registry(attempts=2, backoff=SOON)

        @registry.handler("lifestyle")
        def busy(work: Work) -> None:
            if work.attempt == 2:
                worker.stop()
            raise Retry("busy")

        queue()
        worker, _ = make_worker(registry)

        await worker.run()

        assert ends(sql) == [("failed", "Given up after 2 attempts: busy", 250)]

    async def test_rescheduled_job_is_held_by_no_worker(self, make_worker: MakeWorker, queue: Queue, sql: Sql) -> None:
        registry = Registry(backoff=Backoff(first=60.0))

        @registry.handler("lifestyle")
        async def busy(work: Work) -> None:
            raise Retry("busy")

        (job,) = queue()
        worker, _ = make_worker(registry)

        await worker.run(once=True)

        assert ends(sql) == [("running", None, 250)]
        assert leases(sql) == [(job, None, 1, "busy")]

    @pytest.mark.parametrize("attempts", [1, 2])
    async def test_timed_out_attempt_is_tried_again(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql, attempts: int
    ) -> None:
        registry = Registry(time_out=0.01, attempts=attempts, backoff=SOON)

        @registry.handler("lifestyle")
        async def slow(work: Work) -> None:
            if work.attempt == attempts:
                worker.stop()
            await asyncio.sleep(60)

        queue()
        worker, _ = make_worker(registry)

        await worker.run()

        given_up = "" if attempts == 1 else "Given up after 2 attempts: "
        assert ends(sql) == [("failed", f"{given_up}Timed out after 0.01 s", 250)]

    async def test_timeout_error_raised_by_the_handler_fails_the_job(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        registry = Registry()

        @registry.handler("lifestyle")
        async def slow(work: Work) -> None:
            raise TimeoutError("the model did not answer")

        queue()
        worker, _ = make_worker(registry)

        await worker.run(once=True)

        assert ends(sql) == [("failed", "TimeoutError: the model did not answer", 250)]

    async def test_timed_out_thread_keeps_its_slot_until_it_ends(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        registry = Registry(time_out=0.01, attempts=1)
        go_on = threading.Event()
        saw: list[bool] = []

        @registry.handler("stuck")
        def stuck(work: Work) -> None:
            go_on.wait(10)
            saw.append(work.should_stop)

        registry.handler("lifestyle")(do_nothing)
        queue("stuck")
        worker, told = make_worker(registry, concurrency=1)
        running = asyncio.create_task(worker.run())
        await until(lambda: any(isinstance(one, AttemptEnded) for one in told))
        queue("lifestyle")
        assert worker.free == 0

        go_on.set()
        await until(lambda: ends(sql)[0][0] == "succeeded")
        worker.stop()
        await running

        assert ends(sql)[1][:2] == ("failed", "Timed out after 0.01 s")
        assert saw == [True]


class TestLeases:
    async def test_lease_is_renewed_while_the_job_runs(self, make_worker: MakeWorker, queue: Queue, sql: Sql) -> None:
        registry = Registry()
        release = asyncio.Event()

        @registry.handler("lifestyle")
        async def long(work: Work) -> None:
            await release.wait()

        queue()
        worker, _ = make_worker(registry, lease_seconds=0.6)
        running = asyncio.create_task(worker.run(once=True))
        await until(lambda: bool(leases(sql)))
        ((claimed_until,),) = sql("select expires_at from gjobs.job_leases")
        renewed = "select expires_at > %s + interval '0.5 s' from gjobs.job_leases"
        await until(lambda: sql(renewed, [claimed_until]) == [(True,)])
        release.set()
        await running

        assert ends(sql) == [("succeeded", None, 250)]

    async def test_worker_that_lost_its_lease_stops_and_changes_nothing(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        registry = Registry()
        was_cancelled = False

        @registry.handler("lifestyle")
        async def long(work: Work) -> None:
            nonlocal was_cancelled
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                was_cancelled = work.should_stop
                raise

        queue()
        worker, told = make_worker(registry, lease_seconds=0.6)
        running = asyncio.create_task(worker.run(once=True))
        await until(lambda: bool(leases(sql)))
        sql("update gjobs.job_leases set owner = gen_random_uuid(), attempt = 2, expires_at = 'infinity'")
        await running

        assert was_cancelled
        assert [type(one) for one in told] == [AttemptStarted, LeaseLost]
        assert ends(sql) == [("running", None, 250)]

    async def test_worker_does_not_change_a_job_that_was_ended_manually(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        registry = Registry()

        @registry.handler("lifestyle")
        def interrupted(work: Work) -> None:
            sql("update generation_jobs set status = 'failed', error = 'by hand'")

        queue()
        worker, told = make_worker(registry)

        await worker.run(once=True)

        assert ends(sql) == [("failed", "by hand", 250)]
        assert [type(one) for one in told] == [AttemptStarted, LeaseLost]
        assert leases(sql) == []

    async def test_job_of_a_dead_worker_is_taken_over(self, make_worker: MakeWorker, queue: Queue, sql: Sql) -> None:
        registry = Registry(attempts=2)
        attempts: list[int] = []

        @registry.handler("lifestyle")
        async def note(work: Work) -> None:
            attempts.append(work.attempt)

        queue()
        sql("select gjobs.claim_jobs(gen_random_uuid(), null, 1, -1)")
        worker, _ = make_worker(registry)

        await worker.run(once=True)

        assert attempts == [2]
        assert ends(sql) == [("succeeded", None, 250)]

    async def test_job_of_a_lost_worker_fails_past_the_attempt_limit(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        registry = Registry(attempts=1)
        registry.handler("lifestyle")(do_nothing)
        queue()
        ((dead,),) = sql("select gen_random_uuid()")
        sql("select gjobs.claim_jobs(%s, null, 1, -1)", [dead])
        worker, told = make_worker(registry)

        await worker.run(once=True)

        assert ends(sql) == [("failed", f"Given up after 1 attempt: the worker {dead} was lost with it", 250)]
        assert [type(one) for one in told] == [AttemptEnded]

    async def test_job_past_the_attempt_limit_fails_without_a_known_reason(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        (job,) = queue()
        sql("update generation_jobs set status = 'running'")
        sql("insert into gjobs.job_leases values (%s, null, 5, now(), now(), null)", (job,))
        worker, _ = make_worker(with_nothing_to_do())

        await worker.run(once=True)

        assert ends(sql) == [("failed", "Given up after 5 attempts: what became of the last is not known", 250)]

    async def test_progress_note_is_saved_while_the_job_runs(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        registry = Registry()
        seen = asyncio.Event()

        @registry.handler("lifestyle")
        async def tells(work: Work) -> None:
            work.note("1 of 8")
            work.note("3 of 8")
            await seen.wait()

        queue()
        worker, _ = make_worker(registry, lease_seconds=0.6)
        running = asyncio.create_task(worker.run(once=True))
        await until(lambda: [row[3] for row in leases(sql)] == ["3 of 8"])
        seen.set()
        await running


class TestStopping:
    async def test_stopping_worker_waits_for_running_jobs(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        registry = Registry()
        started, release = asyncio.Event(), asyncio.Event()

        @registry.handler("lifestyle")
        async def long(work: Work) -> None:
            started.set()
            await release.wait()

        queue(number=2)
        worker, _ = make_worker(registry, concurrency=1)
        running = asyncio.create_task(worker.run())
        await started.wait()
        worker.stop()
        release.set()
        await running

        assert ends(sql) == [("succeeded", None, 250), ("queued", None, 250)]

    @pytest.mark.parametrize("grace", [0.01, 60.0])
    async def test_job_that_outlasts_the_grace_period_is_released(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql, grace: float
    ) -> None:
        """After the grace, or at once when it is asked for a second time."""
        registry = Registry()
        started = asyncio.Event()

        @registry.handler("lifestyle")
        async def long(work: Work) -> None:
            started.set()
            await asyncio.sleep(60)

        (job,) = queue()
        worker, told = make_worker(registry, grace=grace)
        running = asyncio.create_task(worker.run())
        await started.wait()
        worker.stop()
        if grace == 60.0:
            await asyncio.sleep(0)
            worker.stop()
        await running

        assert leases(sql) == [(job, None, 0, None)]
        assert [type(one.ending) for one in told if isinstance(one, AttemptEnded)] == [Released]
        other, _ = make_worker(with_nothing_to_do())
        await other.run(once=True)
        assert ends(sql) == [("succeeded", None, 250)]

    async def test_cancelled_worker_releases_its_jobs(self, make_worker: MakeWorker, queue: Queue, sql: Sql) -> None:
        registry = Registry()
        started = asyncio.Event()

        @registry.handler("lifestyle")
        async def long(work: Work) -> None:
            started.set()
            await asyncio.sleep(60)

        (job,) = queue()
        worker, _ = make_worker(registry)
        running = asyncio.create_task(worker.run())
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert leases(sql) == [(job, None, 0, None)]


def with_nothing_to_do() -> Registry:
    registry = Registry()
    registry.handler()(do_nothing)
    return registry


class TestWaiting:
    async def test_notified_worker_starts_a_new_job_at_once(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        """Well before it would ask again by itself."""
        worker, told = make_worker(with_nothing_to_do())
        running = asyncio.create_task(worker.run())
        await until(lambda: worker.is_notified)
        queue()
        await until(lambda: bool(told))
        worker.stop()
        await running

    async def test_worker_polls_for_jobs_without_notifications(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("store.worker.worker.may_listen", lambda *_: False)
        worker, told = make_worker(with_nothing_to_do())
        running = asyncio.create_task(worker.run())
        await until(lambda: bool(sql("select id from gjobs.workers")))
        queue()
        await until(lambda: bool(told))
        assert not worker.is_notified
        worker.stop()
        await running

    async def test_overdue_retry_without_a_taker_has_no_next_due_time(
        self, operator: Store, queue: Queue, sql: Sql
    ) -> None:
        (job,) = queue("of nobody")
        sql("update generation_jobs set status = 'running'")
        sql("insert into gjobs.job_leases values (%s, null, 1, now(), now() - interval '1 hour', null)", (job,))

        assert await operator.database.read(operator.actor, lease_sql.next_due()) == [None]


class TestWorkers:
    async def test_worker_registers_itself_and_records_its_stop(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        registry = Registry()
        alive: list[tuple[object, ...]] = []

        @registry.handler("lifestyle")
        def look(work: Work) -> None:
            alive.extend(sql("select id, user_id, name, modes, concurrency, stopped_at from gjobs.workers"))

        queue()
        worker, _ = make_worker(registry, name="worker 1", concurrency=3)

        await worker.run(once=True)

        assert alive == [(worker.id, None, "worker 1", ["lifestyle"], 3, None)]
        assert sql("select stopped_at >= started_at from gjobs.workers") == [(True,)]

    async def test_worker_acting_as_a_user_runs_only_their_jobs(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql, ben: Store, ada: Store
    ) -> None:
        queue()
        for store in (ben, ada):
            worker, _ = make_worker(with_nothing_to_do(), store=store)
            await worker.run(once=True)
            status = "succeeded" if store is ada else "queued"
            assert ends(sql) == [(status, None, 250)]

    async def test_worker_removes_records_of_workers_gone_for_a_week(self, make_worker: MakeWorker, sql: Sql) -> None:
        sql(
            "insert into gjobs.workers (id, name, host, process, concurrency, seen_at)"
            " select gen_random_uuid(), 'old', 'h', 1, 1, now() - make_interval(days => d)"
            " from unnest('{6, 8}'::int[]) d"
        )
        worker, _ = make_worker(with_nothing_to_do(), name="new")

        await worker.run(once=True)

        assert sorted(sql("select name from gjobs.workers")) == [("new",), ("old",)]


class TestMistakes:
    @pytest.mark.parametrize("settings", [{"concurrency": 0}, {"batch": 0}])
    def test_concurrency_and_batch_must_be_at_least_one(
        self, make_worker: MakeWorker, settings: dict[str, int]
    ) -> None:
        with pytest.raises(InvalidValue, match="at least one"):
            make_worker(with_nothing_to_do(), **settings)

    def test_worker_without_a_handler_is_refused(self, make_worker: MakeWorker) -> None:
        with pytest.raises(InvalidValue, match="no handler"):
            make_worker(Registry())

    def test_handler_decorator_without_parentheses_is_refused(self) -> None:
        with pytest.raises(InvalidValue, match="mode is a text"):
            Registry().handler(do_nothing)  # type: ignore[arg-type]

    async def test_missing_leases_error_names_the_revision_that_adds_them(
        self, attached_database: dict[str, str], make_worker: MakeWorker
    ) -> None:
        async with Store(Database(attached_database)) as store:
            worker, _ = make_worker(with_nothing_to_do(), store=store)
            with pytest.raises(SchemaMissing, match="keeps no leases") as caught:
                await worker.run(once=True)
        assert caught.value.hint == "'gjobs migrate up' brings revision 0006, which keeps them."


class TestTheDatabaseRefuses:
    async def test_rejected_finish_does_not_hold_back_other_jobs(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        registry = Registry()

        @registry.handler("lifestyle")
        async def dear(work: Work) -> None:
            # More than the column holds, as an app's own rule may refuse.
            work._cost_cents = 2**31 if work.job.id == jobs[1] else 5

        jobs = queue(number=3)
        worker, _ = make_worker(registry)

        await worker.run(once=True)

        first, second, third = ends(sql)
        assert first == third == ("succeeded", None, 5)
        assert second[0] == "running"

    async def test_attempt_cost_beyond_the_budget_is_recorded_and_ends_the_job(
        self, operator: Store, make_worker: MakeWorker, queue: Queue, project: UUID, sql: Sql
    ) -> None:
        registry = Registry(attempts=3)

        @registry.handler("lifestyle")
        async def dear(work: Work) -> None:
            work.cost_cents = 900
            raise Retry("busy", after=0.0)

        queue()
        await operator.set_budget(project_id=project, period="all", limit_cents=300)
        worker, told = make_worker(registry)

        await worker.run(once=True)

        ((status, error, cost_cents),) = ends(sql)
        assert (status, cost_cents) == ("failed", 900)
        assert str(error).startswith("busy. No other attempt, for the database refuses it: The total budget of ")
        assert [type(one) for one in told] == [AttemptStarted, AttemptEnded]
        assert leases(sql) == []
