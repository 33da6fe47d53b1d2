"""How the slow parts say what they are doing."""

import time
from collections.abc import Callable

Report = Callable[[str], None]
"""Receives short sentences of progress. What it raises ends the wait that it reports on."""


def ignore(_: str) -> None:
    """A report that nobody reads."""


class Ticker:
    """Reports a wait from its first whole second on, once a second: "Recovering, 12 s ..."."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._began = time.monotonic()
        self._reported = 0

    def tick(self, what: str) -> None:
        seconds = int(time.monotonic() - self._began)
        if seconds > self._reported:
            self._reported = seconds
            self._report(f"{what}, {seconds} s ...")
