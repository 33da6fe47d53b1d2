"""A list as a database would hold it, which answers queries for windows of it."""

from bisect import bisect_left
from collections.abc import Iterable
from functools import cache

from store.job_list.list_query import End, RowWindowQuery
from store.job_list.listing import RowWindow
from store.jobs.job import ListedJob
from tests.tui.support import NOON, make_listed

FIRST = 1_000

"""The number of the newest job at the start: the lower are for those that arrive later."""


@cache
def listed_job(number: int) -> ListedJob:
    return make_listed(number, updated_at=NOON)


class LongList:
    """Newest first: the numbers of its jobs ascend."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self.numbers = list(numbers)

    def place(self, number: int) -> int:
        """Where it is, or would be."""
        return bisect_left(self.numbers, number)

    def window(self, query: RowWindowQuery) -> RowWindow:
        match query.anchor:
            case End.FIRST:
                start, stop = 0, query.after
            case End.LAST:
                start, stop = len(self.numbers) - query.before, len(self.numbers)
            case key:
                place = self.place(key.id.int)
                start, stop = place - query.before, place + query.after
        start = max(0, start)
        return RowWindow(
            query=query,
            jobs=tuple(map(listed_job, self.numbers[start:stop])),
            has_before=start > 0,
            has_after=stop < len(self.numbers),
        )
