"""Whatever a handler does, its job ends with a clear error and its worker goes on."""

import asyncio
import functools
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from store.errors import InvalidValue
from store.worker import attempt
from store.worker.handlers import Registry, Retry, Work
from store.worker.worker_events import AttemptEnded, HandlerAbandoned
from tests.store.store_fixtures import until
from tests.store.worker.conftest import WorkerEnv
from tui.text.worker_text import worker_words


class Mute(Exception):
    """Its message cannot be read."""

    def __init__(self, raised: BaseException) -> None:
        self._raised = raised

    def __str__(self) -> str:
        raise self._raised


class Custom(BaseException):
    pass


def waits_for_a_text() -> None:
    raise Retry("busy", after="5")  # type: ignore[arg-type]


def waits_for_a_text_set_later() -> None:
    error = Retry("busy")
    error.after = "5"  # type: ignore[assignment]
    raise error


def cancels_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


def raising(error: BaseException) -> Callable[[], None]:
    def raises() -> None:
        raise error

    return raises


ERRORS: dict[str, tuple[Callable[[], None], str]] = {
    "Retry after a text": (
        waits_for_a_text,
        "TypeError: Retry(after=…) needs a number of seconds, not a value of type str.",
    ),
    "Retry after a text set later": (waits_for_a_text_set_later, "TypeError"),
    "mute": (raising(Mute(ValueError())), "Mute: its message cannot be read (ValueError)"),
    "mute by KeyboardInterrupt": (
        raising(Mute(KeyboardInterrupt())),
        "Mute: its message cannot be read (KeyboardInterrupt)",
    ),
    "KeyboardInterrupt": (raising(KeyboardInterrupt("stop")), "KeyboardInterrupt: stop"),
    "SystemExit": (raising(SystemExit(3)), "SystemExit: 3"),
    "GeneratorExit": (raising(GeneratorExit("out")), "GeneratorExit: out"),
    "StopIteration": (raising(StopIteration("out")), "RuntimeError: coroutine raised StopIteration"),
    "CancelledError": (raising(asyncio.CancelledError("gone")), "CancelledError: gone"),
    "custom": (raising(Custom("odd")), "Custom: odd"),
    "group": (raising(BaseExceptionGroup("some", [Custom()])), "BaseExceptionGroup: some (1 sub-exception)"),
}


@pytest.mark.parametrize("is_blocking", [False, True], ids=["coroutine", "thread"])
@pytest.mark.parametrize("name", ERRORS)
async def test_any_error_of_a_handler_fails_its_job_and_the_worker_goes_on(
    env: WorkerEnv, name: str, is_blocking: bool
) -> None:
    registry = Registry()
    act, error = ERRORS[name]

    @registry.handler("b good")
    async def good(work: Work) -> None:
        work.cost_cents = 1

    async def bad(_: Work) -> None:
        act()

    registry.handler("a bad")((lambda _: act()) if is_blocking else bad)
    env.queue("a bad")
    env.queue("b good")
    worker, _ = env.make_worker(registry, concurrency=1)

    await worker.run(once=True)

    failed, succeeded = env.ends()
    assert failed[0] == "failed"
    assert str(failed[1]).startswith(error)
    assert succeeded == ("succeeded", None, 1)
    assert env.leases() == []


async def test_coroutine_that_cancels_its_own_task_fails_its_job(env: WorkerEnv) -> None:
    registry = Registry()

    @registry.handler()
    async def bad(_: Work) -> None:
        cancels_itself()
        await asyncio.sleep(60)

    env.queue()
    worker, _ = env.make_worker(registry)
    await worker.run(once=True)
    assert env.ends() == [("failed", "CancelledError", 250)]
    assert env.leases() == []


def endless(stopped: asyncio.Event) -> Registry:
    """A coroutine that takes no notice of being cancelled."""
    registry = Registry(time_out=0.05, attempts=1)

    @registry.handler("stubborn")
    async def stubborn(_: Work) -> None:
        while not stopped.is_set():
            try:
                await stopped.wait()
            except asyncio.CancelledError:
                continue

    @registry.handler("lifestyle")
    async def good(_: Work) -> None:
        pass

    return registry


