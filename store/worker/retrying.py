"""When an attempt that failed is made again. Pure."""

from dataclasses import dataclass
from random import Random


class Retry(Exception):
    """Raised by a handler: this attempt has failed, and another may succeed."""

    def __init__(self, message: str = "", *, after: float | None = None) -> None:
        """`after` so many seconds, as a service may ask for; None: by the backoff."""
        super().__init__(message)
        self.after = after


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Twice as long after each attempt, and never the same for all who failed together."""

    first: float = 2.0
    longest: float = 300.0
    """Both in seconds."""

    def wait(self, attempt: int, random: Random) -> float:
        """After the attempt of this number: at least half of what is due, at most all of it."""
        due = min(self.first * 2.0 ** min(attempt - 1, 62), self.longest)
        return due * random.uniform(0.5, 1.0)
