"""A server without room or memory, or with a fault of its own: a worker keeps what it has done until it is saved."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import pytest
from psycopg import errors

from store.database.driver_errors import translate
from store.database.query import Query
from store.errors import ServerFailure, UnexpectedError
from store.leases.lease import ClaimedJob, LeaseKey, ProgressNote
from store.worker import lease_client
from store.worker.handlers import Backoff, Registry, Retry, Work
from store.worker.lease_client import LeaseClient
from store.worker.worker_events import (
    AttemptEnded,
    AttemptStarted,
    DatabaseRecovered,
    DatabaseUnavailable,
    FinishDelayed,
    is_transient,
)
from tests.store.store_fixtures import Sql, until
from tests.store.worker.conftest import WorkerEnv, do_nothing
from tui.text.worker_text import worker_words

SERVER_FAILURES = ["53000", "53100", "53200", "53400", "57000", "58000", "58030", "58P01", "XX000", "XX001", "XX002"]


@pytest.fixture(autouse=True)
def quick_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_client, "DELAYS", Backoff(first=0.02, longest=0.1))


@pytest.fixture
def failing_end(sql: Sql) -> Iterator[Callable[[str], None]]:
    """Makes the server fail with this SQLSTATE at the end of each job of the mode "bad"; without one no more."""

    def set_sqlstate(sqlstate: str) -> None:
        sql("drop trigger if exists fails on generation_jobs")
        if sqlstate:
            sql(
                "create or replace function public.fails() returns trigger language plpgsql as $$ begin"
                f" raise exception 'could not extend file: No space left on device' using errcode = '{sqlstate}';"
                " end $$"
            )
            sql(
                "create trigger fails before update on generation_jobs for each row"
                " when (old.mode = 'bad' and old.status = 'running' and new.status <> 'running')"
                " execute function public.fails()"
            )

    yield set_sqlstate
    set_sqlstate("")
    sql("drop function if exists public.fails()")


@pytest.mark.parametrize("sqlstate", SERVER_FAILURES)
async def test_result_is_kept_until_the_server_can_save_it(
    env: WorkerEnv, failing_end: Callable[[str], None], sqlstate: str
) -> None:
    registry, runs = Registry(), list[UUID]()

    @registry.handler()
    async def paint(work: Work) -> None:
        runs.append(work.job.id)
        work.cost_cents = 7

    failing_end(sqlstate)
    jobs = env.queue("bad") + env.queue("good", 3)
    worker, told = env.make_worker(registry)
    running = asyncio.create_task(worker.run())
    await until(lambda: sum(isinstance(one, FinishDelayed) for one in told) > 2)
    await until(lambda: sum(isinstance(one, AttemptEnded) for one in told) == 3)
    assert [(row[0], row[2]) for row in env.leases()] == [(jobs[0], 1)], "the others do not wait for it"
    failing_end("")
    await until(lambda: sum(isinstance(one, AttemptEnded) for one in told) == 4)
    worker.stop()
    await running

    assert sorted(runs) == sorted(jobs), "each ran once"
    assert env.ends() == [("succeeded", None, 7)] * 4
    delayed = next(one for one in told if isinstance(one, FinishDelayed))
    assert "its result is kept. The next try to save it" in worker_words(delayed)
    assert "No space left on device" in worker_words(delayed)


async def test_failed_attempt_is_rescheduled_once_the_server_can_save_it(
    env: WorkerEnv, failing_end: Callable[[str], None]
) -> None:
    registry = Registry(backoff=Backoff(first=60.0))

    @registry.handler()
    async def busy(_: Work) -> None:
        raise Retry("busy")

    (job,) = env.queue("bad")
    env.sql(
        "create function public.fails() returns trigger language plpgsql as"
        " $$ begin raise exception 'out of memory' using errcode = '53200'; end $$"
    )
    env.sql(
        "create trigger fails before update on gjobs.job_leases for each row when (new.owner is null)"
        " execute function public.fails()"
    )
    worker, told = env.make_worker(registry)
    running = asyncio.create_task(worker.run())
    try:
        await until(lambda: any(isinstance(one, FinishDelayed) for one in told))
    finally:
        env.sql("drop trigger fails on gjobs.job_leases")
    await until(lambda: any(isinstance(one, AttemptEnded) for one in told))
    worker.stop()
    await running
    assert env.leases() == [(job, None, 1, "busy")]


@pytest.mark.parametrize("sqlstate", SERVER_FAILURES)
async def test_worker_outlives_a_server_failure_while_it_claims_and_renews(
    env: WorkerEnv, monkeypatch: pytest.MonkeyPatch, sqlstate: str
) -> None:
    failed: set[str] = set()
    claiming, renew = LeaseClient.claiming, LeaseClient.renew

    async def renewal_fails(self: LeaseClient, held: Sequence[LeaseKey], progress: Sequence[ProgressNote]) -> set[UUID]:
        if "renew" not in failed:
            failed.add("renew")
            raise translate(errors.lookup(sqlstate)("disk full"))
        return await renew(self, held, progress)

    def claim_fails(self: LeaseClient, most: int) -> Query[ClaimedJob]:
        if "claim" not in failed:
            failed.add("claim")
            raise translate(errors.lookup(sqlstate)("disk full"))
        return claiming(self, most)

    monkeypatch.setattr(LeaseClient, "renew", renewal_fails)
    monkeypatch.setattr(LeaseClient, "claiming", claim_fails)
    env.queue()
    worker, told = env.make_worker(do_nothing, lease_seconds=0.3)
    running = asyncio.create_task(worker.run())
    await until(lambda: failed == {"renew", "claim"} and any(isinstance(one, AttemptEnded) for one in told))
    worker.stop()
    await running
    assert {type(one) for one in told} == {DatabaseUnavailable, DatabaseRecovered, AttemptStarted, AttemptEnded}
    assert env.ends() == [("succeeded", None, 250)]


@pytest.mark.parametrize("sqlstate", SERVER_FAILURES)
def test_server_failures_are_transient_and_no_mistake_of_gjobs(sqlstate: str) -> None:
    error = translate(errors.lookup(sqlstate)("disk full"))
    assert type(error) is ServerFailure
    assert error.sqlstate == sqlstate
    assert is_transient(error)


@pytest.mark.parametrize("sqlstate", ["22012", "42601", "54001", "0A000"])
def test_other_unexpected_errors_are_permanent(sqlstate: str) -> None:
    error = translate(errors.lookup(sqlstate)("division by zero"))
    assert type(error) is UnexpectedError
    assert not is_transient(error)
