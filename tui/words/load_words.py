"""What this dashboard costs, in words. Pure."""

from typing import TYPE_CHECKING

from tui.words.format import count, elapsed

if TYPE_CHECKING:
    from store.load import Load


def load_sentence(load: "Load") -> str:
    """The database's time is never more than what is said, for the way there and back is in it."""
    queries = "1 query" if load.queries == 1 else f"{count(load.queries)} queries"
    there = (
        f"at most {_milliseconds(load.database_time)} of the database's time ({_share(load.database_share)} of a core)"
    )
    here = f"{_share(load.processor_share)} of a core here"
    return f"This dashboard, in the last {_time(load.over)}: {queries}, {there} and {here}."


def pace_sentence(seen_within: float, *, interval: float, is_woken: bool) -> str:
    """After how many seconds a change is seen at the latest, and why not after the interval that was asked for."""
    now = elapsed(seen_within)
    looks = f"It looks within {now} of a change, of which the database tells" if is_woken else f"It looks every {now}"
    if seen_within <= interval:
        return f"{looks}."
    return f"{looks}, and not every {elapsed(interval)}, for nothing changes or a look takes long."


def _time(seconds: float) -> str:
    return "minute" if 60 <= seconds < 120 else elapsed(seconds)


def _milliseconds(seconds: float) -> str:
    whole = round(seconds * 1000)
    return "1 ms" if 0 < seconds < 0.001 else f"{count(whole)} ms"


def _share(share: float) -> str:
    if 0 < share < 0.001:
        return "less than 0.1 %"
    return f"{share * 100:.1f} %"
