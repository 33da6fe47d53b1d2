"""What an action works with, and why there may be nothing to work with."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from store.errors import RowMissing
from store.listing.model import Listing, ProjectName
from tui.actions.certainty import Certainty
from tui.actions.undo import Undo
from tui.actions.whereabouts import told_apart
from tui.connection import Connection
from tui.words.outcomes import Toast

if TYPE_CHECKING:
    from store.capabilities import Capabilities
    from store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The eyes of one moment, and the words for what is asked."""

    store: "Store"
    operator: "Store"
    """The role as connected, who alone sees all users."""
    capabilities: "Capabilities | None"
    """What the database offers, where it has said so."""
    database: str
    projects: tuple[ProjectName, ...]
    changed: Callable[[Iterable[UUID]], None]
    """Called after each write with the ids of its jobs, so that list and costs follow at once."""
    undo: Undo
    tell: Callable[[Toast], None]
    left: asyncio.Event
    """Set when this database is left: what could not be learned by then stays unknown."""

    @property
    def project_names(self) -> Mapping[UUID, str]:
        return {project.id: project.name for project in self.projects}

    @asynccontextmanager
    async def telling_apart(self) -> AsyncIterator[None]:
        """A write's RowMissing leaves it saying what is gone, and what only hidden from these eyes."""
        try:
            yield
        except RowMissing as error:
            raise await told_apart(self.store, self.operator, error, end=": nothing was changed") from error

    @property
    def certainty(self) -> Certainty:
        return self.certainty_of(self.store)

    def certainty_of(self, store: "Store") -> Certainty:
        """Of writes with the eyes of this store."""

        def tell(toast: Toast) -> None:
            self.tell(toast)
            self.changed(())

        return Certainty(store, tell, left=self.left)


def make_desk(
    connection: Connection,
    listing: Listing | None,
    *,
    changed: Callable[[Iterable[UUID]], None],
    undo: Undo,
    tell: Callable[[Toast], None],
    left: asyncio.Event,
) -> Desk | Toast:
    """The reason where there is none. `listing` is what the person sees."""
    if connection.failure is not None:
        return Toast(text=f"Not possible now: {connection.failure.error.message}", severity="error")
    if connection.session is None or connection.store is None or listing is None:
        return Toast(text="Not possible yet: nothing has been read.", severity="warning")
    return Desk(
        store=connection.store,
        operator=connection.session.operator,
        capabilities=connection.session.capabilities,
        database=connection.session.full_name,
        projects=listing.projects,
        changed=changed,
        undo=undo,
        tell=tell,
        left=left,
    )
