"""What this session has deleted, so that it can be made again."""

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.errors import StoreError
from store.model import GenerationJob

if TYPE_CHECKING:
    from store.store import Store


@dataclass(frozen=True, slots=True)
class Deletion:
    store: "Store"
    """With the eyes that deleted: they make it again, too."""
    jobs: tuple[GenerationJob, ...]
    """The whole rows, as the journal has them."""


class Undo:
    def __init__(self) -> None:
        self._deletions: list[Deletion] = []
        self.following: tuple[str, ...] | None = None
        """Tables that lose something with a job, which nothing here brings back; None until it was asked."""

    def remember(self, deletion: Deletion) -> None:
        if deletion.jobs:
            self._deletions.append(deletion)

    def take_last(self) -> Deletion | None:
        """It is no longer remembered: who cannot make it again gives it back."""
        return self._deletions.pop() if self._deletions else None

    def forget_all(self) -> None:
        """Of a database that is left."""
        self._deletions.clear()
        self.following = None

    async def learn_following(self, store: "Store") -> None:
        """After the first look, which it must not delay."""
        self.following = ()
        with suppress(StoreError):
            self.following = tuple(await store.get_following_tables())