async def test_coroutine_that_swallows_its_cancellation_times_out_and_keeps_its_slot(
    env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "STOP_SECONDS", 0.05)
    stopped = asyncio.Event()
    env.queue("stubborn")
    worker, told = env.make_worker(endless(stopped), concurrency=1)
    running = asyncio.create_task(worker.run())
    await until(lambda: any(isinstance(one, AttemptEnded) for one in told))
    assert env.ends() == [("failed", "Timed out after 0.05 s", 250)]
    (abandoned,) = (one for one in told if isinstance(one, HandlerAbandoned))
    assert "is abandoned" in worker_words(abandoned)
    assert worker.free == 0
    env.queue("lifestyle")
    stopped.set()
    await until(lambda: ("succeeded", None, 250) in env.ends())
    worker.stop()
    await running


async def test_stop_releases_the_job_of_a_coroutine_that_does_not_stop(
    env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "STOP_SECONDS", 0.05)
    stopped = asyncio.Event()
    registry = endless(stopped)
    object.__setattr__(registry.of("stubborn"), "time_out", 60.0)
    (job,) = env.queue("stubborn")
    worker, told = env.make_worker(registry)
    running = asyncio.create_task(worker.run())
    await until(lambda: bool(env.leases()))
    worker.stop()
    worker.stop()
    await running
    assert any(isinstance(one, HandlerAbandoned) for one in told)
    assert env.leases() == [(job, None, 0, None)]
    stopped.set()


async def test_cancelled_worker_stops_its_handlers_before_it_ends(env: WorkerEnv) -> None:
    registry, stopped = Registry(), list[bool]()

    @registry.handler()
    async def long(work: Work) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.append(work.should_stop)

    env.queue()
    worker, _ = env.make_worker(registry)
    running = asyncio.create_task(worker.run())
    await env.until_leased()
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stopped == [True]


PROGRAM = """
import asyncio
from store.worker import attempt
from store.worker.handlers import Registry, Work

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
    class Job: id = "1"
    class Work_: job, should_stop = Job(), False
    runner = attempt.HandlerRunner(on_end=lambda: None)
    outcome = asyncio.get_running_loop().create_future()
    runner.start(
        registry.of("x"), Work_(), on_outcome=outcome.set_result, on_abandoned=lambda: print("abandoned", flush=True)
    )
    print(await outcome)
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
    assert "abandoned\nAttemptTimedOut()\n" in done.stdout
    assert "ended\n" in done.stdout
    assert done.returncode == 0


def generates(_: Work) -> Iterator[int]:
    yield 1


async def generates_later(_: Work) -> AsyncIterator[int]:
    yield 1


class Generating:
    def __call__(self, work: Work) -> Iterator[int]:
        return (yield 1)


@pytest.mark.parametrize(
    "handler",
    [generates, generates_later, functools.partial(generates), Generating(), 5, None],
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


@pytest.mark.parametrize("is_coroutine", [False, True])
async def test_handler_that_returns_a_generator_fails_its_job(env: WorkerEnv, is_coroutine: bool) -> None:
    registry = Registry()

    async def returns(work: Work) -> object:
        return generates(work)

    registry.handler("lifestyle")(returns if is_coroutine else (lambda work: generates(work)))
    env.queue()
    worker, _ = env.make_worker(registry)
    await worker.run(once=True)
    error = "TypeError: The handler returned a generator, which never runs. Remove its 'yield'."
    assert env.ends() == [("failed", error, 250)]


@pytest.mark.parametrize(
    ("misuse", "error"),
    [
        (lambda _: Retry(after=float("nan")), "ValueError: Retry(after=…) needs 0 or more seconds, not nan."),
        (lambda _: Retry(after=-5), "ValueError: Retry(after=…) needs 0 or more seconds, not -5."),
        (lambda work: work.note(5), "TypeError: A note must be a string, not a value of type int."),
    ],
    ids=["nan", "negative", "note"],
)
async def test_misuse_of_a_handler_argument_fails_the_job(
    env: WorkerEnv, misuse: Callable[[Work], object], error: str
) -> None:
    async def misuses(work: Work) -> None:
        misuse(work)

    env.queue()
    await env.run(misuses)
    assert env.ends() == [("failed", error, 250)]


@pytest.mark.parametrize("cost", [2.5, 12.0, float("nan"), "7", True, None, 2**31, -1])
async def test_cost_that_is_no_whole_number_of_cents_fails_the_job(env: WorkerEnv, cost: Any) -> None:
    registry = Registry()

    @registry.handler()
    async def dear(work: Work) -> None:
        work.cost_cents = cost

    env.queue()
    worker, _ = env.make_worker(registry)
    await worker.run(once=True)
    ((status, error, cents),) = env.ends()
    assert (status, cents) == ("failed", 250)
    assert "The cost must be whole cents" in str(error)
