"""What one action works with; resolves unconfirmed writes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from textual.app import App

from store.capabilities.capability import Capability
from store.errors import OutcomeUnknown, RowMissing, StoreError
from store.job_list.listing import ProjectName
from store.journal.write_record import ResolvedWrite, UnconfirmedWrite, WriteOutcome, WriteRecord
from store.users.actor import OPERATOR, Actor, actor_name
from tui.dashboard.action_host import UndoStack
from tui.dashboard.keys.bindings import APP_BINDINGS, key_of
from tui.dashboard.widgets import show_toast
from tui.error_help import hidden_or_gone
from tui.text.clean_text import clean
from tui.text.error_text import Toast, unwritten_toast
from tui.text.write_text import resolved_write_words

if TYPE_CHECKING:
    from store.capabilities.capabilities import Capabilities
    from store.store import Store
    from tui.dashboard.app import GjobsApp

T = TypeVar("T")

_FIRST_WAITS, _LAST_WAIT = (0.1, 0.25, 0.5, 1.0, 2.0), 5.0
"""Seconds between two attempts."""

LOOKUP_PENDING = "It is looked up as soon as the database answers."


class WriteResolved(Exception):
    """What really happened, in place of the answer that was lost. `was_made` is None where nobody can tell any more."""

    def __init__(self, written: WriteRecord, found: ResolvedWrite) -> None:
        self.message = resolved_write_words(written, found)
        super().__init__(self.message)
        self.written = written
        self.was_made = {WriteOutcome.DONE: True, WriteOutcome.NOT_DONE: False}.get(found.outcome)


def resolved_toast(learned: WriteResolved) -> Toast:
    return Toast(text=learned.message, severity="information" if learned.was_made else "warning")


class WriteResolver:
    """`store` has the eyes that write; `tell` says what is going on meanwhile; `left` is set to end the looking up."""

    def __init__(self, store: "Store", tell: Callable[[Toast], object], *, left: asyncio.Event) -> None:
        self._store = store
        self._tell = tell
        self._left = left

    async def resolve(self, write: Coroutine[Any, Any, T]) -> T:
        """Its answer. Raises Learned where the link broke before there was one, however long that takes to learn.

        Raises OutcomeUnknown where the database is left before it could be learned.
        """
        try:
            return await write
        except OutcomeUnknown as error:
            if isinstance(error.__cause__, asyncio.CancelledError):
                raise
            self._tell(Toast(text=f"{error.message} {LOOKUP_PENDING}", severity="warning"))
            found = await self._look_up(error.write)
            if found is None:
                raise
            raise WriteResolved(error.write.written, found) from error

    async def _look_up(self, write: UnconfirmedWrite) -> ResolvedWrite | None:
        waits = chain(_FIRST_WAITS, repeat(_LAST_WAIT))
        while not self._left.is_set():
            with suppress(StoreError):
                if (found := await self._store.resolve_write(write)) is not None:
                    return found
            with suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), next(waits))
        return None


_FEATURES: Mapping[str, Capability] = {
    "start": Capability.CHANGING,
    "complete": Capability.CHANGING,
    "fail": Capability.CHANGING,
    "delete": Capability.DELETING,
    "retry": Capability.RETRYING,
    "create": Capability.CREATING,
    "new_project": Capability.CREATING_PROJECTS,
    "undo": Capability.CREATING,
    "budgets": Capability.BUDGETS,
    "set_budget": Capability.SETTING_BUDGETS,
    "archive": Capability.ARCHIVE,
    "restore": Capability.RESTORING,
    "clean_up": Capability.DELETING,
    "workers": Capability.WORKERS,
}
"""What each wish needs; others need nothing."""


def missing_capability_toast(action_name: str, capabilities: "Capabilities | None", actor: Actor) -> Toast | None:
    """None where the actor may, or where it is not known: then the database has the last word."""
    feature = _FEATURES.get(action_name)
    if capabilities is None or feature is None:
        return None
    missing = capabilities.missing(feature, actor)
    return (
        None
        if missing is None
        else Toast(text=f"Not possible here: {clean(missing.words, limit=400)}", severity="warning")
    )


def remark_on_users(capabilities: "Capabilities | None") -> str:
    """For whoever picks a user: that none can be acted as, or that the e-mails are missing. Empty where all is well."""
    if capabilities is None:
        return ""
    if missing := capabilities.missing(Capability.ACTING):
        return missing.words
    if missing := capabilities.missing(Capability.USERS):
        return f"Owners of jobs, without their e-mails: {missing.words}"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
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
    undo: UndoStack
    tell: Callable[[Toast], None]
    left: asyncio.Event
    """Set when this database is left: what could not be learned by then stays unknown."""

    @property
    def project_names(self) -> Mapping[UUID, str]:
        return {project.id: project.name for project in self.projects}

    @asynccontextmanager
    async def explaining_missing_rows(self) -> AsyncIterator[None]:
        """A write's RowMissing leaves it saying what is gone, and what only hidden from these eyes."""
        try:
            yield
        except RowMissing as error:
            raise await hidden_or_gone(self.store, self.operator, error, end=": nothing was changed") from error

    @property
    def write_resolver(self) -> WriteResolver:
        return self.write_resolver_for(self.store)

    def write_resolver_for(self, store: "Store") -> WriteResolver:
        """Of writes with the eyes of this store."""

        def tell(toast: Toast) -> None:
            self.tell(toast)
            self.changed(())

        return WriteResolver(store, tell, left=self.left)


def context_for(app: "GjobsApp", action_name: str) -> ActionContext | None:
    """Where there is nothing to work with, or the database does not offer what is wished for, says why."""
    context = _context(app)
    if isinstance(context, Toast):
        show_toast(app, context)
        return None
    if missing_capability_toast(action_name, context.capabilities, context.store.actor):
        app.run_worker(_show_missing_capability(app, context, action_name), group="refusal", exclusive=True)
        return None
    return context


def _context(app: "GjobsApp") -> ActionContext | Toast:
    """The reason where there is none."""
    connection, seen = app.connection, app.dashboard.listing
    if connection.failure is not None:
        return Toast(text=f"Not possible now: {connection.failure.error.message}", severity="error")
    if connection.session is None or connection.store is None or seen is None:
        return Toast(text="Not possible yet: nothing has been read.", severity="warning")
    return ActionContext(
        store=connection.store,
        operator=connection.session.operator,
        capabilities=connection.store.capability_cache.latest,
        database=connection.session.full_name,
        projects=seen.projects,
        changed=app.changed,
        undo=app.undo,
        tell=partial(show_toast, app),
        left=app.background_tasks.database_left,
    )


async def _show_missing_capability(app: "GjobsApp", context: ActionContext, action_name: str) -> None:
    """Asks the database anew: whoever was told what to grant comes back with the same key."""
    await context.store.capability_cache.refresh_if_possible()
    reason = missing_capability_toast(action_name, context.store.capability_cache.latest, context.store.actor)
    show_toast(app, reason or Toast(text="It has been granted meanwhile: press the key again."))


async def result_of(write: Coroutine[Any, Any, Toast]) -> Toast:
    try:
        return await write
    except WriteResolved as learned:
        return resolved_toast(learned)
    except StoreError as error:
        return unwritten_toast(error)


def require_operator(app: App[Any], actor: Actor, does: str) -> bool:
    """Of any other, says that only the operator `does` it, and how to become that."""
    if actor == OPERATOR:
        return True
    key = key_of(app, APP_BINDINGS, "app.user")
    text = f"Only the operator {does}; you look as {actor_name(actor)}. Press {key} to change."
    show_toast(app, Toast(text=text, severity="warning"))
    return False
