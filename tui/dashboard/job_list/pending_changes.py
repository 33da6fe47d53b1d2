"""Changes that the database has not answered yet, as the rows show them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from uuid import UUID

UPDATING = "updating …"
"""What a row says between the answer and the next list. It fits any outcome."""


class PendingChanges:
    """A row says what is done to its job until the answer and a later list are there. It never guesses the outcome."""

    def __init__(self) -> None:
        self._unanswered = Counter[UUID]()
        self._answered_at: dict[UUID, float] = {}
        self.words: Mapping[UUID, str] = MappingProxyType({})
        """The words by job, such as "starting …". It is replaced, never changed."""

    def send(self, job_ids: Iterable[UUID], words: str) -> None:
        job_ids = tuple(job_ids)
        self._unanswered.update(job_ids)
        self.words = {**self.words, **dict.fromkeys(job_ids, words)}

    def answer(self, job_ids: Iterable[UUID], at: float) -> None:
        """Take the answer. Only a list that is requested later contains the new state of the jobs."""
        answered = self._end(job_ids)
        self._answered_at.update(dict.fromkeys(answered, at))
        self.words = {**self.words, **dict.fromkeys(answered, UPDATING)}

    def fail(self, job_ids: Iterable[UUID]) -> None:
        """Show the jobs as they were: nothing was changed. If an earlier change was answered, the row says `updating
        …` until a later list.
        """
        failed = self._end(job_ids)
        self.words = {
            job_id: UPDATING if job_id in failed else words
            for job_id, words in self.words.items()
            if job_id not in failed or job_id in self._answered_at
        }

    def settle(self, requested_at: float) -> None:
        """Drop the words of changes that were answered before the list was requested."""
        settled = {job_id for job_id, at in self._answered_at.items() if at <= requested_at}
        for job_id in settled:
            del self._answered_at[job_id]
        self.words = {
            job_id: words for job_id, words in self.words.items() if job_id not in settled or job_id in self._unanswered
        }

    def _end(self, job_ids: Iterable[UUID]) -> frozenset[UUID]:
        """Return the jobs whose changes are now all answered. Ignore those of a database that is no longer shown."""
        job_ids = tuple(job_ids)
        self._unanswered.subtract(job_ids)
        self._unanswered = +self._unanswered
        return frozenset(job_id for job_id in job_ids if job_id in self.words and job_id not in self._unanswered)
