"""A worker keeps its results while the server fails (full disk, no memory, internal errors), and saves them later."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from psycopg import errors
from psycopg.errors import _class_for_state

from gjobs.store.database.driver_errors import is_connection_lost, translate
from gjobs.store.errors import Conflict, ServerFailure, SignInRefused, StoreError, UnexpectedError, Unreachable
from gjobs.store.leases.lease import ClaimedJob, Ending, LeaseKey, ProgressNote
from gjobs.store.leases.lease_client import LeaseClient
from gjobs.store.worker import lease_tasks
from gjobs.store.worker.handlers import Backoff, Handler, Retry, Work
from gjobs.store.worker.worker_events import (
    AttemptEnded,
    AttemptStarted,
    DatabaseRecovered,
    DatabaseUnavailable,
    FinishDelayed,
    LeaseLost,
    WorkerEvent,
    is_transient,
)
from gjobs.tui.text.worker_text import worker_words
from tests.store.store_fixtures import Sql, altered, until
from tests.store.worker.conftest import SUCCEEDED, WorkerEnv, do_nothing, kinds, of_kind, registry_of, until_reported


@pytest.fixture(autouse=True)
def quick_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_tasks, "DELAYS", Backoff(first=0.02, longest=0.1))


@pytest.fixture
def make_fail(sql: Sql) -> Iterator[Callable[[str], None]]:
    """A function that creates `public.fails`, a trigger function that raises an error with this SQLSTATE."""

    def create(sqlstate: str) -> None:
        sql(
            "create function public.fails() returns trigger language plpgsql as $$ begin"
            f" raise exception 'could not extend file: No space left on device' using errcode = '{sqlstate}';"
            " end $$"
        )

    yield create
    sql("drop function if exists public.fails() cascade")


FINISH_FAILS = (
    "create trigger fails before update on generation_jobs for each row"
    " when (old.mode = 'bad' and old.status = 'running' and new.status <> 'running')"
    " execute function public.fails()"
)

RESCHEDULING_FAILS = (
    "create trigger fails before update on gjobs.job_leases for each row when (new.owner is null)"
    " execute function public.fails()"
)


async def put_off(_: Work) -> None:
    raise Retry("busy", after=60)


@pytest.mark.parametrize("sqlstate", ["53100", "XX001"])
async def test_result_is_kept_until_saved(env: WorkerEnv, make_fail: Callable[[str], None], sqlstate: str) -> None:
    runs: list[UUID] = []

    async def paint(work: Work) -> None:
        runs.append(work.job.id)
        work.cost_cents = 7

    make_fail(sqlstate)
    jobs = env.queue("bad") + env.queue("good", 3)
    async with env.running(paint) as (_, events):
        with altered(env.sql, FINISH_FAILS, "drop trigger fails on generation_jobs"):
            await until_reported(events, FinishDelayed, 3)
            await until_reported(events, AttemptEnded, 3)
            assert [(row[0], row[2]) for row in env.leases()] == [(jobs[0], 1)], "the other jobs don't wait for it"
        await until_reported(events, AttemptEnded, 4)

    assert sorted(runs) == sorted(jobs), "each job ran once"
    assert env.outcomes() == [("succeeded", None, 7)] * 4
    words = worker_words(of_kind(events, FinishDelayed)[0])
    assert "its result is kept. The next try to save it" in words
    assert "No space left on device" in words


async def test_failed_attempt_is_rescheduled_once_it_is_saved(env: WorkerEnv, make_fail: Callable[[str], None]) -> None:
    async def busy(_: Work) -> None:
        raise Retry("busy")

    make_fail("53200")
    (job,) = env.queue()
    async with env.running(registry_of(busy, backoff=Backoff(first=60.0))) as (_, events):
        with altered(env.sql, RESCHEDULING_FAILS, "drop trigger fails on gjobs.job_leases"):
            await until_reported(events, FinishDelayed)
        await until_reported(events)
    assert env.leases() == [(job, None, 1, "busy")]


async def test_worker_outlives_a_server_failure_while_it_claims_waits_and_renews(
    env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: set[str] = set()
    claim, renew, next_due = LeaseClient.claim, LeaseClient.renew, LeaseClient.next_due

    def fail_once(what: str) -> None:
        if what not in failed:
            failed.add(what)
            raise translate(errors.DiskFull("disk full"))

    async def renewal_fails(self: LeaseClient, held: Sequence[LeaseKey], progress: Sequence[ProgressNote]) -> set[UUID]:
        fail_once("renew")
        return await renew(self, held, progress)

    async def claim_fails(self: LeaseClient, most: int) -> list[ClaimedJob]:
        fail_once("claim")
        return await claim(self, most)

    async def wait_fails(self: LeaseClient) -> float | None:
        fail_once("wait")
        return await next_due(self)

    monkeypatch.setattr(LeaseClient, "next_due", wait_fails)
    monkeypatch.setattr(LeaseClient, "renew", renewal_fails)
    monkeypatch.setattr(LeaseClient, "claim", claim_fails)
    env.queue()
    async with env.running(lease_seconds=0.3) as (_, events):
        await until(lambda: failed == {"renew", "claim", "wait"})
        await until_reported(events)
    assert set(kinds(events)) == {DatabaseUnavailable, DatabaseRecovered, AttemptStarted, AttemptEnded}
    assert env.outcomes() == [SUCCEEDED]


@pytest.mark.parametrize(("other", "reported"), [(False, AttemptEnded), (True, LeaseLost)], ids=["own", "another's"])
@pytest.mark.parametrize("handler", [do_nothing, put_off], ids=["finished", "rescheduled"])
async def test_worker_whose_answer_was_lost_reports_only_its_own_end_of_the_job(
    env: WorkerEnv, monkeypatch: pytest.MonkeyPatch, handler: Handler, reported: type[WorkerEvent], *, other: bool
) -> None:
    end = LeaseClient.end

    async def lose_answer(self: LeaseClient, endings: Sequence[Ending]) -> set[UUID]:
        monkeypatch.undo()
        if other:
            env.sql("update gjobs.job_leases set owner = gen_random_uuid()")
            ((owner,),) = env.sql("select owner from gjobs.job_leases")
            self = replace(self, worker=replace(self.worker, id=owner))
        await end(self, endings)
        raise Unreachable("The connection was lost.")

    monkeypatch.setattr(LeaseClient, "end", lose_answer)
    env.queue()
    worker, events = env.make_worker(handler)
    await worker.run(once=True)
    assert kinds(events) == [AttemptStarted, DatabaseUnavailable, DatabaseRecovered, reported]


SERVER_FAILURES = (
    *("53000", "53100", "53200", "53400", "57000", "58000", "58030", "58P01", "XX000", "XX001", "XX002"),
    *("53999", "57999", "58999", "XX999"),
)


@pytest.mark.parametrize(
    ("sqlstate", "kind", "is_retried"),
    [
        *((sqlstate, ServerFailure, True) for sqlstate in SERVER_FAILURES),
        ("08999", Unreachable, True),
        ("40999", Conflict, True),
        ("28999", SignInRefused, False),
        *((sqlstate, UnexpectedError, False) for sqlstate in ("22012", "42601", "54001", "0A000", "22999", "99999")),
    ],
)
def test_class_of_the_sqlstate_decides_the_kind_of_error_and_whether_a_worker_retries(
    sqlstate: str, kind: type[StoreError], is_retried: bool
) -> None:
    """A code that ends in 999 is unknown to the driver."""
    driver_error = _class_for_state(sqlstate)("something failed")
    driver_error.sqlstate = sqlstate
    error = translate(driver_error)
    assert type(error) is kind
    assert error.sqlstate == sqlstate
    assert is_transient(error) is is_retried
    assert is_connection_lost(driver_error) is (kind is Unreachable), "only then the outcome is unknown"
