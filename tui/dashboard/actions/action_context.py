"""The context of an action; resolution of unconfirmed writes."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, TypeVar
from uuid import UUID

from gjobs.store.capabilities.capabilities import Capabilities
from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import OutcomeUnknown, RowMissing, StoreError
from gjobs.store.job_list.list_query import ProjectName
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.journal.write_record import ResolvedWrite, UnconfirmedWrite, WriteOutcome, WriteRecord
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser, Actor
from gjobs.store.values.data_classes import by_member
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.actions.key_queue import UNCHANGED, UNCONFIRMED, UNLISTED, every_key
from gjobs.tui.dashboard.list.jobs_panel import JobsPanel
from gjobs.tui.dashboard.list.list_header import unlisted_words
from gjobs.tui.dashboard.panels.tour import TourStep
from gjobs.tui.dashboard.widgets.message_board import drop_message, show_message, show_warning
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import Message, ReportedError, error_words, hidden_or_gone, left_rows_as_shown
from gjobs.tui.text.status_text import JobAction, pending_words
from gjobs.tui.text.write_text import resolved_write_words, write_subject

T = TypeVar("T")

_FIRST_WAITS, _LAST_WAIT = (0.1, 0.25, 0.5, 1.0, 2.0), 5.0
"""Seconds between two attempts."""

_WAS_MADE = by_member(WriteOutcome, {WriteOutcome.DONE: True, WriteOutcome.NOT_DONE: False, WriteOutcome.UNKNOWN: None})


class WriteResolved(ReportedError):
    """The outcome of a write whose answer was lost. `was_made` is None if it cannot be determined."""

    def __init__(self, written: WriteRecord, found: ResolvedWrite) -> None:
        self.message = resolved_write_words(written, found)
        self.written = written
        self.was_made = _WAS_MADE[found.outcome]
        message = Message(text=self.message, severity="information" if self.was_made else "warning")
        super().__init__(message, may_retry=self.was_made is False)


def missing_capability_words(needs: Capability | None, capabilities: Capabilities | None, actor: Actor) -> str:
    """Return a warning if the actor lacks the capability. If that is unknown, the database decides."""
    if capabilities is None or needs is None:
        return ""
    missing = capabilities.missing(needs, actor)
    return "" if missing is None else f"Not possible here: {clean(missing.words, limit=400)}"


def remark_on_acting(capabilities: Capabilities | None) -> str:
    """Return a warning for the user picker: cannot act as users, cannot read e-mails, or sets only some claims.

    Empty if there is nothing to report.
    """
    if capabilities is None:
        return ""
    if missing := capabilities.missing(Capability.ACTING):
        return missing.words
    caution = capabilities.claims_caution(ActingUser(id=UUID(int=0)))
    if missing := capabilities.missing(Capability.USERS):
        return f"Only owners of jobs are listed, without their e-mails: {missing.words} {caution}".rstrip()
    return caution


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """The context of one action: actor, database and projects at the time of the key press."""

    host: ActionHost
    store: Store
    operator: Store
    """The store of the role that gjobs connects as. Only it sees all users."""
    database: str
    projects: tuple[ProjectName, ...]
    database_left: asyncio.Event
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

    async def resolve(self, write: Coroutine[Any, Any, T], *, of: Store | None = None) -> T:
        """Return the answer of a write of the store `of`, or else of this context's store.

        If the answer was lost, raise WriteResolved once the outcome is known. Raise OutcomeUnknown if the user leaves
        the database before that.
        """
        try:
            return await write
        except OutcomeUnknown as error:
            if isinstance(error.__cause__, asyncio.CancelledError):
                raise
            subject = f"It concerns {write_subject(error.write.written)}."
            text = f"{error.message} {subject} gjobs checks the result as soon as the database answers."
            show_warning(self.host, text)
            self.refresh_after_write(())
            found = await self._look_up(of or self.store, error.write)
            drop_message(self.host, text)
            if found is None:
                raise
            raise WriteResolved(error.write.written, found) from error

    async def _look_up(self, store: Store, write: UnconfirmedWrite) -> ResolvedWrite | None:
        waits = chain(_FIRST_WAITS, repeat(_LAST_WAIT))
        while not self.database_left.is_set():
            with suppress(StoreError):
                if (found := await store.resolve_write(write)) is not None:
                    return found
            with suppress(TimeoutError):
                await asyncio.wait_for(self.database_left.wait(), next(waits))
        return None

    async def write(self, sending: Coroutine[Any, Any, T]) -> T:
        """Send a write and return its answer, see `resolve`. Then refresh list and costs."""
        try:
            return await self.resolve(sending)
        finally:
            self.refresh_after_write(())

    def refresh_after_write(self, job_ids: Iterable[UUID]) -> None:
        """Refresh list and costs after a write to these jobs."""
        if not self.host.dashboard.query(JobsPanel):
            return  # The write was answered after the screen closed.
        self.host.dashboard.jobs.clear_chosen()
        self.host.dashboard.jobs.expected_removals = frozenset(job_ids)
        self.host.poller.refresh()

    @contextmanager
    def changing(self, job_ids: Iterable[UUID], action: JobAction) -> Iterator[None]:
        """Inside, the rows of the jobs show what the action does to them."""
        job_ids = tuple(job_ids)
        changes = self.host.dashboard.jobs.changes
        changes.send(job_ids, pending_words(action))
        has_failed = False
        try:
            yield
        except (StoreError, ReportedError) as error:
            has_failed = left_rows_as_shown(error)
            raise
        finally:
            (changes.fail if has_failed else changes.answer)(job_ids)

    def drop_keys_after_failure(self, error: Exception | None) -> None:
        """Drop all keys if one that changes jobs was typed before the answer, because the user expected the change to
        succeed. `error` is None if the change was refused.
        """
        answered_at, keys = time.monotonic(), self.host.key_queue
        if self.host.dashboard.query(JobsPanel):
            keys.drop_until_seen(
                UNCHANGED if error is None or left_rows_as_shown(error) else UNCONFIRMED,
                drops=lambda event: event.time <= answered_at and keys.rules.changes_jobs(event),
            )

    def deleting(self, job_ids: Iterable[UUID], *, are_deleted: bool = False) -> None:
        """Move the cursor on when these jobs leave the list. Unmark them once they are deleted."""
        if self.host.dashboard.query(JobsPanel):  # The panel is gone while the app closes.
            self.host.dashboard.jobs.expect_deletion(job_ids, are_deleted=are_deleted)


_TIMEOUT_SECONDS, _POLL_SECONDS = 1.0, 0.01
"""Maximum seconds that keys wait for a new job to be listed, if the database answers fast."""
_ANSWERS, _MOST_EXTRA_SECONDS = 3, 9.0
"""A slow database lengthens this wait by a multiple of its answer time, up to a maximum in seconds."""


async def go_to_job(
    host: ActionHost, job: GenerationJob, *, repeats: GenerationJob | None = None, is_new: bool = True
) -> str:
    """Move the cursor to a new or restored job if it is listed soon. After that the cursor stays, because the user may
    already press another key.

    If it is not listed, return a sentence that says so. Then drop the keys typed for the job, unless the
    cursor is on `repeats`: the user sees that job and pressed the key on it.
    """
    dashboard, keys = host.dashboard, host.key_queue
    if is_new and repeats is None:
        host.tour.do(TourStep.NEW_JOB)
    if not dashboard.query(JobsPanel) or await try_move_to(host, job, is_new=is_new):
        return ""
    cursor_job = dashboard.jobs.table.cursor_job
    if repeats is None or cursor_job is None or cursor_job.id != repeats.id:
        keys.drop_until_seen(UNLISTED, drops=every_key if is_new else keys.rules.is_for_rows)
    return unlisted_words(host, dashboard.listed, job)


async def try_move_to(host: ActionHost, job: GenerationJob, *, is_new: bool = True) -> bool:
    """Move the cursor to the job if it is listed soon. Return True if the cursor is on the job, or if the app
    closes.
    """
    dashboard = host.dashboard
    # The list that was already requested does not contain the job. The next one does.
    answers = min(_ANSWERS * host.poller.usual_answer, _MOST_EXTRA_SECONDS)
    deadline = time.monotonic() + _TIMEOUT_SECONDS + answers
    can_list = dashboard.jobs.can_list(job)
    if is_new:
        dashboard.jobs.approach(job)
    # The panel is gone while the app closes.
    while can_list and dashboard.query(JobsPanel) and time.monotonic() < deadline:
        table = dashboard.jobs.table
        if dashboard.jobs.job(job.id):
            has_moved = table.move_to(job.id)
            table.take_selection_as_seen()
            return has_moved
        await asyncio.sleep(_POLL_SECONDS)
    return not dashboard.query(JobsPanel)


def context_for(host: ActionHost, needs: Capability | None = None) -> ActionContext | None:
    """Return the context. Without data or the needed capability, show why and return None."""
    poller, listing = host.poller, host.dashboard.listing
    session, store = poller.session, poller.store
    if poller.failure is not None:
        show_warning(host, f"Not possible now: {error_words(poller.failure.error)}")
    elif session is None or store is None or listing is None:
        show_warning(host, "Not possible yet. Loading data.")
    elif missing_capability_words(needs, store.capability_cache.latest, store.actor):
        host.run_worker(_show_missing_capability(host, store, needs), group="refusal", exclusive=True)
    else:
        return ActionContext(
            host=host,
            store=store,
            operator=session.operator,
            database=session.full_name,
            projects=listing.projects,
            database_left=host.tasks.database_left,
        )
    return None


async def _show_missing_capability(host: ActionHost, store: Store, needs: Capability | None) -> None:
    """Check again before refusing, because somebody may have added what was missing."""
    await store.capability_cache.refresh_if_possible()
    if refusal := missing_capability_words(needs, store.capability_cache.latest, store.actor):
        show_warning(host, refusal)
    else:
        show_message(host, "This database now has what was missing. Press the key again.")
