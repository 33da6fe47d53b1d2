"""What this dashboard costs, in words. Pure."""

from store.load import Load
from tui.words.format import count, elapsed


def load_sentence(load: Load) -> str:
    """The database's time is never more than what is said, for the way there and back is in it."""
    queries = "1 query" if load.queries == 1 else f"{count(load.queries)} queries"
    there = (
        f"at most {_milliseconds(load.database_time)} of the database's time ({_share(load.database_share)} of a core)"
    )
    here = f"{_share(load.processor_share)} of a core here"
    return f"This dashboard, in the last {elapsed(load.over)}: {queries}, {there} and {here}."


def pace_sentence(next_in: float, *, is_woken: bool) -> str:
    """`next_in` is how long it waits between two looks at present, in seconds."""
    looks = f"It looks every {elapsed(next_in)}"
    return f"{looks}, and soon after each change, of which the database tells." if is_woken else f"{looks}."


def _milliseconds(seconds: float) -> str:
    whole = round(seconds * 1000)
    return "1 ms" if 0 < seconds < 0.001 else f"{count(whole)} ms"


def _share(share: float) -> str:
    if 0 < share < 0.001:
        return "less than 0.1 %"
    return f"{share * 100:.1f} %"
