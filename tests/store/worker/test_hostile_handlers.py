"""A handler may do anything: its job ends with a clear error, and its worker goes on."""

import asyncio
import functools
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from gjobs.store.errors import InvalidValue
from gjobs.store.worker import attempt
from gjobs.store.worker.handlers import Backoff, Handler, Registry, Retry, Work
from gjobs.store.worker.worker_events import HandlerAbandoned
from gjobs.tui.text.worker_text import worker_words
from tests.store.store_fixtures import until
from tests.store.worker.conftest import SUCCEEDED, WorkerEnv, do_nothing, of_kind, registry_of, until_reported


class UnreadableError(Exception):
    """An exception whose message cannot be read."""

    def __init__(self, raised: BaseException) -> None:
        self._raised = raised

    def __str__(self) -> str:
        raise self._raised


class CustomError(BaseException):
    pass


def sets_a_text_as_the_wait(_: Work) -> None:
    error = Retry("busy")
    error.after = "5"  # type: ignore[assignment]
    raise error


def generates(_: Work) -> Iterator[int]:
    yield 1


async def generates_asynchronously(_: Work) -> AsyncIterator[int]:
    yield 1


class CallableGenerator:
    def __call__(self, work: Work) -> Iterator[int]:
        return (yield 1)


class AwaitableResult:
    def __await__(self) -> Iterator[None]:
        yield


def raising(error: BaseException) -> Handler:
    def raises(_: Work) -> None:
        raise error

    return raises


def setting_cost(cost: Any) -> Handler:
    def sets_cost(work: Work) -> None:
        work.cost_cents = cost

    return sets_cost


FAILING: dict[str, tuple[Handler, str]] = {
    "ValueError": (raising(ValueError("no such\0 image \ud800")), "ValueError: no such image ?"),
    "TimeoutError": (raising(TimeoutError("the model did not answer")), "TimeoutError: the model did not answer"),
    "unreadable": (raising(UnreadableError(ValueError())), "UnreadableError: its message cannot be read (ValueError)"),
    "unreadable by KeyboardInterrupt": (
        raising(UnreadableError(KeyboardInterrupt())),
        "UnreadableError: its message cannot be read (KeyboardInterrupt)",
    ),
    "KeyboardInterrupt": (raising(KeyboardInterrupt("stop")), "KeyboardInterrupt: stop"),
    "SystemExit": (raising(SystemExit(3)), "SystemExit: 3"),
    "GeneratorExit": (raising(GeneratorExit("out")), "GeneratorExit: out"),
    "StopIteration": (raising(StopIteration("out")), "RuntimeError: coroutine raised StopIteration"),
    "CancelledError": (raising(asyncio.CancelledError("gone")), "CancelledError: gone"),
    "BaseException": (raising(CustomError("odd")), "CustomError: odd"),
    "group": (raising(BaseExceptionGroup("some", [CustomError()])), "BaseExceptionGroup: some (1 sub-exception)"),
    "returns a generator": (
        generates,
        "TypeError: The handler returned a generator, which never runs. Remove its 'yield'.",
    ),
    "returns an awaitable": (
        lambda _: AwaitableResult(),
        "TypeError: The handler returned an awaitable. Define it with 'async def'.",
    ),
    "wait is a text": (
        lambda _: Retry("busy", after="5"),  # type: ignore[arg-type]
        "TypeError: Retry(after=…) needs a number of seconds, not a value of type str.",
    ),
    "wait becomes a text": (sets_a_text_as_the_wait, "TypeError"),
    "wait is no number": (
        lambda _: Retry(after=float("nan")),
        "ValueError: Retry(after=…) needs 0 or more seconds, not nan.",
    ),
    "negative wait": (lambda _: Retry(after=-5), "ValueError: Retry(after=…) needs 0 or more seconds, not -5."),
    "note is a number": (
        lambda work: work.note(5),  # type: ignore[arg-type]
        "TypeError: A note must be a string, not a value of type int.",
    ),
    **{
        f"cost {cost!r}": (setting_cost(cost), "InvalidValue: The cost must be whole cents")
        for cost in (2.5, 12.0, float("nan"), "7", True, None, 2**31, -1)
    },
}
"""Handlers by name, with the beginning of the error of their jobs."""


@pytest.mark.parametrize("is_blocking", [False, True], ids=["coroutine", "thread"])
async def test_any_error_of_a_handler_fails_its_job_and_the_worker_goes_on(env: WorkerEnv, is_blocking: bool) -> None:
    def as_coroutine(handler: Handler) -> Handler:
        async def run(work: Work) -> object:
            return handler(work)

        return run

    registry = Registry()
    registry.handler("succeeds")(do_nothing)
    for mode, (handler, _) in FAILING.items():
        # A registry refuses generator functions, so the lambda hides this one.
        registry.handler(mode)((lambda work, run=handler: run(work)) if is_blocking else as_coroutine(handler))
        env.queue(mode)
    env.queue("succeeds")

    await env.run(registry, concurrency=1)

    rows = env.sql("select mode, status, error, cost_cents from generation_jobs")
    outcomes = {mode: outcome for mode, *outcome in rows}
    assert outcomes.pop("succeeds") == list(SUCCEEDED)
    assert outcomes.keys() == FAILING.keys()
    for mode, (status, error, cost_cents) in outcomes.items():
        assert (status, cost_cents) == ("failed", 250), mode
        assert error.startswith(FAILING[mode][1]), mode
    assert env.leases() == []


