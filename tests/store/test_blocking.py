"""The blocking store has every method of the store, and works in any thread, with or without a running loop."""

import asyncio
import inspect
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import text

from gjobs.store.blocking import BlockingStore
from gjobs.store.database.query import Query
from gjobs.store.errors import Unreachable
from gjobs.store.jobs.job_results import Applied
from gjobs.store.store import Store
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import Db, Sql, until

DEFINED_IN_BOTH = {"acting_as", "acting_as_user", "close", "connect"}


@pytest.fixture
def url(database: Conninfo, sql: Sql) -> str:
    return make_conninfo("", **database)


def methods_of(kind: type) -> dict[str, object]:
    return {name: value for name, value in inspect.getmembers(kind, callable) if not name.startswith("_")}


def test_blocking_store_has_every_method_of_the_store_with_its_signature_and_docstring() -> None:
    assert methods_of(BlockingStore).keys() == methods_of(Store).keys() | {"run"}
    for name in methods_of(Store):
        original, blocking = getattr(Store, name), getattr(BlockingStore, name)
        assert inspect.signature(blocking).parameters == inspect.signature(original).parameters, name
        if name not in DEFINED_IN_BOTH:
            assert inspect.iscoroutinefunction(original), name
            assert not inspect.iscoroutinefunction(blocking), name
            assert inspect.unwrap(blocking) is original, name
            assert inspect.signature(blocking) == inspect.signature(original), name
            assert inspect.getdoc(blocking) == inspect.getdoc(original), name


async def test_blocking_store_works_in_an_event_loop_and_several_threads(operator_now: BlockingStore, db: Db) -> None:
    db.make_job()
    assert len(operator_now.get_generation_jobs()) == 1

    job_ids = [db.make_job() for _ in range(20)]
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda job_id: operator_now.transition_job_status(job_id, "running"), job_ids * 4))
    assert sum(isinstance(outcome, Applied) for outcome in outcomes) == len(job_ids)


def test_closing_a_read_only_blocking_store_ends_its_thread(url: str) -> None:
    def threads() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "gjobs-store"]

    assert threads() == []
    with BlockingStore.connect(url, read_only=True) as store, store.acting_as_user("ada@example.com") as ada:
        ada.get_projects()
        assert len(threads()) == 1
        assert not store.store.database.access.may_write
    assert threads() == []
    store.close()
    with pytest.raises(RuntimeError, match="closed"):
        ada.get_projects()


def test_blocking_store_raises_unreachable_for_a_closed_port(unused_tcp_port: int) -> None:
    with (
        BlockingStore.connect(f"postgresql://ada@127.0.0.1:{unused_tcp_port}/shop") as store,
        pytest.raises(Unreachable),
    ):
        store.get_projects()


async def test_closing_the_blocking_store_cancels_waiting_calls(url: str, database: Conninfo) -> None:
    store = BlockingStore.connect(url)
    sleep = Query(text("select pg_sleep(60)"), lambda row: row[0])
    with ThreadPoolExecutor(1) as thread, connect(database, autocommit=True) as owner:
        waiting = thread.submit(store.run, store.store.database.read(store.store.actor, sleep))

        def asleep() -> bool:
            running = owner.execute(
                "select from pg_stat_activity where state = 'active' and query like '%pg_sleep%60%'"
            )
            return len(running.fetchall()) == 2  # The sleep, and this query.

        await until(asleep)
        await asyncio.to_thread(store.close)
        with pytest.raises(CancelledError):
            waiting.result()
