"""What an action works with, and why there may be nothing to work with."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from store.errors import RowMissing
from store.listing.model import ProjectName
from tui.actions.certainty import Certainty
from tui.actions.undo import Undo
from tui.actions.whereabouts import told_apart
from tui.say import say
from tui.words.offered import why_not
from tui.words.toast import Toast

if TYPE_CHECKING:
    from store.capabilities import Capabilities
    from store.store import Store
    from tui.app import GjobsApp


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


def desk_for(app: "GjobsApp", wish: str) -> Desk | None:
    """Where there is nothing to work with, or the database does not offer what is wished for, says why."""
    desk = _desk(app)
    if isinstance(desk, Toast):
        say(app, desk)
        return None
    if why_not(wish, desk.capabilities, desk.store.actor):
        app.run_worker(_say_why_not(app, desk, wish), group="refusal", exclusive=True)
        return None
    return desk


def _desk(app: "GjobsApp") -> Desk | Toast:
    """The reason where there is none."""
    connection, seen = app.connection, app.dashboard.listing
    if connection.failure is not None:
        return Toast(text=f"Not possible now: {connection.failure.error.message}", severity="error")
    if connection.session is None or connection.store is None or seen is None:
        return Toast(text="Not possible yet: nothing has been read.", severity="warning")
    return Desk(
        store=connection.store,
        operator=connection.session.operator,
        capabilities=connection.session.capabilities,
        database=connection.session.full_name,
        projects=seen.projects,
        changed=app.changed,
        undo=app.undo,
        tell=partial(say, app),
        left=app.errands.database_left,
    )


async def _say_why_not(app: "GjobsApp", desk: Desk, wish: str) -> None:
    """Asks the database anew: whoever was told what to grant comes back with the same key."""
    await desk.store.probed.renew_if_possible()
    reason = why_not(wish, desk.store.probed.latest, desk.store.actor)
    say(app, reason or Toast(text="It has been granted meanwhile: press the key again."))
