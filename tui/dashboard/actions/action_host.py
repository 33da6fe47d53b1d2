"""The app's base class, as actions see it: its session, the acting user and the dashboard."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import constants, work

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.jobs.job_results import ObservedEvents
from gjobs.store.poller import DEFAULT_INTERVAL
from gjobs.store.system.async_tools import is_importing
from gjobs.store.users.actor import Operator, actor_name
from gjobs.store.values.formats import utc_now
from gjobs.tui.dashboard.actions.background_tasks import BackgroundTasks, UndoStack
from gjobs.tui.dashboard.actions.key_queue import KeyQueue, KeyRules
from gjobs.tui.dashboard.details.details_pane import DETAILS_PANE, NAMES
from gjobs.tui.dashboard.memory import RememberedState
from gjobs.tui.dashboard.panels.dashboard_state import FILTER
from gjobs.tui.dashboard.panels.footer import follow_messages, suspend_writes
from gjobs.tui.dashboard.panels.project_list import BudgetNews
from gjobs.tui.dashboard.panels.screen import DashboardScreen
from gjobs.tui.dashboard.panels.status_line import connection_status, permit_hint
from gjobs.tui.dashboard.panels.tour import Tour
from gjobs.tui.dashboard.session.session_poller import Opener, SessionPoller
from gjobs.tui.dashboard.session.setup import DashboardSetup, DatabaseChoice, DatabaseChoices
from gjobs.tui.dashboard.terminal import appearance
from gjobs.tui.dashboard.terminal.terminal_input import GuardedDriver
from gjobs.tui.dashboard.widgets.message_board import MessageApp, MessageBoard, show_message, show_warning
from gjobs.tui.text.error_text import error_message
from gjobs.tui.text.format import chosen_zone
from gjobs.tui.text.status_text import JobAction

if TYPE_CHECKING:
    from gjobs.store.configuration.saved_views import KnownViews
    from gjobs.store.store import Store


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
        self.budget_news = BudgetNews()
        self.observed = ObservedEvents()
        """The events of jobs that polls have returned since the actor was selected."""
        self._sees_nothing = False
        """Whether the present actor is a user who sees no jobs and no projects."""
        self.poller = self._make_poller(opener, interval)
        status = connection_status(self.poller, self.database_choice, is_choosing=self.database_choices.is_choosing)
        self.sub_title = status.database or ""
        self.dashboard = DashboardScreen(clock=clock, status=status, tour=self.tour, change_jobs=self.change_jobs)
        self.dashboard.zone = chosen_zone(self._memory.state.zone, self._profile_zone)
        self.key_queue = KeyQueue(
            self,
            KeyRules(self, self.dashboard),
            is_opening=lambda: self.tasks.is_opening or is_importing(),
            cancel=self._stop_opening,
        )
        self.settled = asyncio.Event()
        """Set when the first list, or the reason why there is none, is on screen."""
        self.mistake: BaseException | None = None
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
        """Start an action on jobs as the user saw them. To create a job, it needs none."""
        raise NotImplementedError

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
        return SessionPoller(opener, tell=self.post_message, interval=interval, totals_share=share, clock=self._clock)

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
            await self.tasks.writes_end()
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
        self.budget_news = BudgetNews()
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
