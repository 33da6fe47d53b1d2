"""The context of an action; resolution of unconfirmed writes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import UUID

from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import OutcomeUnknown, RowMissing, StoreError
from gjobs.store.job_list.list_query import ProjectName
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.journal.write_record import ResolvedWrite, UnconfirmedWrite, WriteOutcome, WriteRecord
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor, actor_name
from gjobs.store.values.value_types import by_member
from gjobs.tui.dashboard.actions.action_host import UndoStack
from gjobs.tui.dashboard.bindings import APP_BINDINGS, key_of
from gjobs.tui.dashboard.widgets.message_board import drop_message, show_message, show_warning
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import Message, ReportedError, error_words, hidden_or_gone
from gjobs.tui.text.status_text import STATUS_ACTIONS, JobAction
from gjobs.tui.text.write_text import concerned, resolved_write_words

if TYPE_CHECKING:
    from gjobs.store.capabilities.capabilities import Capabilities
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.actions.action_host import ActionHost


T = TypeVar("T")

_FIRST_WAITS, _LAST_WAIT = (0.1, 0.25, 0.5, 1.0, 2.0), 5.0
"""Seconds between two attempts."""

LOOKUP_PENDING = "gjobs checks the result as soon as the database answers."


_WAS_MADE = by_member(WriteOutcome, {WriteOutcome.DONE: True, WriteOutcome.NOT_DONE: False, WriteOutcome.UNKNOWN: None})


class WriteResolved(ReportedError):
    """The outcome of a write whose answer was lost. `was_made` is None if it cannot be determined."""

    def __init__(self, written: WriteRecord, found: ResolvedWrite) -> None:
        self.message = resolved_write_words(written, found)
        self.written = written
        self.was_made = _WAS_MADE[found.outcome]
        message = Message(text=self.message, severity="information" if self.was_made else "warning")
        super().__init__(message, may_retry=self.was_made is False)


class WriteResolver:
    """Determines the outcome of lost writes of `store`, until `left` is set. Shows messages about them."""

    def __init__(self, store: "Store", tell: Callable[[str], Callable[[], None]], *, left: asyncio.Event) -> None:
        """The second argument shows a warning, and returns a function that removes it."""
        self._store = store
        self._tell = tell
        self._left = left

    async def resolve(self, write: Coroutine[Any, Any, T]) -> T:
        """Return the answer of the write. Raise WriteResolved if the answer was lost, once the outcome is known.

        Raise OutcomeUnknown if the user leaves the database before that.
        """
        try:
            return await write
        except OutcomeUnknown as error:
            if isinstance(error.__cause__, asyncio.CancelledError):
                raise
            text = f"{error.message} It concerns {concerned(error.write.written)}. {LOOKUP_PENDING}"
            withdraw = self._tell(text)
            found = await self._look_up(error.write)
            withdraw()
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


_CAPABILITIES: Mapping[str, Capability] = {
    **dict.fromkeys(STATUS_ACTIONS, Capability.CHANGING),
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
"""The capability that each request or job action needs. Others need none."""


def missing_capability_words(request: str, capabilities: "Capabilities | None", actor: Actor) -> str:
    """Return a warning if the actor lacks the capability for the request. If that is unknown, the database decides."""
    capability = _CAPABILITIES.get(request)
    if capabilities is None or capability is None:
        return ""
    missing = capabilities.missing(capability, actor)
    return "" if missing is None else f"Not possible here: {clean(missing.words, limit=400)}"


def remark_on_acting(capabilities: "Capabilities | None") -> str:
    """Return a warning for the user picker: cannot act as users, cannot read e-mails, or sets only some claims.

    Empty if there is nothing to report.
    """
    if capabilities is None:
        return ""
    if missing := capabilities.missing(Capability.ACTING):
        return missing.words
    caution = capabilities.claims_caution(_ANY_USER)
    if missing := capabilities.missing(Capability.USERS):
        return f"Only owners of jobs are listed, without their e-mails: {missing.words} {caution}".rstrip()
    return caution


_ANY_USER = ActingUser(id=UUID(int=0))


class GoToJob(Protocol):
    async def __call__(
        self, job: GenerationJob, *, repeats: GenerationJob | None = None, is_new: bool = True
    ) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """The context of one action: actor, database and projects at the time of the key press."""

    store: "Store"
    operator: "Store"
    """The store of the role that gjobs connects as. Only it sees all users."""
    capabilities: "Capabilities | None"
    """The capabilities of the database, if known."""
    database: str
    projects: tuple[ProjectName, ...]
    jobs_changed: Callable[[Iterable[UUID]], None]
    """Called after each write with the ids of its jobs, to refresh list and costs at once."""
    changing: Callable[[Iterable[UUID], JobAction], AbstractContextManager[None]]
    """Inside, the rows of the jobs show what an action does to them."""
    not_changed: Callable[[Exception | None], None]
    """Called if the change of a job was refused, or ended with an error. The callback drops the keys that were typed
    after the key for the change.
    """
    deleting: Callable[[Iterable[UUID]], None]
    """Called with job ids before a deletion. It moves the cursor on."""
    deleted: Callable[[Iterable[UUID]], None]
    """Called with the deleted ids after a deletion. It drops their marks."""
    go_to_job: "GoToJob"
    """Moves the cursor to a new or restored job once it is listed, or gives up after a moment. Keys wait for it."""
    moved_jobs_to: Callable[[JobStatus], None]
    """Called after the user has moved at least one job to a status."""
    undo: UndoStack
    warn: Callable[[str], None]
    withdraw: Callable[[str], None]
    """Removes the warning that begins with a text."""
    left: asyncio.Event
    """Set when the user leaves this database. Writes unresolved by then stay unknown."""

    @property
    def project_names(self) -> Mapping[UUID, str]:
        return {project.id: project.name for project in self.projects}

    @asynccontextmanager
    async def explaining_missing_rows(self) -> AsyncIterator[None]:
        """Make RowMissing distinguish deleted rows from rows hidden from this actor."""
        try:
            yield
        except RowMissing as error:
            raise await hidden_or_gone(self.store, self.operator, error, end=": nothing was changed") from error

    @property
    def resolver(self) -> WriteResolver:
        return self.resolver_for(self.store)

    def resolver_for(self, store: "Store") -> WriteResolver:
        """Return a resolver for writes of this store's actor."""

        def tell(text: str) -> Callable[[], None]:
            self.warn(text)
            self.jobs_changed(())
            return lambda: self.withdraw(text)

        return WriteResolver(store, tell, left=self.left)


