"""The app's base class, as actions see it: its session, the acting user, the dashboard and the background tasks."""

import asyncio
import pkgutil
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from weakref import WeakSet, finalize

from textual import constants, work
from textual.screen import Screen
from textual.worker import NoActiveWorker, Worker, WorkerCancelled, get_current_worker

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.jobs.job_results import ObservedEvents
from gjobs.store.poller import DEFAULT_INTERVAL
from gjobs.store.system.async_tools import is_importing, wait_for_imports
from gjobs.store.users.actor import Operator, actor_name
from gjobs.store.values.formats import utc_now
from gjobs.tui import dashboard
from gjobs.tui.dashboard.actions.key_queue import KeyQueue, KeyRules
from gjobs.tui.dashboard.details.details_pane import DETAILS_PANE, NAMES, JobSections, load_details
from gjobs.tui.dashboard.panels.dashboard_state import FILTER
from gjobs.tui.dashboard.panels.footer import follow_messages, suspend_writes
from gjobs.tui.dashboard.panels.project_list import BudgetAlerts
from gjobs.tui.dashboard.panels.screen import DashboardScreen
from gjobs.tui.dashboard.panels.status_line import connection_status, permit_hint
from gjobs.tui.dashboard.panels.tour import Tour
from gjobs.tui.dashboard.session.session_poller import Opener, SessionPoller
from gjobs.tui.dashboard.session.setup import DashboardSetup, DatabaseChoice, DatabaseChoices, RememberedState
from gjobs.tui.dashboard.terminal import appearance
from gjobs.tui.dashboard.terminal.terminal_input import GuardedDriver
from gjobs.tui.dashboard.widgets.message_board import (
    MESSAGE_SECONDS,
    MessageApp,
    MessageBoard,
    show_message,
    show_warning,
    showing_pending,
)
from gjobs.tui.dashboard.widgets.widgets import WRITES, ResultType
from gjobs.tui.text.error_text import Message, ReportedError, error_message
from gjobs.tui.text.format import chosen_zone
from gjobs.tui.text.status_text import JobAction

if TYPE_CHECKING:
    from gjobs.store.configuration.saved_views import KnownViews
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.dialogs.dialog import ProgressDialog


QUESTIONS = "questions"


