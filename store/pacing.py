"""How long a feed waits between two questions. Pure; all times are seconds."""

from dataclasses import dataclass
from enum import Enum, auto

DEFAULT_INTERVAL = 2.0
SHARE_OF_TIME = 10
"""A page that took a second is asked for again after this many, whatever the interval."""
LONGEST_WAIT = 30.0
"""Waits that grow by themselves stop here, unless the interval or a costly page asks for more."""
LONGEST_COSTLY_WAIT = 300.0
"""A larger share than the usual one puts no page off for longer: what cost much may not cost it again."""
LONGEST_IDLE_WAIT = 10.0
"""Of a feed that somebody watches and that nobody wakes."""
QUIET = 0.25
"""After the last hint: what changes together is looked at together."""
SHORTEST_HINTED_WAIT = 1.0
"""Hints without end bring no more than a page in so long."""


class Attention(Enum):
    FOCUSED = auto()
    """A page more than a few seconds old would be noticed."""
    UNFOCUSED = auto()
    """The terminal is not typed into. It may still be watched, beside the app."""


_CALM_PAGES = {Attention.FOCUSED: 30, Attention.UNFOCUSED: 5}
"""So many unchanged ones in a row are nothing special yet."""
_PAGES_A_STEP = 10
"""The wait doubles after so many more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is asked of a feed."""

    interval: float = DEFAULT_INTERVAL
    share: float = SHARE_OF_TIME
    """The wait is at least so many times what the last page took."""
    attention: Attention = Attention.FOCUSED
    is_woken: bool = False
    """Whether the database tells of each change, so that asking unbidden only makes sure."""


def wait_after_page(pace: Pace, duration: float, *, unchanged: int = 0) -> float:
    """Until the next question, by the end of a page that took so long; `unchanged` ones in a row are idle."""
    interval = pace.interval
    limit = LONGEST_IDLE_WAIT if pace.attention is Attention.FOCUSED and not pace.is_woken else LONGEST_WAIT
    idle = min(interval * 2.0 ** _idle_steps(pace, unchanged), limit)
    return max(interval, idle, wait_for_cost(pace.share, duration))


def wait_for_cost(share: float, duration: float) -> float:
    """After a page that took so long, whatever else is asked of the feed."""
    return min(duration * share, max(duration * SHARE_OF_TIME, LONGEST_COSTLY_WAIT))


def _idle_steps(pace: Pace, unchanged: int) -> int:
    beyond = unchanged - _CALM_PAGES[pace.attention]
    return 0 if beyond < 0 else min(1 + beyond // _PAGES_A_STEP, 16)


def wait_after_hint(pace: Pace, duration: float, *, first_hint: float, last_hint: float, unchanged: int = 0) -> float:
    """The same where something was told to have changed, for the first and the last time so long after that page.

    A hint hastens a question and never puts one off. Where hints never end, the question comes at the interval.
    """
    shortest = max(min(pace.interval, SHORTEST_HINTED_WAIT), wait_for_cost(pace.share, duration))
    hinted = max(shortest, min(last_hint + QUIET, first_hint + pace.interval))
    return min(hinted, wait_after_page(pace, duration, unchanged=unchanged))


def seen_within(pace: Pace, duration: float, *, unchanged: int = 0) -> float:
    """After so long at the latest a change is seen, where looking takes as long as it did last."""
    if pace.is_woken:
        return max(pace.interval, wait_for_cost(pace.share, duration))
    return wait_after_page(pace, duration, unchanged=unchanged)


def wait_after_failure(interval: float, attempts: int) -> float:
    """Until the next attempt: twice as long each time, up to a limit."""
    doubled = interval * 2.0 ** min(attempts - 1, 16)
    return min(doubled, max(interval, LONGEST_WAIT))