def context_for(host: "ActionHost", request: str) -> ActionContext | None:
    """Return the context. Without data or the needed capability, show why and return None."""
    context = _context(host)
    if isinstance(context, str):
        show_warning(host.app, context)
        return None
    if missing_capability_words(request, context.capabilities, context.store.actor):
        host.app.run_worker(_show_missing_capability(host, context, request), group="refusal", exclusive=True)
        return None
    return context


def _context(host: "ActionHost") -> ActionContext | str:
    """Return the context, or the reason why there is none."""
    poller, listing = host.poller, host.dashboard.listing
    if poller.failure is not None:
        return f"Not possible now: {error_words(poller.failure.error)}"
    if poller.session is None or poller.store is None or listing is None:
        return "Not possible yet. Loading data."
    return ActionContext(
        store=poller.store,
        operator=poller.session.operator,
        capabilities=poller.store.capability_cache.latest,
        database=poller.session.full_name,
        projects=listing.projects,
        jobs_changed=host.jobs_changed,
        changing=host.changing_jobs,
        not_changed=host.drop_keys_of_refused_change,
        deleting=host.deleting_jobs,
        deleted=partial(host.deleting_jobs, are_deleted=True),
        go_to_job=host.go_to_job,
        moved_jobs_to=host.tour.moved_jobs_to,
        undo=host.undo,
        warn=partial(show_warning, host.app),
        withdraw=partial(drop_message, host.app),
        left=host.tasks.database_left,
    )


async def _show_missing_capability(host: "ActionHost", context: ActionContext, request: str) -> None:
    """Check again before refusing, because a missing grant may have been added."""
    cache, actor = context.store.capability_cache, context.store.actor
    await cache.refresh_if_possible()
    if refusal := missing_capability_words(request, cache.latest, actor):
        show_warning(host.app, refusal)
    else:
        show_message(host.app, "The missing grant has been added. Press the key again.")


def require_operator(host: "ActionHost", actor: Actor, does: str) -> bool:
    """Return whether the actor is the operator. Otherwise show, beside a dialog, that this is only for the operator.
    `does` is a verb phrase, such as "sets budgets".
    """
    if actor == OPERATOR:
        return True
    key = key_of(host.app, APP_BINDINGS, "app.user")
    text = f"Only the operator {does}. You act as {actor_name(actor)}. Close the dialog and press {key} to change."
    show_warning(host.app, text)
    return False