async def test_coroutine_that_cancels_its_own_task_fails_its_job(env: WorkerEnv) -> None:
    async def cancels_itself(_: Work) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(60)

    env.queue()
    await env.run(cancels_itself)
    assert env.outcomes() == [("failed", "CancelledError", 250)]
    assert env.leases() == []


def ignoring_cancellation(stopped: asyncio.Event, time_out: float) -> Registry:
    """Return a registry with a handler for "stubborn" that ignores its cancellation, and one for "lifestyle"."""
    registry = Registry(time_out=time_out, attempts=1)
    registry.handler("lifestyle")(do_nothing)

    @registry.handler("stubborn")
    async def stubborn(_: Work) -> None:
        while not stopped.is_set():
            try:
                await stopped.wait()
            except asyncio.CancelledError:
                continue

    return registry


async def test_coroutine_that_swallows_its_cancellation_times_out_and_keeps_its_slot(
    env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "STOP_SECONDS", 0.05)
    stopped = asyncio.Event()
    env.queue("stubborn")
    async with env.running(ignoring_cancellation(stopped, 0.05), concurrency=1) as (worker, events):
        await until_reported(events)
        assert env.outcomes() == [("failed", "Timed out after 0.05 s", 250)]
        (abandoned,) = of_kind(events, HandlerAbandoned)
        assert "The worker no longer waits for it" in worker_words(abandoned)
        assert worker._in_flight_jobs.free == 0
        env.queue("lifestyle")
        stopped.set()
        await until(lambda: SUCCEEDED in env.outcomes())


@pytest.mark.parametrize("raises", [False, True], ids=["returns", "raises"])
async def test_job_is_tried_again_after_a_time_out_that_its_coroutine_ignores(env: WorkerEnv, *, raises: bool) -> None:
    async def swallows_its_cancellation(work: Work) -> None:
        try:
            await asyncio.sleep(60 if work.attempt == 1 else 0)
        except asyncio.CancelledError:
            if raises:
                raise CustomError("aborted") from None

    env.queue()
    registry = registry_of(swallows_its_cancellation, time_out=0.05, attempts=2, backoff=Backoff(first=0.01))
    async with env.running(registry):
        await until(lambda: SUCCEEDED in env.outcomes())
    rows = "select kind, error, to_status from gjobs.job_events where kind in ('retry', 'status') order by id"
    assert env.sql(rows) == [
        ("status", None, "running"),
        ("retry", "Timed out after 0.05 s", None),
        ("status", None, "succeeded"),
    ]


async def test_stop_releases_the_job_of_a_stubborn_coroutine(env: WorkerEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "STOP_SECONDS", 0.05)
    stopped = asyncio.Event()
    (job,) = env.queue("stubborn")
    async with env.running(ignoring_cancellation(stopped, 60.0)) as (worker, events):
        await env.until_leased()
        worker.stop()
    assert len(of_kind(events, HandlerAbandoned)) == 1
    assert env.leases() == [(job, None, 0, None)]
    stopped.set()


async def test_cancelled_worker_stops_its_handlers_before_it_ends(env: WorkerEnv) -> None:
    started, stopped = asyncio.Event(), list[bool]()

    async def long(work: Work) -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.append(work.should_stop)

    env.queue()
    worker, _ = env.make_worker(long)
    running = asyncio.create_task(worker.run())
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stopped == [True]


PROGRAM = """
import asyncio
from random import Random
from gjobs.store.leases.lease import ClaimedJob
from gjobs.store.worker import attempt
from gjobs.store.worker.handlers import Registry

attempt.STOP_SECONDS = 0.05
async def main():
    async def never(_):
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("goes on", flush=True)
    registry = Registry(time_out=0.05, attempts=1)
    registry.handler()(never)
    class Job: id, mode = "1", "x"
    jobs = attempt.InFlightJobs(registry, 1, lambda event: print(type(event).__name__, flush=True), Random(0))
    jobs.begin(ClaimedJob(job=Job(), attempt=1, lost_by=None, note=None))
    _, ending = await jobs.ends.get()
    print(ending.error)
asyncio.run(main())
print("ended", flush=True)
"""


def test_process_ends_although_a_coroutine_never_does() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert "HandlerAbandoned\nTimed out after 0.05 s\n" in done.stdout
    assert "ended\n" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(
    "handler",
    [generates, generates_asynchronously, functools.partial(generates), CallableGenerator(), 5, None],
    ids=["generator", "async generator", "partial", "object", "number", "nothing"],
)
def test_handler_that_cannot_be_run_is_refused_at_registration(handler: Any) -> None:
    with pytest.raises(InvalidValue, match=r"generator, which never runs|A handler must be a function"):
        Registry().handler("lifestyle")(handler)


@pytest.mark.parametrize(
    "settings", [{"retry_on": ["busy"]}, {"retry_on": [5]}, {"backoff": 5}, {"time_out": float("nan")}]
)
def test_handler_with_unusable_settings_is_refused_at_registration(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        Registry().handler("lifestyle", **settings)
