"""The loaded rows of a long list, and changes that are not answered yet."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from itertools import chain
from types import MappingProxyType
from uuid import UUID

from gjobs.store.job_list.list_query import End, ListQuery, OrderColumn, RowWindow
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.statistics.statistics import Count, Precision
from gjobs.store.values.data_classes import dataclass
from gjobs.store.values.formats import is_far

UPDATING = "updating …"
"""The text of a row between the answer and the next list. It fits any outcome."""


class PendingChanges:
    """A row shows what is done to its job until the answer and a later list arrive. It never guesses the outcome."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` is called when `words` have changed."""
        self._changed = changed
        self._unanswered = Counter[UUID]()
        self._answered_at: dict[UUID, float] = {}
        self.words: Mapping[UUID, str] = MappingProxyType({})
        """The words by job, such as "starting …". It is replaced, never changed."""

    def send(self, job_ids: Iterable[UUID], words: str) -> None:
        job_ids = tuple(job_ids)
        self._unanswered.update(job_ids)
        self._set({**self.words, **dict.fromkeys(job_ids, words)})

    def answer(self, job_ids: Iterable[UUID]) -> None:
        """Record the answer. Only a list that is requested later contains the new state of the jobs."""
        answered = self._end(job_ids)
        self._answered_at.update(dict.fromkeys(answered, time.monotonic()))
        self._set({**self.words, **dict.fromkeys(answered, UPDATING)})

    def fail(self, job_ids: Iterable[UUID]) -> None:
        """Show the jobs as they were: nothing was changed. If an earlier change was answered, the row says `updating
        …` until a later list.
        """
        failed = self._end(job_ids)
        self._set(
            {
                job_id: UPDATING if job_id in failed else words
                for job_id, words in self.words.items()
                if job_id not in failed or job_id in self._answered_at
            }
        )

    def settle(self, requested_at: float) -> None:
        """Drop the words of changes that were answered before the list was requested."""
        settled = {job_id for job_id, at in self._answered_at.items() if at <= requested_at}
        for job_id in settled:
            del self._answered_at[job_id]
        kept = {one: words for one, words in self.words.items() if one not in settled or one in self._unanswered}
        self._set(kept)

    def _set(self, words: Mapping[UUID, str]) -> None:
        if words != self.words:
            self.words = words
            self._changed()

    def _end(self, job_ids: Iterable[UUID]) -> frozenset[UUID]:
        """Return the jobs whose changes are now all answered. Ignore those of a database that is no longer shown."""
        job_ids = tuple(job_ids)
        self._unanswered.subtract(job_ids)
        self._unanswered = +self._unanswered
        return frozenset(job_id for job_id in job_ids if job_id in self.words and job_id not in self._unanswered)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRows:
    """Consecutive rows of a list. A place is the number of a row in the whole list, from 0."""

    jobs: tuple[GenerationJob, ...] = ()
    first_place: int = 0
    """Place of the first loaded row. It is 0 only if no rows come before it."""
    is_place_exact: bool = True
    """Whether the place was counted from an end of the list. A later change out of sight makes it inexact."""
    has_before: bool = False
    has_after: bool = False
    follows_start: bool = True
    """Whether these rows stay at the start of the list when new rows arrive there."""
    listed: ListQuery = field(default_factory=ListQuery)
    length: Count | None = None
    """Length of the whole list as counted; None if it was not counted."""
    _indices: dict[UUID, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_indices", {job.id: index for index, job in enumerate(self.jobs)})

    def __len__(self) -> int:
        return len(self.jobs)

    def __contains__(self, job_id: UUID) -> bool:
        return job_id in self._indices

    @property
    def end(self) -> int:
        """The place after the last loaded row."""
        return self.first_place + len(self.jobs)

    @property
    def is_whole(self) -> bool:
        """Whether all rows of the list are loaded."""
        return not (self.has_before or self.has_after)

    @property
    def detects_removals(self) -> bool:
        """Whether a job missing between these rows must have left the list.

        In an order by changing values, it may only have moved out of sight.
        """
        return self.listed.order.column is OrderColumn.CREATED or self.is_whole

    @property
    def extent(self) -> int:
        """Number of rows in the whole list, as far as it is known."""
        if not self.has_after:
            return self.end
        return max(self.end + 1, self.length.number if self.length else 0)

    @property
    def known_length(self) -> Count | None:
        """Length of the whole list, or None. If more rows are loaded than counted, it is a minimum."""
        if not self.has_after and self.is_place_exact:
            return Count(number=self.end)
        if self.length is None or self.length.number >= self.extent:
            return self.length
        is_estimated = self.length.precision is Precision.ESTIMATED
        return Count(number=self.extent, precision=Precision.ESTIMATED if is_estimated else Precision.CAPPED)

    def find(self, job_id: UUID) -> int | None:
        """Return the place of a job, or None if it is not loaded."""
        index = self._indices.get(job_id)
        return None if index is None else self.first_place + index

    def get(self, job_id: UUID) -> GenerationJob | None:
        """Return the job, or None if it is not loaded."""
        index = self._indices.get(job_id)
        return None if index is None else self.jobs[index]

    def at(self, place: int) -> GenerationJob | None:
        """Return the job at a place, or None if it is not loaded."""
        return self.jobs[place - self.first_place] if self.first_place <= place < self.end else None

    def between(self, start: int, stop: int) -> tuple[GenerationJob, ...]:
        """Return the loaded rows from one place up to another."""
        return self.jobs[max(0, start - self.first_place) : max(0, stop - self.first_place)]

    def clamp(self, place: int) -> int:
        """Return the nearest place with a loaded row. Without rows, return the place of the first one."""
        return max(self.first_place, min(place, self.end - 1))

    def position_in(self, later: "LoadedRows", place: int) -> int:
        """Return the place of a row in later rows. If it is gone, use the next row below, or else above."""
        shared = self._nearest_shared(later, place)
        found = None if shared is None else later.find(shared)
        return later.clamp(place) if found is None else found

    def _nearest_shared(self, later: "LoadedRows", place: int) -> UUID | None:
        index = max(0, min(place - self.first_place, len(self.jobs)))
        nearby = chain(range(index, len(self.jobs)), range(index - 1, -1, -1))
        return next((self.jobs[near].id for near in nearby if self.jobs[near].id in later), None)

    def missing_from(self, other: "LoadedRows") -> frozenset[UUID]:
        """Return the jobs that are missing from `other` although it covers their place."""
        if other.listed.order.column is OrderColumn.CREATED:
            return frozenset(job.id for job in self.jobs if job.id not in other and other.would_include(job))
        # In an order by changing values, only places between two shared rows are surely covered.
        shared = [index for index, job in enumerate(self.jobs) if job.id in other]
        first = min(shared, default=len(self.jobs)) if other.has_before else 0
        last = max(shared, default=-1) if other.has_after else len(self.jobs) - 1
        return frozenset(job.id for job in self.jobs[first : last + 1] if job.id not in other)

    def would_include(self, job: GenerationJob) -> bool:
        """Return whether the job belongs between these rows in the order of creation."""
        if self.is_whole:
            return True
        if not self.jobs or is_far(job.created_at):
            return False
        first, place, last = ((one.created_at, one.id) for one in (self.jobs[0], job, self.jobs[-1]))
        is_before, is_after = (
            (place > first, place < last) if self.listed.order.descending else (place < first, place > last)
        )
        return not ((self.has_before and is_before) or (self.has_after and is_after))

    def followed_by(self, window: RowWindow, *, near: int) -> "LoadedRows":
        """Return other rows of the same list, or newer versions of the same rows.

        Shared rows determine the places of the others. The places are counted from the first shared row at or below
        `near`, or else above.
        """
        known = {job.id: job for job in self.jobs}
        later = LoadedRows(
            # Known jobs that are equal are reused, so that unchanged rows stay the same objects.
            jobs=tuple(job if (old := known.get(job.id)) is None or old != job else old for job in window.jobs),
            has_before=window.has_before,
            has_after=window.has_after,
            follows_start=window.query.anchor is End.FIRST,
            listed=window.query.listed,
            length=self.length,
        )
        shared = self._nearest_shared(later, near)
        if shared is not None:
            place = self.first_place + self._indices[shared] - (later.find(shared) or 0)
            return _placed(later, place, is_exact=self.is_place_exact)
        if window.has_after or self.length is None:
            return _placed(later, self.first_place if window.has_after else self.end, is_exact=False)
        return _placed(later, self.length.number - len(later.jobs), is_exact=False)

    def counted(self, length: Count | None) -> "LoadedRows":
        """Set the length of the whole list. A changed length means that rows came or went."""
        is_same = self.length is None or length is None or length.number == self.length.number
        later = replace(self, first_place=0, is_place_exact=True, length=length)
        return _placed(later, self.first_place, is_exact=self.is_place_exact and is_same)


def _placed(window: LoadedRows, first_place: int, *, is_exact: bool) -> LoadedRows:
    """Return the rows at this place. If an end of the list is loaded, the place is counted from that end."""
    length, held = window.length, len(window)
    if not window.has_before:
        return window
    if not window.has_after and length and length.precision is Precision.EXACT and length.number > held:
        return replace(window, first_place=length.number - held)
    return replace(window, first_place=max(1, first_place), is_place_exact=is_exact and first_place >= 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A move by rows or pages, down if positive."""

    rows: int = 0
    pages: int = 0


def spare_rows(height: int) -> int:
    """Return the number of rows to load out of sight in one direction. The scroll direction gets twice as many."""
    return max(200, 3 * height + 50)
