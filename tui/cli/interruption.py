"""SIGINT and SIGTERM; long work with a progress line."""

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

from tui.cli.output import is_terminal, say_block

if TYPE_CHECKING:
    import asyncio


@contextmanager
def orderly_termination(*, of_hangup: bool = True) -> Iterator[None]:
    """SIGTERM ends the block as an interrupt does, so that it can put things in order; then it takes effect.

    So does a terminal that is closed, unless the command was told to outlive it, as `nohup` does.
    """
    came: int | None = None

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal came
        came = number
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # As a shell starts what runs in the background: an interrupt sent to it would be lost.
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    numbers = [signal.SIGTERM, signal.SIGHUP] if of_hangup else [signal.SIGTERM]
    previous = {number: signal.getsignal(number) for number in numbers}
    heeded = [number for number in numbers if previous[number] is not signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, previous[number])
        if came is not None:
            signal.raise_signal(came)


@contextmanager
def interrupts_heard() -> Iterator[None]:
    """In a running loop, which each signal wakes meanwhile.

    `asyncio.run` answers an interrupt in Python, and Python runs that when the loop's thread comes back to it: of a
    signal in the moment before the loop goes to sleep, or one that another thread took, it would not hear.
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
    """In a running loop: an interrupt sets the event, so that what is under way gets its answer first; a second one
    breaks it off.
    """
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
        """In place of what stood there; text that is clean already."""
        if self._is_shown:
            say_block(f"{_START_OF_LINE}{_CLEAR_LINE}{text}", end="")


T = TypeVar("T")


@dataclass(slots=True)
class WorkProgress(Generic[T]):
    """How far it has come, for whoever it is broken off for as well."""

    last: T
    """The last step; at first what nothing done is."""
    is_stopped: bool = False


async def work_through(steps: AsyncGenerator[T, None], course: WorkProgress[T], shown: Callable[[T], str]) -> None:
    """`shown` is a step in clean words."""
    with stop_requested() as stop, ProgressLine(is_shown=can_show_progress()) as line:
        async with aclosing(steps):
            async for step in steps:
                course.last = step
                line.show(shown(step))
                if stop.is_set():
                    course.is_stopped = True
                    return
