"""GjobsApp: wires session poller, screen and actions."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, assert_never
from uuid import UUID

from textual import events, on, work
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Input

from store.formats import utc_now
from store.poller import DEFAULT_INTERVAL, Attention
from store.users.actor import actor_name
from tui.dashboard import action_host, appearance
from tui.dashboard.action_host import BackgroundTasks, UndoStack
from tui.dashboard.budgets.budgets_panel import BudgetNews
from tui.dashboard.job_list.filter_bar import FilterBar
from tui.dashboard.job_list.jobs_panel import JobsPanel
from tui.dashboard.keys.bindings import APP_BINDINGS
from tui.dashboard.memory import ObservedHistories, RememberedState, project_to_show
from tui.dashboard.messages import (
    AnswerDelayed,
    Connected,
    Connecting,
    CopyJsonRequested,
    HistoryRequested,
    IntervalChanged,
    ListPolled,
    ListPollFailed,
    TotalsPolled,
    TotalsPollFailed,
)
from tui.dashboard.screen import DashboardScreen
from tui.dashboard.session_poller import Opener, SessionPoller
from tui.dashboard.setup import DashboardSetup, DatabaseChoice
from tui.dashboard.status_line import color_of, connection_status
from tui.dashboard.widgets import show_toast
from tui.text.error_text import Toast

if TYPE_CHECKING:
    from store.configuration.saved_views import KnownViews
    from store.store import Store
    from tui.dashboard.notifications import Notices
    from tui.dashboard.users.acting_user import DeletedUserCheck

log = logging.getLogger(__name__)


class GjobsApp(App[int]):
    TITLE = "gjobs"
    CSS = appearance.CSS
    COMMANDS = App.COMMANDS | {
        lambda: __import__("tui.dashboard.keys.palette", fromlist=["DashboardCommands"]).DashboardCommands,
        lambda: __import__("tui.dashboard.keys.palette", fromlist=["ProjectCommands"]).ProjectCommands,
        lambda: __import__("tui.dashboard.keys.palette", fromlist=["DatabaseCommands"]).DatabaseCommands,
        lambda: __import__("tui.dashboard.keys.palette", fromlist=["ViewCommands"]).ViewCommands,
        lambda: __import__("tui.dashboard.keys.palette", fromlist=["RetentionCommands"]).RetentionCommands,
    }
    BINDINGS: ClassVar[list[BindingType]] = APP_BINDINGS

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
        self.destinations = self._setup.destinations
        self.destination = next(iter(self.destinations), None)
        """What is looked at, or being opened; None where it stands alone."""
        self._frame_color = self.destination.color if self.destination else None
        self._is_writing = False
        super().__init__()
        self._memory = RememberedState(state_path)
        self._clock = clock
        self.background_tasks = BackgroundTasks(self)
        self.undo = UndoStack()
        self._notices: Notices | None = None
        """None where nothing is to be told of what ends out of sight."""
        self.budget_news = BudgetNews()
        self._observations = ObservedHistories()
        self.connection = SessionPoller(opener, tell=self.post_message, interval=interval, clock=clock)
        current_status = connection_status(self.connection, self.destination)
        self.sub_title = current_status.database or ""
        self.dashboard = DashboardScreen(clock=clock, current_status=current_status)
        self.settled = asyncio.Event()
        """Set when there is something to see: a first look, or a reason why there is none."""
        self.mistake: BaseException | None = None
        """The error of our own that ended the app; None while all is well."""
        self.set_keymap({**self._setup.keymap})
        theme = self._setup.theme or self._memory.theme
        if theme in self.available_themes:
            self.theme = theme

    @cached_property
    def views(self) -> "KnownViews":
        from store.configuration.saved_views import KnownViews

        return KnownViews(self._setup.views, self._setup.views_directory)

    @cached_property
    def _deleted_user_check(self) -> "DeletedUserCheck":
        from tui.dashboard.users.acting_user import DeletedUserCheck

        return DeletedUserCheck(self)

    def get_default_screen(self) -> DashboardScreen:
        """Not pushed over Textual's own, which would be laid out and drawn before it."""
        return self.dashboard

    def on_ready(self) -> None:
        if self._setup.theme is None:
            self.theme_changed_signal.subscribe(self, lambda theme: self._memory.remember_theme(theme.name))
        if self._setup.notice:
            show_toast(self, Toast(text=self._setup.notice, severity="warning"))
        self.dashboard.jobs.view_name_for = lambda text, order: self.views.view_name_for(text, order)
        self._connect()

    def _settle(self) -> None:
        if not self.settled.is_set():
            self.settled.set()
            self.run_worker(action_host.preload(self), group="later")

    def _settle_after_layout(self) -> None:
        if not self.settled.is_set() and self.dashboard.has_all:
            self._settle()

    async def on_unmount(self) -> None:
        await self.connection.close()

    # From the connection to the dashboard

    @work(group="connect", exclusive=True)
    async def _connect(self) -> None:
        await self._open()

    async def _open(self) -> None:
        session = await self.connection.open()
        self.act_as(session.store)
        self.run_worker(self.connection.follow_changes(), group="changes", exclusive=True)

    @work(group="connect", exclusive=True)
    async def switch_to(self, destination: DatabaseChoice) -> None:
        """Another database: nothing of the former one stays, but what is being written there is answered first."""
        if self.background_tasks.is_writing:
            show_toast(self, Toast(text="Going there as soon as the last change is answered."))
            await self.background_tasks.writes_end()
        self.background_tasks.close_questions()
        self.undo.forget_all()
        for group in ("feed", "numbers", "changes", "names", "filter", "users", "gone user", "notices"):
            self.workers.cancel_group(self, group)
        former, self.destination = self.connection, destination
        self.connection = SessionPoller(
            destination.opener, tell=self.post_message, interval=destination.interval, clock=self._clock
        )
        self.dashboard.reset()
        self.show_status()
        # By itself, so that who goes on to yet another database does not stop it halfway.
        await self.run_worker(former.close(), group="closing").wait()
        await self._open()

    def act_as(self, store: "Store", *, with_visibility: bool = False) -> None:
        """Changes the eyes: what the former ones saw leaves the screen first, but the lens stays on its project."""
        shown = self.dashboard.shown_project
        self.dashboard.forget()
        self.budget_news = BudgetNews()
        project_id = self._memory.project(self._place(store))
        if with_visibility:
            project_id = shown.id if shown else None
            self.dashboard.jobs.add_project_name(shown, with_visibility=True)
        # What is typed to find, and in which order, is the person's, whatever the eyes.
        listed = replace(self.dashboard.listed, project_id=project_id, status=None)
        self.dashboard.set_query(listed, with_visibility=with_visibility)
        listing, counting = self.connection.act_as(store, self.dashboard.listing_query, self.dashboard.totals_query)
        self.show_status()
        self.run_worker(listing, group="feed", exclusive=True)
        self.run_worker(counting, group="numbers", exclusive=True)
        self._start_notices(store)

    def _start_notices(self, store: "Store") -> None:
        if self._setup.notifications is None:
            return
        from tui.dashboard.notifications import Notices

        self._notices = self._notices or Notices(self, self._setup.notifications)
        self.run_worker(self._notices.follow(store), group="notices", exclusive=True)

    @on(Connecting)
    def _connecting(self) -> None:
        self.dashboard.show_progress(self.connection.progress)

    @on(Connected)
    def _connected(self, message: Connected) -> None:
        from tui.dashboard.databases import opened_by

        message.session.access.opened_by = opened_by(self)
        self.show_status()

    @on(AnswerDelayed)
    @on(IntervalChanged)
    def _interval_changed(self) -> None:
        self.show_status()

    @on(ListPolled)
    def _list_polled(self, message: ListPolled) -> None:
        listing, dashboard = message.listing, self.dashboard
        if message.store is not self.connection.store:
            return
        if message.is_changed:
            self._observations.add_poll(message.store, listing)
        if listing.query != dashboard.listing_query:
            return
        place = self._place(message.store)
        listed, with_visibility = listing.query.window.listed, listing.query.with_visibility
        all_was_chosen = self._memory.knows(place) or with_visibility
        wanted = project_to_show(listing, all_was_chosen=all_was_chosen, was_located=dashboard.knows_project)
        if wanted != listed.project_id:
            if listed.project_id is not None:
                show_toast(self, Toast(text="The project is gone, or hidden: another is shown.", severity="warning"))
            self._memory.remember_project(place, wanted)
            dashboard.set_query(replace(listed, project_id=wanted), with_visibility=with_visibility)
            self._ask()
            return
        if message.is_changed:
            dashboard.show(listing, message.fetched_at)
        else:
            dashboard.show_again(listing, message.fetched_at)
        self._settle_after_layout()
        self._deleted_user_check.seen(message.store, listing)
        self.show_status()
        if self.undo.cascading_tables is None:
            self.run_worker(self.undo.load_cascading_tables(message.store), group="following", exclusive=True)

    @on(TotalsPolled)
    def _totals_polled(self, message: TotalsPolled) -> None:
        if message.store is self.connection.store:
            self.dashboard.show_totals(message.totals)
            self.budget_news.tell(self, message.totals.budgets or ())
            self._settle_after_layout()

    @on(TotalsPollFailed)
    def _totals_poll_failed(self, message: TotalsPollFailed) -> None:
        if message.store is self.connection.store:
            self.dashboard.show_no_totals(message.error)
            self._settle()

    @on(ListPollFailed)
    def _list_poll_failed(self, message: ListPollFailed) -> None:
        if message is self.connection.failure:
            self.dashboard.show_failure(message)
            self.show_status()
            self._settle()

    def show_status(self) -> None:
        current_status = connection_status(self.connection, self.destination, visibility=self.dashboard.visibility_note)
        self.sub_title = current_status.database or ""
        self._show_frame(color_of(self.connection.session, self.destination), writing=current_status.permit is not None)
        self.dashboard.show_standing(current_status)

    def _show_frame(self, color: str | None, *, writing: bool) -> None:
        if (color, writing) != (self._frame_color, self._is_writing):
            self._frame_color, self._is_writing = color, writing
            self.refresh_css(animate=False)

    @on(DashboardScreen.WritePermitEnded)
    def _permit_ended(self) -> None:
        from tui.dashboard.databases import ENDED

        self.show_status()
        show_toast(self, Toast(text=ENDED))

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        return {**variables, **appearance.frame_variables(self._frame_color, variables, writing=self._is_writing)}

    def _place(self, store: "Store") -> str:
        """Where a project is remembered: the profile, or else the database, and the eyes."""
        session = self.connection.session
        name = "" if session is None else session.profile.name if session.profile else session.label
        return f"{name} as {actor_name(store.actor)}"

    # From the dashboard to the store

    @on(DashboardScreen.QueryChanged)
    def _ask(self) -> None:
        self.connection.ask(self.dashboard.listing_query, self.dashboard.totals_query)
        self.show_status()

    @on(DashboardScreen.ProjectChosen)
    def _remember_project(self) -> None:
        if self.connection.store is not None:
            self._memory.remember_project(self._place(self.connection.store), self.dashboard.listed.project_id)

    @on(DashboardScreen.JobActionRequested)
    def _act(self, message: DashboardScreen.JobActionRequested) -> None:
        from tui.dashboard.action_context import context_for
        from tui.dashboard.databases import may_write
        from tui.dashboard.job_actions.job_actions import JobActions

        if (context := context_for(self, message.action)) and may_write(self):
            JobActions(self, self.background_tasks, context).act(
                message.action, message.jobs, self.dashboard.listed.project_id
            )

    @on(JobsPanel.FilterRequested)
    def _filter_requested(self, message: JobsPanel.FilterRequested) -> None:
        from tui.dashboard.job_list.list_actions import weigh

        if message.is_forced or not message.job_filter:
            self.workers.cancel_group(self, "filter")
            self.dashboard.ask(replace(self.dashboard.listed, job_filter=message.job_filter))
        else:
            self.run_worker(weigh(self, message.job_filter), group="filter", exclusive=True)

    @on(JobsPanel.OrderRequested)
    def _order_requested(self, message: JobsPanel.OrderRequested) -> None:
        from tui.dashboard.job_list.list_actions import order_by

        self.run_worker(order_by(self, message.order), group="order", exclusive=True)

    @on(FilterBar.UsersRequested)
    def _users_requested(self) -> None:
        from tui.dashboard.job_list.list_actions import tell_users

        self.run_worker(tell_users(self), group="users", exclusive=True)

    @on(JobsPanel.IdRequested)
    def _open_by_id(self, message: JobsPanel.IdRequested) -> None:
        from tui.dashboard.navigation import open_by_id

        self.background_tasks.ask(open_by_id(self, message.text))

    @on(CopyJsonRequested)
    def _copy_json(self, message: CopyJsonRequested) -> None:
        from tui.dashboard.job_details import copy_whole_json

        if (store := self.connection.store) is not None:
            self.run_worker(copy_whole_json(self, store, message.jobs), group="copy", exclusive=True)

    @on(DashboardScreen.DetailsOpened)
    def _details_opened(self, message: DashboardScreen.DetailsOpened) -> None:
        from tui.dashboard.job_details import tell_names

        self.run_worker(tell_names(self.connection, message.details), group="names", exclusive=True)

    @on(HistoryRequested)
    def _show_history(self, message: HistoryRequested) -> None:
        from tui.dashboard.job_details import tell_history

        if (store := self.connection.store) is not None:
            told = tell_history(store, self._observations, message.details)
            self.run_worker(told, group="history", exclusive=True)

    @on(DashboardScreen.ActionRequested)
    def _run_action(self, message: DashboardScreen.ActionRequested) -> None:
        from tui.dashboard.action_context import context_for
        from tui.dashboard.archive.archive_dialog import show_archive
        from tui.dashboard.archive.cleanup_dialog import clean_up
        from tui.dashboard.budgets.budget_actions import show_budgets
        from tui.dashboard.databases import may_write
        from tui.dashboard.job_actions.job_actions import JobActions
        from tui.dashboard.job_list.list_actions import choose_all_matching, count_exactly
        from tui.dashboard.projects.project_actions import create_project, pick_project

        action_name, context = message.action_name, context_for(self, message.action_name)
        if context is None or (action_name in ("new_project", "undo", "clean_up") and not may_write(self)):
            return
        match action_name:
            case "all":
                self.background_tasks.ask(choose_all_matching(self, context))
            case "project":
                self.background_tasks.ask(pick_project(self, context.projects))
            case "new_project":
                self.background_tasks.ask(create_project(self, context))
            case "exact":
                self.background_tasks.ask(count_exactly(self, context))
            case "budgets":
                self.background_tasks.ask(show_budgets(self, context))
            case "archive":
                self.background_tasks.ask(show_archive(self, context))
            case "clean_up":
                self.background_tasks.ask(clean_up(self, context))
            case "undo":
                JobActions(self, self.background_tasks, context).undo()
            case _:
                assert_never(action_name)

    def changed(self, job_ids: Iterable[UUID]) -> None:
        """After each write, with the ids of its jobs, so that list and costs follow at once."""
        if not self.dashboard.query(JobsPanel):
            return  # What was written was still answered, and the screen has gone by then.
        self.dashboard.jobs.clear_chosen()
        self.dashboard.expect_removal(job_ids)
        self.connection.refresh()

    # Whether somebody is there

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            self.connection.touch()
        await super().on_event(event)

    @on(events.AppFocus)
    def _terminal_focused(self) -> None:
        self.connection.attention = Attention.FOCUSED
        if self._notices is not None:
            self._notices.notifier.come_back()

    @on(events.AppBlur)
    def _terminal_unfocused(self) -> None:
        self.connection.attention = Attention.UNFOCUSED
        if self._notices is not None:
            self._notices.notifier.leave()

    # The App's own keys

    def on_key(self, event: events.Key) -> None:
        """What was typed before a field had the focus, and arrives after it has: a field lets no other letter pass."""
        field = self.focused
        if isinstance(field, Input) and event.is_printable and event.character:
            event.prevent_default()
            field.insert_text_at_cursor(event.character)

    def action_pick_eyes(self) -> None:
        """Where these eyes are refused everything others may still see, so this needs no look."""
        from tui.dashboard.users.acting_user import pick_acting_user

        self.background_tasks.ask(pick_acting_user(self))

    def action_lens(self) -> None:
        from tui.dashboard.users.acting_user import toggle_visibility

        toggle_visibility(self)

    def action_write(self) -> None:
        from tui.dashboard.databases import toggle_write_permit

        self.background_tasks.ask(toggle_write_permit(self))

    def action_isolation(self) -> None:
        from tui.dashboard.users.isolation_dialog import show_isolation

        self.background_tasks.ask(show_isolation(self))

    def action_times(self) -> None:
        from tui.dashboard.statistics.timings_dialog import show_timings

        self.background_tasks.ask(show_timings(self))

    def action_workers(self) -> None:
        from tui.dashboard.workers.workers_dialog import show_workers

        self.background_tasks.ask(show_workers(self))

    def action_pick_database(self) -> None:
        from tui.dashboard.databases import pick_database

        self.background_tasks.ask(pick_database(self))

    def action_refresh(self) -> None:
        self.connection.refresh()

    def action_pause(self) -> None:
        self.connection.pause_or_resume()
        self.show_status()

    def action_faster(self) -> None:
        from tui.dashboard.databases import step_interval

        step_interval(self, -1)

    def action_slower(self) -> None:
        from tui.dashboard.databases import step_interval

        step_interval(self, 1)

    def action_load(self) -> None:
        from tui.dashboard.databases import tell_load

        tell_load(self)

    def action_help(self) -> None:
        if self.screen is self.dashboard:
            from tui.dashboard.keys.help import HelpDialog, help_entries

            self.push_screen(HelpDialog(help_entries(self)))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The choice of a theme; what else Textual offers, the dashboard has in its own way."""
        return (command for command in super().get_system_commands(screen) if command.title == "Theme")

    async def action_quit(self) -> None:
        self.background_tasks.leave()

    def _fatal_error(self) -> None:
        """Textual's own prints a traceback with the values of local variables, which may be secrets."""
        self.mistake = self._exception
        log.critical("The dashboard ended by a mistake of its own.", exc_info=self.mistake)
        self.settled.set()
        self._close_messages_no_wait()

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:  # noqa: ARG002
        """An SVG picture; it has no title."""
        from tui.dashboard.appearance import screen_svg

        return screen_svg(self)
