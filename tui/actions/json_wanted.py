"""The wish to have jobs as JSON, which it takes the database to answer: lists do not hold all of them."""

from collections.abc import Sequence

from textual.message import Message

from store.model import GenerationJob


class JsonWanted(Message):
    """Of these jobs, as they were seen."""

    def __init__(self, jobs: Sequence[GenerationJob]) -> None:
        super().__init__()
        self.jobs = tuple(jobs)
