"""Changes that the database has not answered yet, as the rows show them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from uuid import UUID

UPDATING = "updating …"
"""What a row says between the answer and the next list. It fits any outcome."""


class PendingChanges:
    """A row says what is done to its job until the answer and the next list are there. It never guesses the outcome."""

    def __init__(self) -> None:
        self._unanswered = Counter[UUID]()
        self.words: Mapping[UUID, str] = MappingProxyType({})
        """The words by job, such as "starting …". It is replaced, never changed."""

    def send(self, job_ids: Iterable[UUID], words: str) -> None:
        job_ids = tuple(job_ids)
        self._unanswered.update(job_ids)
        self.words = {**self.words, **dict.fromkeys(job_ids, words)}

    def answer(self, job_ids: Iterable[UUID]) -> None:
        """Take the answer, or the failure. The next list contains the job's new state."""
        job_ids = tuple(job_ids)
        self._unanswered.subtract(job_ids)
        self._unanswered = +self._unanswered
        answered = [job_id for job_id in job_ids if job_id in self.words and job_id not in self._unanswered]
        self.words = {**self.words, **dict.fromkeys(answered, UPDATING)}

    def settle(self) -> None:
        """Drop the words of answered changes."""
        self.words = {job_id: words for job_id, words in self.words.items() if job_id in self._unanswered}