class BackgroundTasks:
    def __init__(self, app: MessageApp[Any]) -> None:
        self._app = app
        self._is_leaving = False
        self._last_write: tuple[float, str] | None = None
        self.exit_messages: list[str] = []
        """Results of writes that were running when the user quit. They are printed after the dashboard closes."""
        self._openers = WeakSet[Worker[None]]()
        """Workers that may open a dialog. Nothing else here may refer to a worker that has ended."""
        self._silenced = WeakSet[Worker[None]]()
        """Writes that may no longer open a dialog: see `stop_opening`."""
        self._turn = asyncio.Lock()
        """Held by the current step."""
        self.database_left = asyncio.Event()
        """Set when the user leaves the open database. Each database has its own event."""

    def ask(self, question: Coroutine[Any, Any, None]) -> None:
        """Ask one question at a time, so that a key pressed twice opens one dialog."""
        if self._running(QUESTIONS) or not self.may_open:
            question.close()
        else:
            self._openers.add(self._run(partial(self._ask_or_explain, question), question, group=QUESTIONS))

    def _run(
        self, work: Callable[[], Coroutine[None, None, None]], awaited: Coroutine[Any, Any, Any], *, group: str
    ) -> Worker[None]:
        """Run `work`, which awaits the coroutine. A worker that is cancelled before its first step closes it."""
        worker: Worker[None] = self._app.run_worker(work, group=group)
        finalize(worker, awaited.close)
        return worker

    async def _ask_or_explain(self, question: Coroutine[Any, Any, None]) -> None:
        """Ask the question. If the database refuses what it needs, show why."""
        try:
            await question
        except StoreError as error:
            show_message(self._app, error_message(error))

    def step(self, step: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run the step after all steps requested earlier, so that none is lost."""

        async def step_in_turn() -> None:
            async with self._turn:
                await step()

        if self.may_open:
            # Pass a function: a worker that is cancelled before its first step would never await a coroutine.
            self._openers.add(self._app.run_worker(step_in_turn, group="steps"))

    def write(
        self,
        write: Coroutine[Any, Any, Message],
        *,
        doing: str = "",
        unchanged: str = "Nothing was changed",
        may_open: bool = False,
    ) -> Worker[None]:
        """Run a write and show its result as a message. A StoreError means that nothing was written.

        If no row shows the write, the message line shows `doing` until the database has answered. After an error that
        changed nothing, the message says `unchanged`. Set `may_open` if the write may open a dialog. Keys then wait
        until it has opened one or has ended.
        """
        worker = self._run(partial(self._run_write, write, doing, unchanged), write, group=WRITES)
        if may_open:
            self._openers.add(worker)
        return worker

    @property
    def is_opening(self) -> bool:
        """Whether a dialog may be about to open: an opener is running, and no dialog is open."""
        return len(self._app.screen_stack) == 1 and any(
            # A worker that is cancelled before its first step never finishes.
            not (worker.is_finished or worker.is_cancelled)
            for worker in self._openers
        )

    async def _run_write(self, write: Coroutine[Any, Any, Message], doing: str, unchanged: str) -> None:
        try:
            with showing_pending(self._app, doing):
                message = await write
        except ReportedError as error:
            message = error.report
        except StoreError as error:
            message = error_message(error, unchanged=unchanged)
        self.note(message)
        show_message(self._app, message)

    async def run_form(
        self, write: Coroutine[Any, Any, ResultType], report: Callable[[ResultType], Message]
    ) -> ResultType:
        """Run a form's write and note its result or error. The form shows both itself, unless the user quits first."""
        try:
            result = await write
        except ReportedError as error:
            self.note(error.report)
            raise
        except StoreError as error:
            self.note(error_message(error))
            raise
        self.note(report(result))
        return result

    def note(self, result: Message) -> None:
        """Keep the result of a write, to print it if the user quits before it can be read."""
        if self._is_leaving:
            self.exit_messages.append(result.text)
        self._last_write = (time.monotonic(), result.text)

    async def leave_database(self) -> None:
        """Signal that the user leaves the database. Then wait until all writes have ended, even new ones."""
        self.database_left.set()
        self.database_left = asyncio.Event()
        await self.await_writes()

    async def await_writes(self) -> None:
        """Wait until all writes have ended, even new ones and cancelled ones."""
        while writes := self._running(WRITES):
            with suppress(WorkerCancelled):
                await self._app.workers.wait_for_complete(writes)

    @property
    def is_writing(self) -> bool:
        return bool(self._running(WRITES))

    def close_questions(self, *, above: type[Screen[Any]] | tuple[()] = ()) -> None:
        """Close all questions, because their subject is gone. A screen of the type `above` stays, and all below it."""
        self._app.workers.cancel_group(self._app, QUESTIONS)
        while len(self._app.screen_stack) > 1 and not isinstance(self._app.screen, above):
            self._app.pop_screen()

    def stop_opening(self, *, above: type[Screen[Any]] | tuple[()] = ()) -> None:
        """Close all questions and let no running write open a dialog: the user stopped waiting, or now acts as
        another user.

        A screen of the type `above` stays, and all below it.
        """
        self.close_questions(above=above)
        self._silenced = WeakSet(worker for worker in self._openers if not worker.is_finished)
        self._openers.clear()

    @property
    def may_open(self) -> bool:
        """Whether the running worker may still open a dialog."""
        try:
            return get_current_worker() not in self._silenced
        except NoActiveWorker:
            return True

    def leave(self) -> None:
        """Quit. If a write is running, ask the user about it, or wait for it. A second key quits at once."""
        from gjobs.tui.dashboard.dialogs.dialog import ProgressDialog, QuitDialog

        writes = self._running(WRITES)
        if not writes:
            # The user may not have read a recent message.
            if self._last_write and time.monotonic() - self._last_write[0] < MESSAGE_SECONDS:
                self.exit_messages.append(self._last_write[1])
            self._app.exit()
        elif self._is_leaving or isinstance(self._app.screen, QuitDialog):
            self.exit_messages.append(
                "gjobs ended before the last change was confirmed. 'gjobs journal' shows the statements sent."
            )
            self._app.exit()
        elif progress := next((one for one in self._app.screen_stack if isinstance(one, ProgressDialog)), None):
            self._app.push_screen(QuitDialog(progress.work), partial(self._leave_as_answered, progress))
        else:
            self._start_leaving("Quitting after the last change is confirmed. Press again to quit at once.")

    def _leave_as_answered(self, progress: "ProgressDialog", answer: Literal["finish", "stop"] | None) -> None:
        if answer == "stop" and progress.is_open:
            progress.action_leave()
        if answer is not None and not self._running(WRITES):
            self.leave()
        elif answer is not None:
            self._start_leaving("Quitting after the write. Press the same key again to quit at once.")

    def _start_leaving(self, text: str) -> None:
        self._is_leaving = True
        self._app.messages.clear_passing()
        # Stays until the app ends: the write may wait for its connection for a long time.
        self._app.messages.pin(text, owner="quitting")
        self._app.run_worker(self._leave_after(self._running(WRITES)), group="leaving")

    async def _leave_after(self, writes: list[Worker[Any]]) -> None:
        try:
            await self._app.workers.wait_for_complete(writes)
        except WorkerCancelled:
            return  # The user has pressed the key again.
        self._app.exit()

    def _running(self, group: str) -> list[Worker[Any]]:
        return [worker for worker in self._app.workers if worker.group == group and not worker.is_finished]


@dataclass(frozen=True, slots=True)
class DeletedJobs:
    """Jobs that one key press deleted and that undo restores."""

    store: "Store"
    """The store of the actor who deleted. Only this actor restores."""
    jobs: tuple[GenerationJob, ...]
    """The full rows, as in the journal."""


class UndoStack:
    def __init__(self) -> None:
        self._deletions: list[DeletedJobs] = []
        self._unanswered = 0
        self.cascading_tables: tuple[str, ...] | None = None
        """Tables with rows that a deletion also deletes and undo cannot restore. None until they are read."""

    @contextmanager
    def deletion(self, store: "Store") -> Iterator[list[GenerationJob]]:
        """In the block, the caller deletes jobs and adds their full rows to the yielded list. The deletion is
        remembered at the end.
        """
        deleted: list[GenerationJob] = []
        self._unanswered += 1
        try:
            yield deleted
        finally:
            self._unanswered -= 1
            self.remember(DeletedJobs(store, tuple(deleted)))

    @property
    def is_deleting(self) -> bool:
        """Whether the database has not yet answered a deletion. Until then, undo would restore the jobs of an earlier
        deletion.
        """
        return self._unanswered > 0

    def remember(self, deletion: DeletedJobs) -> None:
        if deletion.jobs:
            self._deletions.append(deletion)

    def take_last(self) -> DeletedJobs | None:
        """Return and forget the last deletion. The caller remembers it again if the restore fails."""
        return self._deletions.pop() if self._deletions else None

    def forget_all(self) -> None:
        """Forget all deletions when the user leaves the database."""
        self._deletions.clear()
        self.cascading_tables = None

    async def load_cascading_tables(self, store: "Store") -> None:
        """Load the tables after the first list, so that the list is not delayed."""
        self.cascading_tables = ()
        with suppress(StoreError):
            self.cascading_tables = tuple(await store.get_cascading_tables())


_PAUSE = 0.01
"""Seconds between two imports, so that keys and answers are handled between them."""


async def preload() -> None:
    """Import what keys may need later, once the first data is on screen."""
    for name in modules():
        if name not in sys.modules:
            # Import in a thread: the event loop then waits only for thread switches, not for the import.
            await asyncio.to_thread(import_module, name)
            await asyncio.sleep(_PAUSE)


def modules() -> Iterator[str]:
    """Yield all modules of the dashboard. They import the other modules."""
    for module in pkgutil.walk_packages(dashboard.__path__, "gjobs.tui.dashboard."):
        yield module.name


CONNECT, FEED, NUMBERS, CHANGES, USERS = "connect", "feed", "numbers", "changes", "users"
ROW_NOTES, DELETED_USER, NOTICES = "row notes", "deleted user", "notices"
"""Groups of Textual workers."""
OF_ACTOR = (DETAILS_PANE, ROW_NOTES)
"""Groups that are cancelled with their actor. The next actor may never start them again."""
OF_DATABASE = (*OF_ACTOR, FEED, NUMBERS, CHANGES, NAMES, FILTER, USERS, DELETED_USER, NOTICES)
"""Groups that are cancelled when the user leaves the database."""


class ActionHost(MessageApp[int]):
    """Opens databases and acts as users. `GjobsApp` adds the keys and shows what is polled."""

    CSS = appearance.CSS
    totals_share: ClassVar[int | None] = None
    """The pause after a slow count, as a multiple of the time that it took. None is the default, which adds little
    load to a database.
    """

    def __init__(
        self,
        opener: Opener,
        *,
        state_path: Path | None,
        interval: float = DEFAULT_INTERVAL,
        clock: Callable[[], datetime] = utc_now,
        setup: DashboardSetup | None = None,
    ) -> None:
        self._setup = setup or DashboardSetup()
        self.database_choice = next(iter(self._setup.database_choices), None)
        """The database that is open or being opened. None for a demo or an address without a profile."""
        self._frame = (self.database_choice.profile.color if self.database_choice else None), False
        """The color of the database, and whether a write permit is open."""
        self._is_press_lost = False
        """Whether the last press of the mouse was on a removed widget."""
        self.has_partial_claims = False
        """Whether dialogs warn about partial claims."""
        super().__init__(driver_class=None if constants.DRIVER else GuardedDriver)
        self._memory = RememberedState(state_path)
        self.database_choices = DatabaseChoices(self._setup, self._memory)
        self._clock = clock
        self.messages = MessageBoard(self, clock=clock)
        self.tour = Tour(self, self._memory, self._setup.tour)
        self.tasks = BackgroundTasks(self)
        self.undo = UndoStack()
        self._first_moment = self._setup.moment
        """The earlier moment to show once the database is open."""
        self._is_preloaded = False
        """Whether everything is imported. Until then, gjobs reads no row notes by itself."""
        self.budget_alerts = BudgetAlerts()
        self.observed = ObservedEvents()
        """The events of jobs that polls have returned since the actor was selected."""
        self._sees_nothing = False
        """Whether the present actor is a user who sees no jobs and no projects."""
        self.poller = self._make_poller(opener, interval)
        status = connection_status(self.poller, self.database_choice, is_choosing=self.database_choices.is_choosing)
        self.sub_title = status.database or ""
        self.dashboard = DashboardScreen(
            clock=clock,
            status=status,
            tour=self.tour,
            change_jobs=self.change_jobs,
            load_details=self.load_details,
        )
        self.dashboard.zone = chosen_zone(self._memory.state.zone, self._profile_zone)
        self.key_queue = KeyQueue(
            self,
            KeyRules(self, self.dashboard),
            is_opening=lambda: self.tasks.is_opening or is_importing(),
            cancel=self._stop_opening,
        )
        self.settled = asyncio.Event()
        """Set when the first list, or the reason why there is none, is on screen."""
        self.internal_error: BaseException | None = None
        """The internal error that ended the app; None without one."""
        self.set_keymap({**self._setup.keymap})
        theme = self._setup.configuration.theme or self._memory.state.theme
        if theme in self.available_themes:
            self.theme = theme

    @cached_property
    def views(self) -> "KnownViews":
        from gjobs.store.configuration.saved_views import KnownViews

        return KnownViews(self._setup.configuration.views, self._setup.views_directory)

    def get_default_screen(self) -> DashboardScreen:
        """Return the dashboard as the base screen, so that Textual draws no screen of its own first."""
        return self.dashboard

    def change_jobs(self, action: JobAction, jobs: tuple[GenerationJob, ...]) -> None:
        """Start an action on jobs as the user saw them."""
        raise NotImplementedError

    def load_details(self, sections: JobSections, group: str) -> None:
        # Pass a function: a worker that is cancelled before its first step would never await a coroutine.
        load = partial(self._load_details, sections, group)
        self.run_worker(load, group=group, exclusive=True)  # type: ignore[arg-type]

    async def _load_details(self, sections: JobSections, group: str) -> None:
        await wait_for_imports()
        if (session := self.poller.session) is not None and (store := self.poller.store) is not None:
            await load_details(session, store, sections, group, self.observed)

    @work(group=USERS, exclusive=True)
    async def read_users(self) -> None:
        """Offer the most recently active users. A user sees no other users, so they get none."""
        await wait_for_imports()
        store = self.poller.store
        if store is None or not isinstance(store.actor, Operator):
            return
        with suppress(StoreError):  # If the users can't be read, none are offered.
            users = await store.find_users("")
            if store is self.poller.store:
                self.dashboard.jobs.set_users(tuple(user.email for user in users if user.email))

    def _stop_opening(self) -> None:
        """Stop waiting for a dialog. If the files of the app are slow to read, open the sample database."""
        self.tasks.stop_opening()
        if self.database_choices.is_choosing:
            self.database_choices.is_choosing = False
            self.show_status()
            self._connect()

    def follow_messages(self) -> None:
        follow_messages(self)

    def read_views(self) -> None:
        """Read the saved views again. Report problems, and use the valid views."""
        try:
            caution = self.views.read()
        except StoreError as error:
            show_message(self, error_message(error))
        else:
            if caution:
                show_warning(self, caution)

    # Databases and users

    def _make_poller(self, opener: Opener, interval: float) -> SessionPoller:
        share = self.totals_share
        return SessionPoller(opener, post=self.post_message, interval=interval, totals_share=share, clock=self._clock)

    @work(group=CONNECT, exclusive=True)
    async def _connect(self) -> None:
        await self._open()

    async def _open(self) -> None:
        session = await self.poller.open()
        session.access.opened_by = permit_hint(self)
        self.dashboard.show_zone(chosen_zone(self._memory.state.zone, self._profile_zone))
        moment, self._first_moment = self._first_moment, None
        suspend_writes(self, session.access, moment, is_filtered=False)
        if moment is not None:
            self.dashboard.show_moment(moment)
        self.act_as(session.store)
        self.run_worker(self.poller.follow_changes(), group=CHANGES, exclusive=True)

    @work(group=CONNECT, exclusive=True)
    async def switch_to(self, choice: DatabaseChoice) -> None:
        """Switch to another database. Wait for running writes first, and drop everything else."""
        self.database_choices.note_switch(choice)
        await self._replace_database(choice.opener, choice.interval, choice=choice)

    async def _replace_database(self, opener: Opener, interval: float, *, choice: DatabaseChoice | None) -> None:
        if self.tasks.is_writing:
            show_message(self, "gjobs switches the database after the last change is confirmed.")
            await self.tasks.leave_database()
        self.tasks.close_questions()
        self.tour.cancel()
        self.undo.forget_all()
        self.messages.forget()
        for group in OF_DATABASE:
            self.workers.cancel_group(self, group)
        former, self.database_choice = self.poller, choice
        self.poller = self._make_poller(opener, interval)
        self.dashboard.reset()
        self.show_status()
        # In its own worker, so that switching to yet another database does not interrupt it.
        await self.run_worker(former.close(), group="closing").wait()
        await self._open()

    def act_as(self, store: "Store", *, compare_visibility: bool = False) -> None:
        """Clear what the former actor saw, then act as another one. With `compare_visibility`, the shown project
        stays chosen.
        """
        shown = self.dashboard.shown_project
        for group in OF_ACTOR:
            self.workers.cancel_group(self, group)
        self.dashboard.forget()
        self.budget_alerts = BudgetAlerts()
        project_id = self._memory.project(self._place(store))
        if compare_visibility:
            project_id = shown.id if shown else None
            self.dashboard.jobs.add_project_name(shown, with_visibility=True)
        self.dashboard.jobs.shows_owners = isinstance(store.actor, Operator)
        # The filter and the order belong to the person, not to the actor.
        listed = replace(self.dashboard.listed, project_id=project_id, status=None)
        self.dashboard.set_query(listed, compare_visibility=compare_visibility)
        self.follow(store)

    def show_moment(self, moment: datetime | None) -> None:
        """Show the jobs as they were at a moment, to the same actor. None returns to the present."""
        session, former = self.poller.session, self.poller.store
        if session is None or former is None:
            return
        for group in OF_ACTOR:
            self.workers.cancel_group(self, group)
        suspend_writes(self, session.access, moment, is_filtered=bool(self.dashboard.listed.job_filter))
        self.dashboard.show_moment(moment)
        self.follow(session.operator.acting_as(former.actor))

    def follow(self, store: "Store") -> None:
        """List and count as the actor of the store."""
        dashboard = self.dashboard
        self.observed, self._sees_nothing = ObservedEvents(), False
        listing, counting = self.poller.act_as(store, dashboard.listing_query, dashboard.totals_query)
        self.show_status()
        self.run_worker(listing, group=FEED, exclusive=True)  # type: ignore[arg-type]
        self.run_worker(counting, group=NUMBERS, exclusive=True)  # type: ignore[arg-type]

    # Status

    @property
    def demo_state(self) -> str:
        """The speed of a demo, or that it is paused. Empty outside a demo."""
        return ""

    def show_status(self) -> None:
        status = connection_status(
            self.poller,
            self.database_choice,
            is_choosing=self.database_choices.is_choosing,
            visibility=self.dashboard.visibility_note,
            demo=self.demo_state,
            zone=self.dashboard.zone,
            moment=self.dashboard.listing_query.moment,
        )
        self.sub_title, self.has_partial_claims = status.name or "", status.has_partial_claims
        frame = status.color, status.permit is not None
        if frame != self._frame:
            self._frame = frame
            self.refresh_css(animate=False)
        self.dashboard.show_status(status)

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        variables |= appearance.text_variables(variables)
        color, is_writing = self._frame
        return {**variables, **appearance.frame_variables(color, variables, writing=is_writing)}

    def _place(self, store: "Store") -> str:
        """Return the key under which a project is remembered: profile or database, and actor."""
        session = self.poller.session
        name = session.profile.name or session.label if session else ""
        return f"{name} as {actor_name(store.actor)}"

    @property
    def _profile_zone(self) -> str | None:
        return self.database_choice.profile.time_zone if self.database_choice else None
