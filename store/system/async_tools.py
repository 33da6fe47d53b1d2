"""Cancellation, interruptible waits, priority of foreground work, imports in threads."""

import asyncio
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from typing import Any


def is_cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


T = TypeVar("T")

PATIENCE_WITH_STOPPING = 0.5
"""Seconds. A healthy server stops a query within milliseconds."""


async def unless_stopped(
    stop: asyncio.Event,
    question: Awaitable[T],
    *,
    patience: Callable[[], float] = float,
    keeps: Callable[[], bool] = bool,
) -> tuple[T] | None:
    """Return the result in a tuple, or None if `stop` was set first.

    When this returns, the query has ended on the server, too. It is cancelled `patience` seconds after the stop.
    A result within that time is returned only if `keeps` allows it.
    """
    asking = asyncio.ensure_future(question)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({asking, stopped}, return_when=asyncio.FIRST_COMPLETED)
        # The event may have been set and cleared again before this runs.
        if asking.done() and not stop.is_set():
            return (asking.result(),)
        if (seconds := patience()) and not asking.done():
            await asyncio.wait({asking}, timeout=seconds)
        return (asking.result(),) if asking.done() and keeps() else None
    finally:
        stopped.cancel()
        await _stop(asking)
        await asyncio.gather(stopped, return_exceptions=True)


async def _stop(asking: "asyncio.Future[Any]") -> None:
    """Cancel the query and wait for it.

    The first cancel asks the server to stop; the second gives up waiting for it.
    """
    asking.cancel()
    await asyncio.wait({asking}, timeout=PATIENCE_WITH_STOPPING)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


class PriorityGate:
    """Lets foreground work go first. `patience` returns for how many seconds it lets a background query run on."""

    def __init__(self, *, patience: Callable[[], float] = float) -> None:
        self._patience = patience
        self._holders = self._invalidations = 0
        self._taken = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()

    @contextmanager
    def foreground(self, *, invalidates: bool = True) -> Iterator[None]:
        """Hold back all background work inside. Several callers may hold the gate.

        If the work `invalidates` the answers of running queries, they are dropped. A read invalidates none.
        """
        self._holders += 1
        self._invalidations += invalidates
        self._taken.set()
        self._free.clear()
        try:
            yield
        finally:
            self._holders -= 1
            if not self._holders:
                self._taken.clear()
                self._free.set()

    async def run_in_background(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Run the query while no foreground work runs. Foreground work stops it; it is repeated afterwards.

        An answer within `patience` seconds after the interruption is returned unless foreground work has invalidated
        it.
        """
        while True:
            await self._free.wait()
            is_valid = partial(self._is_valid_since, self._invalidations)
            if answered := await unless_stopped(self._taken, ask(), patience=self._patience, keeps=is_valid):
                return answered[0]

    def _is_valid_since(self, invalidations: int) -> bool:
        return self._invalidations == invalidations


async def is_set_within(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait at most this long; None means no limit. Return whether the event is set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


P = ParamSpec("P")


def _is_lookup(function: object) -> bool:
    return function is socket.getaddrinfo


class _AbandonedLookups(ThreadPoolExecutor):
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if not _is_lookup(fn):
            return super().submit(fn, *args, **kwargs)
        future: Future[T] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:
                    future.set_exception(error)

        threading.Thread(target=run, name="name lookup", daemon=True).start()
        return future


def abandon_lookups() -> None:
    """Let the running loop and the process end without waiting for name lookups.

    The resolver can't be interrupted and may take a minute. The loop still waits for other work in threads.
    """
    asyncio.get_running_loop().set_default_executor(_AbandonedLookups())


_importing: set[str] = set()
_POLL_SECONDS = 0.005


async def import_in_thread(name: str) -> ModuleType:
    """Import a module while the event loop runs. The loop waits only for thread switches, not for the import."""
    if name in sys.modules and name not in _importing:
        return sys.modules[name]
    _importing.add(name)
    task = asyncio.create_task(asyncio.to_thread(import_module, name))
    task.add_done_callback(lambda _: _importing.discard(name))
    # The import goes on if the caller is cancelled.
    return await asyncio.shield(task)


def is_importing() -> bool:
    """Return whether a thread imports a module. The event loop must then not import what a user asks for.

    SQLAlchemy has circular imports. If two threads import it at the same time, one may get an unfinished module.
    """
    return bool(_importing)


async def wait_for_imports() -> None:
    while _importing:  # noqa: ASYNC110  (threads change it)
        await asyncio.sleep(_POLL_SECONDS)
