"""Handles SIGINT and SIGTERM; shows the progress of long work."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Generic, TypeVar

from gjobs.tui.cli.output import is_terminal, report_failure, say_block

if TYPE_CHECKING:
    import asyncio


@contextmanager
def orderly_termination(*, json: bool) -> Iterator[None]:
    """Let SIGTERM or SIGHUP end the block like an interrupt, so that it can clean up. Then the signal takes effect.

    The signal may end the process, so the block's error is reported first.
    An ignored signal stays ignored, as SIGHUP under `nohup`.
    """
    came: int | None = None

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal came
        former, came = came, number
        if former is not None and signal.SIGHUP in (former, number):
            # A closed terminal may send several signals. Only a repeated SIGTERM interrupts the cleanup.
            return
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # A shell starts background commands like this. They would ignore an interrupt.
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    heeded = [number for number, handler in previous.items() if handler is not signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, interrupt)
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        # Nobody needs to read that a signal came, except a program that expects a JSON document.
        if came is not None and (json or not isinstance(error, KeyboardInterrupt)):
            report_failure(error, json=json)
        raise
    finally:
        for number in heeded:
            signal.signal(number, previous[number])
        if came is not None:
            signal.raise_signal(came)


@contextmanager
def interrupts_heard() -> Iterator[None]:
    """Make each signal wake the running loop.

    `asyncio.run` handles an interrupt in a Python signal handler, which runs only when the main thread executes
    Python code. Without this, it would miss a signal just before the loop sleeps, or one that another thread
    received.
    """
    import asyncio

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    receiving, sending = socket.socketpair()
    with receiving, sending:
        for end in (receiving, sending):
            end.setblocking(False)
        loop.add_reader(receiving, receiving.recv, 4096)
        previous = signal.set_wakeup_fd(sending.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous)
            loop.remove_reader(receiving)


@contextmanager
def stop_requested() -> Iterator[asyncio.Event]:
    """Yield an event that an interrupt sets, so that the current step can finish. A second interrupt breaks it off."""
    import asyncio

    loop, event, previous = asyncio.get_running_loop(), asyncio.Event(), signal.getsignal(signal.SIGINT)

    def interrupt() -> None:
        if event.is_set() and callable(previous):
            previous(signal.SIGINT, None)
        event.set()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        yield event
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, previous)


_START_OF_LINE, _CLEAR_LINE = "\r", "\x1b[K"


def can_show_progress() -> bool:
    return is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"


class ProgressLine:
    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.show("")

    def show(self, text: str) -> None:
        """Replace the line with a clean text."""
        if self._is_shown:
            say_block(f"{_START_OF_LINE}{_CLEAR_LINE}{text}", end="")


T = TypeVar("T")


@dataclass(slots=True)
class WorkProgress(Generic[T]):
    """The progress of some work. It can still be read after an error."""

    last: T
    """The last step. Before the first step, a value that stands for no progress."""
    is_stopped: bool = False


async def work_through(steps: AsyncGenerator[T, None], course: WorkProgress[T], shown: Callable[[T], str]) -> None:
    """`shown` converts a step to clean text."""
    with stop_requested() as stop, ProgressLine(is_shown=can_show_progress()) as line:
        async with aclosing(steps):
            async for step in steps:
                course.last = step
                line.show(shown(step))
                if stop.is_set():
                    course.is_stopped = True
                    return
