"""GjobsApp connects session poller, screen and actions."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import RenderableType
from textual import events, on
from textual._compositor import ChopsUpdate
from textual.actions import ActionParseResult
from textual.app import SuspendNotSupported
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.errors import NoWidget
from textual.screen import Screen
from textual.theme import Theme, ThemeProvider
from textual.widgets import Input

from gjobs.store.capabilities.capability import Capability
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.system.async_tools import abandon_lookups, wait_for_imports
from gjobs.store.users.actor import ANON, ActingUser
from gjobs.tui import startup
from gjobs.tui.dashboard.actions.action_host import DELETED_USER, NOTICES, ROW_NOTES, ActionHost, preload
from gjobs.tui.dashboard.actions.key_queue import SUSPENDING
from gjobs.tui.dashboard.bindings import APP_BINDINGS, DIALOG, KEYS, Key, Trait, inherited_bindings, key_of
from gjobs.tui.dashboard.list.job_table import JobTable
from gjobs.tui.dashboard.panels.dashboard_state import ProjectChosen, QueryChanged, WritePermitEnded, project_to_show
from gjobs.tui.dashboard.panels.footer import show_moment_keys
from gjobs.tui.dashboard.panels.screen import DashboardScreen
from gjobs.tui.dashboard.panels.status_line import PERMIT_ENDED
from gjobs.tui.dashboard.panels.tour import TourStep
from gjobs.tui.dashboard.session.session_poller import (
    Connecting,
    ListPolled,
    ListPollFailed,
    PaceChanged,
    PollEvent,
    TotalsPolled,
    TotalsPollFailed,
)
from gjobs.tui.dashboard.session.setup import DatabaseChoice
from gjobs.tui.dashboard.terminal import appearance
from gjobs.tui.dashboard.terminal.clipboard import copy_text
from gjobs.tui.dashboard.terminal.terminal_input import PasteUnfinished, stop_until_resumed
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.dashboard.widgets.widgets import ClosesOnce, Request
from gjobs.tui.text.format import zone_after
from gjobs.tui.text.status_text import JobAction

if TYPE_CHECKING:
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.dialogs.pick import Choice
    from gjobs.tui.dashboard.features.messages import Notices
    from gjobs.tui.dashboard.features.row_notes import RowNotesReader
    from gjobs.tui.dashboard.presenter import Presenter


log = logging.getLogger(__name__)


def _palette() -> ModuleType:
    """Import the palette only when it opens."""
    from gjobs.tui.dashboard.frame import palette

    return palette


class GjobsApp(ActionHost):
    TITLE = "gjobs"
    COMMANDS = {lambda: _palette().Commands}  # noqa: RUF012 - Textual's annotation
    BINDINGS: ClassVar[list[BindingType]] = [*APP_BINDINGS]

    _notices: "Notices | None" = None
    """None if notifications are off."""

    @cached_property
    def row_notes(self) -> "RowNotesReader":
        from gjobs.tui.dashboard.features.row_notes import RowNotesReader

        return RowNotesReader(self)

    def on_ready(self) -> None:
        abandon_lookups()
        if self._setup.configuration.theme is None:
            self.theme_changed_signal.subscribe(self, self._remember_theme)
        if self._setup.configuration.warning:
            show_warning(self, self._setup.configuration.warning)
        self.dashboard.jobs.bar.read_users = self.read_users
        self.dashboard.jobs.view_name_for = lambda text, order: self.views.view_name_for(text, order)
        if self.database_choices.may_ask:
            self.tasks.ask(self._choose_first())
        else:
            self._connect()

    def _remember_theme(self, theme: Theme) -> None:
        self._memory.remember(lambda latest: replace(latest, theme=theme.name))

    async def _choose_first(self) -> None:
        """Open the sample database. If the app around the current directory names databases, ask first."""

        async def ask(*question: Any) -> "Choice[DatabaseChoice | None] | None":
            from gjobs.tui.dashboard.features.databases import ask_first

            return await ask_first(self, *question)

        choice = await self.database_choices.choose_first(ask)
        self.database_choices.is_choosing = False
        self.show_status()
        if unusable := self.database_choices.unusable:
            show_warning(self, unusable)
        if choice is None:
            self._connect()
        else:
            self.switch_to(choice)

    def _settle(self) -> None:
        if not self.settled.is_set():
            self.settled.set()
            self.run_worker(self._load_the_rest(), group="later")

    async def _load_the_rest(self) -> None:
        """Load the rest. Garbage collection resumes only afterwards, because these objects stay in memory."""
        self.read_views()
        filter_bar = self.dashboard.jobs.bar
        await preload()
        # A snapshot may have ended meanwhile, and removed the widgets.
        if filter_bar.is_running:
            filter_bar.build_hidden_parts()
        startup.resume_gc()
        self._is_preloaded = True
        self._read_row_notes()
        await self.database_choices.find()  # So that the user can switch to them.

    def _read_row_notes(self) -> None:
        """Read the owners and stuck jobs of the rows, unless a reading is already in progress."""
        is_reading = any(one.group == ROW_NOTES and not one.is_finished for one in self.workers)
        if not is_reading and self.row_notes.is_needed:
            # Pass a function: a worker that is cancelled before its first step would never await a coroutine.
            self.run_worker(self.row_notes.read, group=ROW_NOTES)  # type: ignore[arg-type]

    def exit(self, result: int | None = None, return_code: int = 0, message: "RenderableType | None" = None) -> None:
        self.key_queue.close()  # The rules of waiting keys need widgets that are being removed.
        super().exit(result, return_code, message)

    async def on_unmount(self) -> None:
        self.key_queue.close()
        await self.poller.close()

    # From the poller to the dashboard

    def follow(self, store: "Store") -> None:
        super().follow(store)
        if self.dashboard.listing_query.moment is not None:
            self.workers.cancel_group(self, NOTICES)
        elif self._setup.configuration.notifications is not None:
            from gjobs.tui.dashboard.features.messages import Notices

            self._notices = self._notices or Notices(self, self._setup.configuration.notifications)
            self.run_worker(self._notices.follow(store), group=NOTICES, exclusive=True)

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
        actor, capabilities = message.store.actor, message.store.capability_cache.latest
        if result.is_changed and capabilities and capabilities.missing(Capability.MIGRATED, actor):
            self.observed.add_poll(listing.window.jobs, at=listing.taken_at)
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
        dashboard.jobs.may_create_projects = actor != ANON
        dashboard.show(listing, result.fetched_at, is_changed=result.is_changed)
        self.call_after_refresh(self.poller.is_shown.set)
        dashboard.jobs.changes.settle(result.requested_at)
        if dashboard.has_all:
            self._settle()
        session = self.poller.session
        may_write = (session is None or session.access.may_write) and actor != ANON
        self.tour.follow_list(may_write=may_write, has_projects=bool(listing.projects))
        saw_nothing, is_empty = self._sees_nothing, not (listing.projects or listing.window.jobs)
        self._sees_nothing = isinstance(actor, ActingUser) and listed == ListQuery() and is_empty
        if isinstance(actor, ActingUser) and self._sees_nothing and not saw_nothing:
            from gjobs.tui.dashboard.features.navigation import report_if_deleted

            self.run_worker(report_if_deleted(self, message.store, actor), group=DELETED_USER)
        self.show_status()
        if self._is_preloaded:
            self._read_row_notes()
        if self.undo.cascading_tables is None:
            self.run_worker(self.undo.load_cascading_tables(message.store), group="following", exclusive=True)

    @on(TotalsPolled)
    def _totals_polled(self, message: TotalsPolled) -> None:
        if message.store is self.poller.store:
            self.dashboard.show_totals(message.totals, is_complete=message.is_complete)
            if self._is_preloaded and self.poller.is_idle:
                self._read_row_notes()
            self.budget_alerts.report(self, message.totals.budgets or ())
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

    @on(WritePermitEnded)
    def _write_permit_ended(self) -> None:
        self.show_status()
        show_message(self, PERMIT_ENDED)

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

    def change_jobs(self, action: JobAction, jobs: tuple[GenerationJob, ...]) -> None:
        from gjobs.tui.dashboard import key_functions

        key_functions.change_jobs(self, action, jobs)

    @on(Request)
    async def _answer(self, request: Request) -> None:
        await wait_for_imports()
        from gjobs.tui.dashboard import key_functions

        key_functions.answer(self, request)

    # Activity of the user

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            self.poller.touch()
        if isinstance(event, (events.InputEvent, events.Paste, PollEvent)) and self.key_queue.is_closed:
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
        self.poller.note_focus(is_focused=is_focused)
        if self._notices is not None:
            self._notices.note_focus(is_focused=is_focused)

    # Keys of the App

    async def run_action(
        self,
        action: "str | ActionParseResult",
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        bindings = inherited_bindings(type(default_namespace or self))
        if any(self._opens_dialog(one) for one in bindings if isinstance(one, Key) and one.action == action):
            self.key_queue.expect_dialog()
        return await super().run_action(action, default_namespace, namespaces)

    def _opens_dialog(self, key: Key) -> bool:
        """Return whether the key opens a dialog unless it is refused."""
        if Trait.SEVERAL in key.traits:
            return len(self.dashboard.jobs.selected) > 1
        if key.id == "app.lens" and (store := self.poller.store) is not None:
            return not isinstance(store.actor, ActingUser)
        if key.id == "app.write" and (session := self.poller.session) is not None:
            return session.access.permit is None
        return DIALOG in key.traits

    def _display(self, screen: Screen[Any], renderable: "RenderableType | None") -> None:
        """Report to the job table which of its lines the terminal has got. Textual 8.2.8 reports this nowhere else."""
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
        from gjobs.tui.dashboard.frame.help import ManualDialog, all_entries, screen_entries, topic_of

        screen = self.screen
        if isinstance(screen, ManualDialog):
            screen.action_leave()
        elif not isinstance(screen, _palette().Palette):
            dialog = ManualDialog(topic_of(screen), keys=screen_entries(screen), all_keys=all_entries(self))
            self.push_screen(dialog)

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
            self.run_worker(self._suspend_after_writes(), group="suspension", exclusive=True)
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
        """End the app. Textual 8.2.8 would print a traceback with local variables, which may be secrets."""
        self.internal_error = self._exception
        log.critical("The dashboard ended because of an internal error.", exc_info=self.internal_error)
        self.settled.set()
        self._close_messages_no_wait()

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:  # noqa: ARG002
        """Return an SVG picture without a title."""
        return appearance.screen_svg(self)
