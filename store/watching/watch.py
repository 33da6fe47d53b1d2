"""What happens from now on, read bit by bit."""

from typing import Protocol

from store.watching.model import Batch


class Watch(Protocol):
    async def read(self) -> Batch:
        """What happened since the last batch. Where it raises a StoreError, the next one begins at the same place."""
