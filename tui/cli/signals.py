"""What a stop from outside does to a command that would leave a changed terminal or half an index."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


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
