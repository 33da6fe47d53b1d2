"""GjobsApp connects session poller, screen and actions."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import RenderableType
from textual import constants, events, on, work
from textual._compositor import ChopsUpdate
from textual.actions import ActionParseResult
from textual.app import SuspendNotSupported
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.errors import NoWidget
from textual.message import Message
from textual.screen import Screen
from textual.theme import Theme, ThemeProvider
from textual.widgets import Input

from gjobs.store.errors import StoreError
from gjobs.store.poller import DEFAULT_INTERVAL
from gjobs.store.system.async_tools import abandon_lookups, is_importing, wait_for_imports
from gjobs.store.users.actor import ANON, ActingUser, Operator, actor_name
from gjobs.store.values.formats import utc_now
from gjobs.tui import startup
from gjobs.tui.dashboard import task_groups
from gjobs.tui.dashboard.actions.action_host import BackgroundTasks, UndoStack, preload
from gjobs.tui.dashboard.actions.key_queue import SUSPENDING, KeyQueue, KeyRules
from gjobs.tui.dashboard.bindings import (
    APP_BINDINGS,
    DIALOG,
    KEYS,
    PLAIN,
    DialogKey,
    Key,
    Trait,
    inherited_bindings,
    key_of,
)
from gjobs.tui.dashboard.details.details_pane import DetailsRequested
from gjobs.tui.dashboard.events import (
    Connecting,
    ListPolled,
    ListPollFailed,
    PaceChanged,
    PollMessage,
    ProjectChosen,
    QueryChanged,
    TotalsPolled,
    TotalsPollFailed,
    WritePermitEnded,
)
from gjobs.tui.dashboard.frame.database_choices import DatabaseChoices
from gjobs.tui.dashboard.list.filter_bar import FilterBar
from gjobs.tui.dashboard.list.job_table import JobTable, OrderRequested
from gjobs.tui.dashboard.list.jobs_panel import JobsPanel
from gjobs.tui.dashboard.memory import DeletedUserCheck, ObservedHistories, RememberedState, project_to_show
from gjobs.tui.dashboard.panels.footer import follow_messages, show_moment_keys, suspend_writes
from gjobs.tui.dashboard.panels.project_list import BudgetNews
from gjobs.tui.dashboard.panels.screen import DashboardScreen
from gjobs.tui.dashboard.panels.status_line import PERMIT_ENDED, connection_status, permit_hint
from gjobs.tui.dashboard.panels.tour import Tour, TourStep
from gjobs.tui.dashboard.session.session_poller import Opener, SessionPoller
from gjobs.tui.dashboard.session.setup import DashboardSetup, DatabaseChoice
from gjobs.tui.dashboard.terminal import appearance
from gjobs.tui.dashboard.terminal.clipboard import copy_text
from gjobs.tui.dashboard.terminal.terminal_input import GuardedDriver, PasteUnfinished, stop_until_resumed
from gjobs.tui.dashboard.widgets.message_board import MessageApp, MessageBoard, show_message, show_warning
from gjobs.tui.dashboard.widgets.widgets import ClosesOnce
from gjobs.tui.text.error_text import error_message
from gjobs.tui.text.format import chosen_zone, zone_after

if TYPE_CHECKING:
    from types import ModuleType

    from gjobs.store.configuration.saved_views import KnownViews
    from gjobs.store.jobs.job import GenerationJob
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.features.messages import Notices
    from gjobs.tui.dashboard.features.row_notes import RowNotesReader
    from gjobs.tui.dashboard.presenter import Presenter
    from gjobs.tui.text.status_text import JobAction


log = logging.getLogger(__name__)


def _palette() -> "ModuleType":
    """Import the palette only when it opens."""
    from gjobs.tui.dashboard.frame import palette

    return palette


class GjobsApp(MessageApp[int]):
    TITLE = "gjobs"
    CSS = appearance.CSS
    COMMANDS = {lambda: _palette().Commands}  # noqa: RUF012 - Textual's annotation
    BINDINGS: ClassVar[list[BindingType]] = [*APP_BINDINGS]
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
        self._frame = (self.database_choice.color if self.database_choice else None), False
        """The color of the database, and whether a write permit is open."""
        self._is_press_lost = False
        """Whether the last press of the mouse was on a removed widget."""
        self.has_partial_claims = False
        """Whether dialogs warn about partial claims."""
        super().__init__(driver_class=None if constants.DRIVER else GuardedDriver)
        self._memory = RememberedState(state_path)
        self._choices = DatabaseChoices(self._setup, self._memory)
        self._clock = clock
        self.messages = MessageBoard(self, clock=clock)
        self.tour = Tour(self, self._memory, self._setup.tour)
        self.tasks = BackgroundTasks(self)
        self.undo = UndoStack()
        self._first_moment = self._setup.moment
        """The earlier moment to show once the database is open."""
        self._is_preloaded = False
        """Whether everything is imported. Until then, gjobs reads no row notes by itself."""
        self._notices: Notices | None = None
        """None if notifications are off."""
        self.budget_news = BudgetNews()
        self.observed = ObservedHistories()
        self._deleted_user_check = DeletedUserCheck()
        self.poller = SessionPoller(
            opener, tell=self.post_message, interval=interval, totals_share=self.totals_share, clock=clock
        )
        status = connection_status(self.poller, self.database_choice, is_choosing=self._choices.is_choosing)
        self.sub_title = status.database or ""
        self.dashboard = DashboardScreen(clock=clock, status=status, tour=self.tour, change_jobs=self._change_jobs)
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
        theme = self._setup.theme or self._memory.state.theme
        if theme in self.available_themes:
            self.theme = theme

    @cached_property
    def views(self) -> "KnownViews":
        from gjobs.store.configuration.saved_views import KnownViews

        return KnownViews(self._setup.views, self._setup.views_directory)

    @cached_property
    def row_notes(self) -> "RowNotesReader":
        from gjobs.tui.dashboard.features.row_notes import RowNotesReader

        return RowNotesReader(self)

    def get_default_screen(self) -> DashboardScreen:
        """Return the dashboard as the base screen, so that Textual draws no screen of its own first."""
        return self.dashboard

    def on_ready(self) -> None:
        abandon_lookups()
        if self._setup.theme is None:
            self.theme_changed_signal.subscribe(self, self._remember_theme)
        if self._setup.notice:
            show_warning(self, self._setup.notice)
        self.dashboard.jobs.view_name_for = lambda text, order: self.views.view_name_for(text, order)
        if self._choices.may_ask:
            self.tasks.ask(self._choose_first())
        else:
            self._connect()

    def _remember_theme(self, theme: Theme) -> None:
        self._memory.remember(lambda latest: replace(latest, theme=theme.name))

    async def _choose_first(self) -> None:
        """Open the sample database. If the app around the current directory names databases, ask first."""
        choice = await self._choices.choose_first(self)
        self._choices.is_choosing = False
        self.show_status()
        if unusable := self._choices.unusable:
            show_warning(self, unusable)
        if choice is None:
            self._connect()
        else:
            self.switch_to(choice)

    def _stop_opening(self) -> None:
        """Stop waiting for a dialog. If the files of the app are slow to read, open the sample database."""
        self.tasks.stop_opening()
        if self._choices.is_choosing:
            self._choices.is_choosing = False
            self.show_status()
            self._connect()

    async def find_databases(self) -> None:
        """Find the databases that files of the app name, so that the user can switch to them."""
        await self._choices.find()

    @property
    def database_choices(self) -> tuple[DatabaseChoice, ...]:
        return self._choices.all

    def follow_messages(self) -> None:
        follow_messages(self)

    def _settle(self) -> None:
        if not self.settled.is_set():
            self.settled.set()
            self.run_worker(self._load_the_rest(), group="later")

    async def _load_the_rest(self) -> None:
        """Load the rest. Garbage collection resumes only afterwards, because these objects stay in memory."""
        self.read_views()
        filter_bar = self.dashboard.query_one(FilterBar)
        await preload()
        # A snapshot may have ended meanwhile, and removed the widgets.
        if filter_bar.is_running:
            filter_bar.build_hidden_parts()
        startup.resume_gc()
        self._is_preloaded = True
        self._read_row_notes()
        await self.find_databases()

    def _read_row_notes(self) -> None:
        """Read the owners and stuck jobs of the rows, unless a reading is already in progress."""
        is_reading = any(one.group == task_groups.ROW_NOTES and not one.is_finished for one in self.workers)
        if not is_reading and self.row_notes.is_needed:
            # As a function: a worker that is cancelled before its first step never awaits a coroutine.
            self.run_worker(self.row_notes.read, group=task_groups.ROW_NOTES)  # type: ignore[arg-type]

    def read_views(self) -> None:
        """Read the saved views again. Report problems, and use the valid views."""
        try:
            caution = self.views.read()
        except StoreError as error:
            show_message(self, error_message(error))
        else:
            if caution:
                show_warning(self, caution)

    def exit(self, result: int | None = None, return_code: int = 0, message: "RenderableType | None" = None) -> None:
        self.key_queue.close()  # The rules of waiting keys need widgets that are being removed.
        super().exit(result, return_code, message)

    async def on_unmount(self) -> None:
        self.key_queue.close()
        await self.poller.close()

    # From the poller to the dashboard

    @work(group=task_groups.CONNECT, exclusive=True)
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
        self.run_worker(self.poller.follow_changes(), group=task_groups.CHANGES, exclusive=True)

    @work(group=task_groups.CONNECT, exclusive=True)
    async def switch_to(self, choice: DatabaseChoice) -> None:
        """Switch to another database. Wait for running writes first, and drop everything else."""
        self._choices.note_switch(choice)
        await self._replace_database(choice.opener, choice.interval, choice=choice)

    async def _replace_database(self, opener: Opener, interval: float, *, choice: DatabaseChoice | None) -> None:
        if self.tasks.is_writing:
            show_message(self, "gjobs switches the database after the last change is confirmed.")
            await self.tasks.writes_end()
        self.tasks.close_questions()
        self.tour.cancel()
        self.undo.forget_all()
        self.messages.forget()
        for group in task_groups.OF_DATABASE:
            self.workers.cancel_group(self, group)
        former, self.database_choice = self.poller, choice
        self.poller = SessionPoller(
            opener, tell=self.post_message, interval=interval, totals_share=self.totals_share, clock=self._clock
        )
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
        for group in task_groups.OF_ACTOR:
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
        self._follow(store)

    def show_moment(self, moment: datetime | None) -> None:
        """Show the jobs as they were at a moment, to the same actor. None returns to the present."""
        session, former = self.poller.session, self.poller.store
        if session is None or former is None:
            return
        for group in task_groups.OF_ACTOR:
            self.workers.cancel_group(self, group)
        suspend_writes(self, session.access, moment, is_filtered=bool(self.dashboard.listed.job_filter))
        self.dashboard.show_moment(moment)
        self._follow(session.operator.acting_as(former.actor))

    def _follow(self, store: "Store") -> None:
        """List and count as the actor of the store."""
        dashboard = self.dashboard
        listing, counting = self.poller.act_as(store, dashboard.listing_query, dashboard.totals_query)
        self.show_status()
        self.run_worker(listing, group=task_groups.FEED, exclusive=True)  # type: ignore[arg-type]
        self.run_worker(counting, group=task_groups.NUMBERS, exclusive=True)  # type: ignore[arg-type]
        if dashboard.listing_query.moment is not None:
            self.workers.cancel_group(self, task_groups.NOTICES)
        else:
            self._start_notices(store)

    def _start_notices(self, store: "Store") -> None:
        if self._setup.notifications is None:
            return
        from gjobs.tui.dashboard.features.messages import Notices

        self._notices = self._notices or Notices(self, self._setup.notifications)
        self.run_worker(self._notices.follow(store), group=task_groups.NOTICES, exclusive=True)

    @on(Connecting)
    def _connecting(self, message: Connecting) -> None:
        if self.dashboard.listing is None:
            self.dashboard.jobs.forget(message.sentence)

    @on(PaceChanged)
    def _pace_changed(self) -> None:
        self.show_status()

    @on(ListPolled)
    def _list_polled(self, message: ListPolled) -> None:
        result, listing, dashboard = message.result, message.result.value, self.dashboard
        if message.store is not self.poller.store:
            return
        if result.is_changed:
            self.observed.add_poll(message.store, listing)
        if listing.query != dashboard.listing_query:
            return
        place = self._place(message.store)
        listed, compares = listing.query.window.listed, listing.query.with_visibility
        all_was_chosen = self._memory.knows(place) or compares
        was_located = dashboard.jobs.knows_project_name(listed.project_id)
        wanted = project_to_show(listing, all_was_chosen=all_was_chosen, was_located=was_located)
        if wanted != listed.project_id:
            if listed.project_id is not None:
                show_warning(self, "The project was deleted or is hidden. Showing another.")
            self._memory.remember_project(place, wanted)
            dashboard.set_query(replace(listed, project_id=wanted), compare_visibility=compares)
            self._query_changed()
            return
        dashboard.jobs.may_create_projects = message.store.actor != ANON
        dashboard.show(listing, result.fetched_at, is_changed=result.is_changed)
        self.call_after_refresh(self.poller.is_shown.set)
        dashboard.jobs.changes.settle(result.requested_at)
        if dashboard.has_all:
            self._settle()
        session = self.poller.session
        may_write = (session is None or session.access.may_write) and message.store.actor != ANON
        self.tour.follow_list(may_write=may_write, has_projects=bool(listing.projects))
        if self._deleted_user_check.is_due(message.store, listing) and isinstance(message.store.actor, ActingUser):
            from gjobs.tui.dashboard.features.navigation import report_if_deleted

            reporting = report_if_deleted(self, message.store, message.store.actor)
            self.run_worker(reporting, group=task_groups.DELETED_USER)
        self.show_status()
        if self._is_preloaded:
            self._read_row_notes()
        if self.undo.cascading_tables is None:
            self.run_worker(self.undo.load_cascading_tables(message.store), group=task_groups.FOLLOWING, exclusive=True)

    @on(TotalsPolled)
    def _totals_polled(self, message: TotalsPolled) -> None:
        if message.store is self.poller.store:
            self.dashboard.show_totals(message.totals, is_complete=message.is_complete)
            if self._is_preloaded and self.poller.is_idle:
                self._read_row_notes()
            self.budget_news.tell(self, message.totals.budgets or ())
            self.show_status()
            if self.dashboard.has_all:
                self._settle()

    @on(TotalsPollFailed)
    def _totals_poll_failed(self, message: TotalsPollFailed) -> None:
        if message.store is self.poller.store:
            self.dashboard.show_no_totals(message.error)
            self._settle()

    @on(ListPollFailed)
    def _list_poll_failed(self, message: ListPollFailed) -> None:
        if message is self.poller.failure:
            self.dashboard.show_failure(message)
            self.show_status()
            self._settle()

    @property
    def demo_state(self) -> str:
        """The speed of a demo, or that it is paused. Empty outside a demo."""
        return ""

    def show_status(self) -> None:
        status = connection_status(
            self.poller,
            self.database_choice,
            is_choosing=self._choices.is_choosing,
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

    @on(WritePermitEnded)
    def _write_permit_ended(self) -> None:
        self.show_status()
        show_message(self, PERMIT_ENDED)

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        variables |= appearance.text_variables(variables)
        color, is_writing = self._frame
        return {**variables, **appearance.frame_variables(color, variables, writing=is_writing)}

    def _place(self, store: "Store") -> str:
        """Return the key under which a project is remembered: profile or database, and actor."""
        session = self.poller.session
        name = "" if session is None else session.profile.name if session.profile else session.label
        return f"{name} as {actor_name(store.actor)}"

    # From the dashboard to the store

    def action_leave(self) -> None:
        """Leave the selection or the filter. Without any, leave the message, the earlier moment or the tour."""
        if self.dashboard.jobs.leave():
            return
        passing = self.messages.passing
        self.messages.clear_passing()
        if passing is not None and passing.severity == "error":
            return  # The key was meant for the error, which has no time limit.
        if self.dashboard.listing_query.moment is not None:
            self.show_moment(None)
        else:
            self.tour.leave()

    @on(QueryChanged)
    def _query_changed(self) -> None:
        self.poller.ask(self.dashboard.listing_query, self.dashboard.totals_query)
        if self.dashboard.listing_query.moment is not None:
            show_moment_keys(self, is_filtered=bool(self.dashboard.listed.job_filter))
        self.show_status()

    @on(ProjectChosen)
    def _remember_project(self) -> None:
        listing = self.dashboard.listing
        if self.dashboard.listed.project_id is not None or (listing is not None and listing.projects):
            self.tour.do(TourStep.PROJECT)
        if self.poller.store is not None:
            self._memory.remember_project(self._place(self.poller.store), self.dashboard.listed.project_id)

    def _change_jobs(self, action: "JobAction", jobs: "tuple[GenerationJob, ...]") -> None:
        from gjobs.tui.dashboard import key_functions

        key_functions.change_jobs(self, action, jobs)

    @on(FilterBar.FilterRequested)
    @on(OrderRequested)
    @on(JobsPanel.IdRequested)
    @on(FilterBar.UsersRequested)
    @on(DetailsRequested)
    async def _answer(self, message: Message) -> None:
        await wait_for_imports()
        from gjobs.tui.dashboard import key_functions

        key_functions.answer(self, message)

    async def _on_message(self, message: Message) -> None:
        if not (self._exit and isinstance(message, PollMessage)):
            await super()._on_message(message)

    # Activity of the user

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            self.poller.touch()
        if isinstance(event, (events.InputEvent, events.Paste)) and self._exit:
            return  # The widgets are being removed.
        if isinstance(event, (events.MouseDown, events.MouseUp)) and not event.is_forwarded and self._is_lost(event):
            return
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded and self.key_queue.take(event):
            return
        await super().on_event(event)

    def _is_lost(self, event: events.MouseDown | events.MouseUp) -> bool:
        """Return whether the press was on a widget that was just removed.

        Until the next layout, Textual finds the widget at its former place. The press would end the app.
        """
        if isinstance(event, events.MouseDown):
            try:
                self._is_press_lost = not self.get_widget_at(event.x, event.y)[0].is_attached
            except NoWidget:
                self._is_press_lost = False
        return self._is_press_lost

    @on(PasteUnfinished)
    def _paste_unfinished(self) -> None:
        text = "The terminal did not mark the end of the pasted text. gjobs ended the paste. You can type again."
        show_warning(self, text)

    @on(events.AppFocus)
    @on(events.AppBlur)
    def _attention_changed(self, event: events.AppFocus | events.AppBlur) -> None:
        is_focused = isinstance(event, events.AppFocus)
        self.poller.attend(is_focused=is_focused)
        if self._notices is not None:
            self._notices.come_back() if is_focused else self._notices.leave()

    # Keys of the App

    async def run_action(
        self,
        action: "str | ActionParseResult",
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        bindings = inherited_bindings(type(default_namespace or self))
        if any(self._opens_dialog(binding) for binding in bindings if binding.action == action):
            self.key_queue.expect_dialog()
        return await super().run_action(action, default_namespace, namespaces)

    def _opens_dialog(self, binding: Binding) -> bool:
        """Return whether the key opens a dialog unless it is refused."""
        traits = binding.traits if isinstance(binding, Key) else PLAIN
        if Trait.SEVERAL in traits:
            return len(self.dashboard.jobs.selected) > 1
        if binding.id == "app.lens" and (store := self.poller.store) is not None:
            return not isinstance(store.actor, ActingUser)
        if binding.id == "app.write" and (session := self.poller.session) is not None:
            return session.access.permit is None
        return DIALOG in traits or isinstance(binding, DialogKey)

    def _display(self, screen: Screen[Any], renderable: "RenderableType | None") -> None:
        """Report to the job table which of its lines the terminal has got. Textual reports this nowhere else."""
        super()._display(screen, renderable)
        if screen is self.dashboard and renderable is not None and not self._batch_count:
            spans = renderable.spans if isinstance(renderable, ChopsUpdate) else None
            for table in self.dashboard.query(JobTable):
                table.record_frame(spans)

    def pop_screen(self) -> AwaitComplete:
        """Close the top screen. Drop keys that were typed for it."""
        if isinstance(self.screen, ClosesOnce):
            if not self.screen.is_dismissed:
                self.key_queue.drop_until_seen()
            elif self.screen.has_result:
                self.key_queue.ignore_repeat(self.screen.result_key)
        self.call_later(self.follow_messages)
        return super().pop_screen()

    def action_command_palette(self) -> None:
        """Open a palette without Textual's id, because the widgets of the last palette may still exist."""
        palette = _palette().Palette
        if not isinstance(self.screen, palette):
            self.push_screen(palette())

    def search_themes(self) -> None:
        self.push_screen(_palette().Palette(providers=[ThemeProvider], placeholder="Search for themes…"))

    def action_run(self, name: str) -> None:
        from gjobs.tui.dashboard import key_functions

        key_functions.run(self, KEYS[name])

    def action_step_moment(self, unit: str, is_later: bool) -> None:
        from gjobs.tui.dashboard.features.moments import step_moment

        self.tasks.step(partial(step_moment, self, unit, is_later=is_later))

    def action_refresh(self) -> None:
        self.poller.refresh()

    def action_pause(self) -> None:
        self.poller.pause_or_resume()
        self.show_status()

    @property
    def _profile_zone(self) -> str | None:
        return self.database_choice.time_zone if self.database_choice else None

    def action_zone(self) -> None:
        """Show times in the next zone, and remember it."""
        from gjobs.tui.dashboard.dialogs.dialog import Dialog

        zone = zone_after(self.dashboard.zone, self._profile_zone)
        self._memory.remember(lambda latest: replace(latest, zone=zone.choice))
        for screen in self.screen_stack:
            if isinstance(screen, DashboardScreen | Dialog):
                screen.show_zone(zone)
        self.show_status()
        show_message(self, f"Times are in {zone.name}.")

    def action_messages(self) -> None:
        from gjobs.tui.dashboard.features.messages import MessagesDialog

        self.messages.clear_passing()
        self.push_screen(MessagesDialog(self))

    def action_help(self) -> None:
        """Open the manual at the page of the screen, or close it."""
        from gjobs.tui.dashboard.frame import help as key_help
        from gjobs.tui.dashboard.help.manual_dialog import ManualDialog

        screen = self.screen
        if isinstance(screen, ManualDialog):
            screen.action_leave()
        elif not isinstance(screen, _palette().Palette):
            topic, keys = key_help.topic_of(screen), key_help.screen_entries(screen)
            self.push_screen(ManualDialog(topic, keys=keys, all_keys=key_help.all_entries(self)))

    def action_present(self) -> None:
        self.push_screen(self.make_presenter())

    def make_presenter(self) -> "Presenter":
        from gjobs.tui.dashboard.presenter import Presenter

        return Presenter(self.dashboard)

    def copy_to_clipboard(self, text: str) -> None:
        """Copy the text that the user selected. Textual calls this."""
        copy_text(self, text, "Copied the selected text")

    def action_help_quit(self) -> None:
        """Name the key that quits here. Textual calls this for Ctrl+C if no text is selected. Otherwise, Ctrl+C copies
        the text.
        """
        takes_letters = self.screen is not self.dashboard or isinstance(self.focused, Input)
        quits = "app.quit_anywhere" if takes_letters else "app.quit"
        show_message(self, f"Press {key_of(self, quits)} to quit gjobs.")

    async def action_quit(self) -> None:
        self.tasks.leave()

    def action_suspend_process(self) -> None:
        """Return to the shell until it resumes gjobs, but not during a write, which would hold its locks.

        The user may already type for the shell. So a write that is nearly done is awaited, and the keys are dropped.
        """
        if not self.tasks.is_writing:
            self._suspend()
        elif self.screen is self.dashboard:
            self.run_worker(self._suspend_after_writes(), group=task_groups.SUSPENSION, exclusive=True)
        else:
            show_warning(
                self, "gjobs can't be suspended before the last change is confirmed. Press the key again then."
            )

    async def _suspend_after_writes(self) -> None:
        show_message(self, "gjobs is suspended as soon as the last change is confirmed.")
        with self.key_queue.dropping(SUSPENDING):
            await self.tasks.await_writes()
        self._suspend()

    def _suspend(self) -> None:
        try:
            with self.suspend():
                stop_until_resumed()
        except SuspendNotSupported:
            show_warning(self, "gjobs can be suspended only in a terminal.")
        else:
            self.poller.refresh()

    def panic(self, *renderables: object) -> None:  # noqa: ARG002
        """End the app without printing, because Textual would print a traceback."""
        self._exception = self._exception or RuntimeError("Textual ended the dashboard.")
        self._fatal_error()

    def _fatal_error(self) -> None:
        """End the app. Textual would print a traceback with local variables, which may be secrets."""
        self.mistake = self._exception
        log.critical("The dashboard ended because of an internal error.", exc_info=self.mistake)
        self.settled.set()
        self._close_messages_no_wait()

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:  # noqa: ARG002
        """Return an SVG picture without a title."""
        return appearance.screen_svg(self)
