"""Answers to queries that were sent before they were needed."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from gjobs.store.database.query import Query, Row

MOST_SECONDS = 1.0
"""An older answer is not used, because the shown data would seem newer than they are."""


class EarlyAnswers:
    """Answers of the operator's queries, each for the next read of the same query.

    The reader builds its queries from what the database offers. If something else was expected, the queries differ, and
    the reader asks the database.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.expected: tuple[Query[Any], ...] = ()
        """The queries to be sent together with the next inspection of the database."""
        self._answers: list[tuple[Query[Any], Sequence[Row]]] = []
        self._until = 0.0
        self.has_failed = False
        """Whether the expected queries failed or took too long."""

    def keep(self, answers: Sequence[Sequence[Row]] | None) -> None:
        """Keep the answers to the expected queries. None if they failed."""
        self.has_failed = answers is None
        self._answers = [] if answers is None else list(zip(self.expected, answers, strict=True))
        self._until = self._clock() + MOST_SECONDS
        self.expected = ()

    def drop(self) -> None:
        """Drop the answers, because a write may make them untrue."""
        self._answers = []

    def take(self, queries: Sequence[Query[Any]]) -> tuple[list[Any], ...] | None:
        """Return the rows of all the queries, or None if the answer to one of them is missing or too old."""
        if not self._answers:
            return None
        if self._clock() > self._until:
            self._answers = []
            return None
        found = [next((each for each in self._answers if _is_same(each[0], query)), None) for query in queries]
        known = [each for each in found if each is not None]
        if len(known) < len(queries):
            return None
        self._answers = [each for each in self._answers if all(each is not one for one in known)]
        return tuple([query.make(row) for row in rows] for query, (_, rows) in zip(queries, known, strict=True))


def _is_same(one: Query[Any], other: Query[Any]) -> bool:
    return (
        one.statement is other.statement
        and one.parameters == other.parameters
        and (one.may_sort, one.may_compile, one.look_up) == (other.may_sort, other.may_compile, other.look_up)
    )
