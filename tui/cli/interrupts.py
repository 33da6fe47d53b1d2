"""An interrupt is heard at once, whenever it comes."""

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_heard() -> Iterator[None]:
    """In a running loop, which each signal wakes meanwhile.

    `asyncio.run` answers an interrupt in Python, and Python runs that when the loop's thread comes back to it: of a
    signal in the moment before the loop goes to sleep, or one that another thread took, it would not hear.
    """
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
