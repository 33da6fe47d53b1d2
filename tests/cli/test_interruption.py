"""Interrupts and signals end a command."""

import asyncio
import io
import os
import pty
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from gjobs.store.errors import Unreachable
from gjobs.store.system.async_tools import abandon_lookups
from gjobs.tui.cli.output import Interrupted, require_yes
from gjobs.tui.cli.sessions import orderly_termination, waking_on_signals

LATE = 10.0
"""Seconds until an interrupt counts as missed."""


class _Selector(selectors.DefaultSelector):
    """A selector that sets `asleep` before it waits."""

    def __init__(self, asleep: threading.Event) -> None:
        super().__init__()
        self._asleep = asleep

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout != 0:
            self._asleep.set()
        return super().select(timeout)


def test_sleeping_event_loop_handles_an_interrupt_sent_to_another_thread() -> None:
    asleep = threading.Event()
    missed: list[bool] = []

    def interrupt() -> None:
        asleep.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    async def wait() -> None:
        asyncio.get_running_loop().call_later(LATE, missed.append, True)
        with waking_on_signals():
            asleep.clear()
            await asyncio.Event().wait()

    other = threading.Thread(target=interrupt)
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(_Selector(asleep))) as runner:
        runner.get_loop()
        asleep.clear()
        other.start()
        with pytest.raises(KeyboardInterrupt):
            runner.run(wait())
    other.join()
    assert missed == []


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Keyboard(io.TextIOWrapper):
    """A standard input that sets `asked` when it is read after the question was shown."""

    def __init__(self, descriptor: int, screen: _Terminal, asked: threading.Event) -> None:
        super().__init__(io.FileIO(descriptor), encoding="utf-8")
        self._screen, self._asked = screen, asked

    def fileno(self) -> int:
        self._note_read()
        return super().fileno()

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        self._note_read()
        return super().readline(size)

    def _note_read(self) -> None:
        if self._screen.getvalue().endswith("for no: "):
            self._asked.set()


def test_question_handles_an_interrupt_sent_to_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ended = threading.Event(), threading.Event()
    master, slave = pty.openpty()
    missed: list[bool] = []
    screen = _Terminal()
    keyboard = _Keyboard(slave, screen, asked)
    monkeypatch.setattr(sys, "stdin", keyboard)
    monkeypatch.setattr(sys, "stderr", screen)

    def interrupt() -> None:
        asked.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        if not ended.wait(LATE):
            missed.append(True)
            os.write(master, b"n\n")

    other = threading.Thread(target=interrupt)
    other.start()
    interval = sys.getswitchinterval()
    # The main thread holds the GIL until it sleeps.
    sys.setswitchinterval(LATE)
    try:
        with pytest.raises(KeyboardInterrupt):
            require_yes("Delete it?", unchanged="Nothing was deleted.")
    finally:
        sys.setswitchinterval(interval)
        ended.set()
        asked.set()
        other.join()
        keyboard.close()
        os.close(master)
    assert missed == []
    assert screen.getvalue().endswith("for no: \n"), "the error would be printed on the line of the prompt"


def test_command_can_run_outside_the_main_thread() -> None:
    async def nothing() -> str:
        with waking_on_signals():
            return "done"

    done: list[str] = []

    def run() -> None:
        with orderly_termination(json=False):
            done.append(asyncio.run(nothing()))

    other = threading.Thread(target=run)
    other.start()
    other.join()
    assert done == ["done"]


def test_command_ends_while_a_name_lookup_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered = threading.Event(), threading.Event()

    def hang(*_: object) -> list[object]:
        asked.set()
        answered.wait(LATE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    async def look_up() -> str:
        abandon_lookups()
        lookup = asyncio.ensure_future(asyncio.get_running_loop().getaddrinfo("db.example.com", 5432))
        assert await asyncio.to_thread(asked.wait, LATE)
        lookup.cancel()
        with pytest.raises(asyncio.CancelledError):
            await lookup
        return await asyncio.to_thread(str, "done")

    began = time.monotonic()
    assert asyncio.run(look_up()) == "done"
    assert time.monotonic() - began < LATE / 2
    answered.set()


@pytest.fixture
def handled_signals() -> Iterator[list[int]]:
    """Record the signals that reach the handler in effect before the command."""
    handled: list[int] = []
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)]
    signal.signal(signal.SIGTERM, lambda number, _: handled.append(number))
    yield handled
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.parametrize("sigint_handler", [signal.default_int_handler, signal.SIG_IGN])
def test_sigterm_interrupts_the_command_before_it_takes_effect(
    handled_signals: list[int], sigint_handler: Callable[..., object] | signal.Handlers
) -> None:
    signal.signal(signal.SIGINT, sigint_handler)
    with pytest.raises(KeyboardInterrupt), orderly_termination(json=False):
        signal.raise_signal(signal.SIGTERM)
    assert handled_signals == [signal.SIGTERM]


@pytest.mark.parametrize(
    ("numbers", "cleans_up"),
    [
        ((signal.SIGHUP, signal.SIGHUP, signal.SIGTERM), True),
        ((signal.SIGTERM, signal.SIGHUP), True),
        ((signal.SIGTERM, signal.SIGTERM), False),
    ],
)
def test_only_a_repeated_sigterm_interrupts_the_cleanup(
    handled_signals: list[int], monkeypatch: pytest.MonkeyPatch, numbers: tuple[int, ...], cleans_up: bool
) -> None:
    monkeypatch.setattr(signal, "raise_signal", handled_signals.append)
    with orderly_termination(json=False):
        handler = signal.getsignal(signal.SIGHUP)
        for number in numbers:
            assert callable(handler)
            handler(number, None)
    assert handled_signals == (
        [signal.SIGINT, numbers[-1]] if cleans_up else [signal.SIGINT, signal.SIGINT, numbers[-1]]
    )


@pytest.mark.parametrize(
    ("json", "error", "said"),
    [
        (True, None, '{"error": {"kind": "interrupted", "message": "Interrupted.", "hint": null, "exit_code": 130}}\n'),
        (False, None, ""),
        (False, Interrupted("Archived 3 jobs."), "Archived 3 jobs.\n"),
        (False, Unreachable("No answer.", hint="Wait."), "No answer.\nWait.\n"),
    ],
)
def test_error_of_a_terminated_command_is_reported_before_the_signal_takes_effect(
    handled_signals: list[int], capsys: pytest.CaptureFixture[str], json: bool, error: Exception | None, said: str
) -> None:
    def record(number: int, _: object) -> None:
        handled_signals.append(number)
        assert capsys.readouterr().err == said

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt as interrupt:
            raise error or interrupt from None

    signal.signal(signal.SIGTERM, record)
    with pytest.raises(type(error) if error else KeyboardInterrupt), orderly_termination(json=json):
        work()
    assert handled_signals == [signal.SIGTERM]
