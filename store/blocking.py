"""BlockingStore: the calls of Store without await."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import update_wrapper
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from gjobs.store.store import Store
from gjobs.store.users.actor import Actor

P = ParamSpec("P")
T = TypeVar("T")


class LoopThread:
    """An event loop in its own thread, so that callers may run inside another loop."""

    def __init__(self) -> None:
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._stopping = asyncio.Event()
        self._stopped = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=asyncio.run, args=[self._live(started)], name="gjobs-store", daemon=True)
        self._thread.start()
        self._loop = started.result()

    async def _live(self, started: "Future[asyncio.AbstractEventLoop]") -> None:
        started.set_result(asyncio.get_running_loop())
        await self._stopping.wait()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine and return its result.

        An interrupt also stops the work. Raises RuntimeError after `stop`.
        """
        with self._lock:
            if self._stopped:
                coroutine.close()
                raise RuntimeError("This store is closed.")
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `last`, cancel all pending calls and end the thread. A second call has no effect."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        try:
            asyncio.run_coroutine_threadsafe(last(), self._loop).result()
        finally:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()


def _blocking(
    method: Callable[Concatenate[Store, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["BlockingStore", P], T]:
    def call(self: "BlockingStore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(method(self.store, *args, **kwargs))

    return update_wrapper(call, method)


class BlockingStore:
    """`Store` with blocking methods. Use it in one `with` block; several threads may share it."""

    def __init__(self, store: Store, thread: LoopThread) -> None:
        self.store = store
        self._thread = thread

    @classmethod
    def connect(cls, url: str, *, read_only: bool = False) -> Self:
        """Return the operator's store on a database, given its libpq URI or parameters. It connects on first use."""
        return cls(Store.connect(url, read_only=read_only), LoopThread())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end their thread. All stores made from this one share them."""
        self._thread.stop(self.store.close)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for any coroutine of this store. Raises RuntimeError once the store is closed."""
        return self._thread.run(coroutine)

    def acting_as(self, actor: Actor) -> "BlockingStore":
        """Return a store on the same database, acting as another actor."""
        return BlockingStore(self.store.acting_as(actor), self._thread)

    def acting_as_user(self, email_or_id: str) -> "BlockingStore":
        """Return a store on the same database, acting as a user. Raises as `Store.acting_as_user` does."""
        return BlockingStore(self.run(self.store.acting_as_user(email_or_id)), self._thread)

    get_generation_jobs = _blocking(Store.get_generation_jobs)
    get_project_jobs = _blocking(Store.get_project_jobs)
    get_jobs_by_status = _blocking(Store.get_jobs_by_status)
    find_jobs = _blocking(Store.find_jobs)
    get_page_with_names = _blocking(Store.get_page_with_names)
    get_window = _blocking(Store.get_window)
    get_recent_jobs = _blocking(Store.get_recent_jobs)
    get_generation_job = _blocking(Store.get_generation_job)
    get_job_history = _blocking(Store.get_job_history)
    get_stuck_verdict = _blocking(Store.get_stuck_verdict)
    find_stuck_jobs = _blocking(Store.find_stuck_jobs)
    get_these_jobs = _blocking(Store.get_these_jobs)
    get_job_statuses = _blocking(Store.get_job_statuses)
    create_generation_job = _blocking(Store.create_generation_job)
    update_generation_job = _blocking(Store.update_generation_job)
    transition_job_status = _blocking(Store.transition_job_status)
    transition_jobs = _blocking(Store.transition_jobs)
    retry_generation_jobs = _blocking(Store.retry_generation_jobs)
    get_job_links = _blocking(Store.get_job_links)
    get_retried_jobs = _blocking(Store.get_retried_jobs)
    delete_generation_job = _blocking(Store.delete_generation_job)
    delete_generation_jobs = _blocking(Store.delete_generation_jobs)
    delete_jobs_as_seen = _blocking(Store.delete_jobs_as_seen)
    restore_generation_jobs = _blocking(Store.restore_generation_jobs)
    get_cascading_tables = _blocking(Store.get_cascading_tables)
    resolve_write = _blocking(Store.resolve_write)
    get_job_statistics = _blocking(Store.get_job_statistics)
    get_total_costs = _blocking(Store.get_total_costs)
    get_job_summary = _blocking(Store.get_job_summary)
    get_job_timings = _blocking(Store.get_job_timings)
    get_error_groups = _blocking(Store.get_error_groups)
    get_error_group_jobs = _blocking(Store.get_error_group_jobs)
    get_waste = _blocking(Store.get_waste)
    count_jobs = _blocking(Store.count_jobs)
    watch = _blocking(Store.watch)
    get_list_cost = _blocking(Store.get_list_cost)
    returns_quickly = _blocking(Store.returns_quickly)
    slow_order_reason = _blocking(Store.slow_order_reason)
    get_totals = _blocking(Store.get_totals)
    get_flow = _blocking(Store.get_flow)
    get_exact_totals = _blocking(Store.get_exact_totals)
    get_listing = _blocking(Store.get_listing)
    compare_visibility = _blocking(Store.compare_visibility)
    get_budgets = _blocking(Store.get_budgets)
    check_budget = _blocking(Store.check_budget)
    set_budget = _blocking(Store.set_budget)
    remove_budget = _blocking(Store.remove_budget)
    get_projects = _blocking(Store.get_projects)
    get_project = _blocking(Store.get_project)
    get_projects_named = _blocking(Store.get_projects_named)
    create_project = _blocking(Store.create_project)
    get_assets = _blocking(Store.get_assets)
    get_asset = _blocking(Store.get_asset)
    get_workers_overview = _blocking(Store.get_workers_overview)
    get_users = _blocking(Store.get_users)
    get_user_emails = _blocking(Store.get_user_emails)
    get_user = _blocking(Store.get_user)
    find_actor = _blocking(Store.find_actor)
    find_users = _blocking(Store.find_users)
    find_by_id = _blocking(Store.find_by_id)
