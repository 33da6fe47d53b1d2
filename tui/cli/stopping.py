"""An interrupt, as a wish that long work ends at the next good moment."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_requested() -> Iterator[asyncio.Event]:
    """In a running loop: an interrupt sets the event, so that what is under way gets its answer first; a second one
    breaks it off.
    """
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
