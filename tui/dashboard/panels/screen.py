"""The dashboard screen: panels and the current query."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

from gjobs.store.errors import StoreError
from gjobs.store.job_list.list_query import Listing, ListingQuery, ListQuery, RowWindowQuery
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.statistics.statistics import Totals
from gjobs.store.values.formats import id_range
from gjobs.tui import startup
from gjobs.tui.dashboard.bindings import DASHBOARD_BINDINGS, KEYS, key_of
from gjobs.tui.dashboard.details.details_pane import DetailsPane, ShownJob
from gjobs.tui.dashboard.list.job_table import CursorMoved, Opened, RowsRequested
from gjobs.tui.dashboard.list.jobs_panel import JobsPanel
from gjobs.tui.dashboard.list.list_header import TABS, hiding_lines, no_totals, refused_words
from gjobs.tui.dashboard.panels import footer
from gjobs.tui.dashboard.panels.costs_panel import NO_NOTE, CostsPanel
from gjobs.tui.dashboard.panels.dashboard_state import (
    DashboardState,
    ProjectChosen,
    QueryChanged,
    TotalsCache,
    WritePermitEnded,
)
from gjobs.tui.dashboard.panels.project_list import ALL, BudgetsPanel, ProjectList, Sidebar
from gjobs.tui.dashboard.panels.status_line import Banner, ConnectionStatus, StatusLine, banner_content
from gjobs.tui.dashboard.session.session_poller import ListPollFailed
from gjobs.tui.dashboard.widgets.message_board import show_warning
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.format import PARTIAL_CLAIMS, ShownZone, Span
from gjobs.tui.text.status_text import JobAction

STILL_LOADING = "The list is still loading. Press the key again once the rows are there."
_DELAY_SECONDS = 0.3
"""Delay before the screen shows that it waits for an answer."""
_SAME_MOMENT = timedelta(seconds=1)
"""Totals are still current if the list changed within this time after they were read."""
_SMALLEST = Size(40, 8)
_WIDE = 100
"""The width from which the projects fit beside the jobs."""
_DETAILED = 160
"""The width from which the details of the job under the cursor fit beside the list."""


class DashboardScreen(DashboardState):
    """Shows lists and totals, and posts messages about what the user requests."""

    DEFAULT_CSS = """
    DashboardScreen {
        layers: base notice;
        overflow: hidden;

        #left { display: none; }
        &.-wide #left { display: block; }
        #details-pane { display: none; }
        &.-detailed #details-pane { display: block; }
        &.-low JobsPanel { border-subtitle-align: right; }
        #too-small { display: none; }
        &.-too-small #too-small {
            display: block;
            layer: notice;
            width: 100%;
            height: 100%;
            content-align: center middle;
            text-align: center;
            background: $background;
        }
    }
    """
    AUTO_FOCUS = "JobTable"
    BINDINGS: ClassVar[list[BindingType]] = [*DASHBOARD_BINDINGS]

    _is_pane_due = False
    """Whether the pane follows the cursor after the next frame."""

    def compose(self) -> ComposeResult:
        self._fit(self.app.size)
        yield StatusLine(id="status")
        yield Banner(id="banner")
        with Horizontal(id="main"):
            yield Sidebar(id="left", screen_width=self.app.size.width)
            with Vertical(id="right"):
                yield CostsPanel(id="costs", screen_size=self.app.size)
                with Horizontal(id="listing"):
                    yield JobsPanel(id="jobs-panel")
                    yield DetailsPane(
                        id="details-pane", screen_width=self.app.size.width, load_details=self._load_details
                    )
        yield footer.MessageLine(screen_size=self.app.size)
        yield footer.KeyHints(id="keys")
        smallest = f"{_SMALLEST.width} × {_SMALLEST.height}"
        yield Static(f"The terminal is too small. gjobs needs {smallest}.", id="too-small", markup=False)

    def on_mount(self) -> None:
        self._update_ages()
        self.set_interval(1.0, self._tick)

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size)
        sidebar = self.query_one(Sidebar)
        sidebar.fit(event.size.width)
        if sidebar.has_focus_within and not self.has_class("-wide"):
            self.set_focus(self.jobs.table)
        self.query_one(CostsPanel).fit(event.size)
        self.query_one(footer.MessageLine).fit(event.size)
        # The title names the project only where no sidebar does. The list itself may keep its size.
        self.jobs.show_title()
        self._show_costs()
        self._pane.fit(event.size.width)
        self._show_pane()
        self._tour.follow()

    def on_screen_resume(self) -> None:
        self.query_one(footer.KeyHints).follow()

    def on_screen_suspend(self) -> None:
        self.query_one(footer.MessageLine).follow()

    @on(JobsPanel.NotesChanged)
    def _notes_changed(self, event: JobsPanel.NotesChanged) -> None:
        self.query_one(footer.MessageLine).leave_room_for(event.notes)
        self.query_one(footer.KeyHints).follow()

    def _fit(self, size: Size) -> None:
        """Set the classes before the layout. Textual's breakpoints come after it and would cause a second drawing."""
        self.set_class(size.width >= _WIDE, "-wide")
        self.set_class(size.width >= _DETAILED, "-detailed")
        self.set_class(size.height < footer.OWN_LINE_FROM, "-low")
        self.set_class(size.width < _SMALLEST.width or size.height < _SMALLEST.height, "-too-small")

    @property
    def _pane(self) -> DetailsPane:
        return self.query_one(DetailsPane)

    @property
    def is_loading_details(self) -> bool:
        """Whether the details pane is on screen and still incomplete."""
        return self.has_class("-detailed") and self._pane.is_loading

    # Input

    def show(self, listing: Listing, fetched_at: datetime, *, is_changed: bool) -> None:
        """Show a listing that answers `listing_query`. Its age is shown with the status, and is all that is different
        in an unchanged listing.
        """
        if self.listing is None:
            self.set_timer(_DELAY_SECONDS, self._show_counting)
        was_lost = self._failure is not None
        self.listing, self._fetched_at, self._failure = listing, fetched_at, None
        self._server_clock_offset = listing.taken_at - fetched_at
        self._pane.read_again(was_lost=was_lost)
        if self.details is not None:
            self.details.read_again(was_lost=was_lost)
        if is_changed:
            self._changed_at = listing.taken_at
            if self._totals is None or self._totals.query != self.totals_query:
                # Use the best known totals of the query until they are counted again.
                self._totals = self._totals_cache.best_totals(self.totals_query) or self._totals
            self.jobs.show(listing, self._totals, now=self.now)
            self.query_one(footer.KeyHints).follow()
            self._show_projects()
            self._show_costs()
        self.navigation.arrive(listing)
        if is_changed:
            self.data_signal.publish(None)

    def show_totals(self, totals: Totals, *, is_complete: bool = True) -> None:
        """Show the totals. Totals of another query are only kept for later. After incomplete totals, the same totals
        come again with the flow.
        """
        totals = self._totals_cache.keep(totals)
        if totals.query != self.totals_query:
            return
        self._totals = totals
        self._has_complete_totals |= is_complete
        self.jobs.show_totals(totals)
        self._show_projects()
        self._show_costs()
        self._update_ages()
        self.data_signal.publish(None)

    def show_no_totals(self, error: StoreError) -> None:
        """Keep totals that are already shown, because their age is shown beside them. Otherwise show why there are
        none.
        """
        if self._totals is None:
            self._failed_totals_query = self.totals_query
            why = no_totals(self._visibility) or f"Not counted: {clean(error.message, limit=400)}"
            self.query_one(CostsPanel).explain(why, of_what=self._counted_project())

    def show_failure(self, failure: ListPollFailed) -> None:
        self._failure = failure
        self.jobs.table.stop_waiting()
        if self.listing is None:
            self.jobs.forget("No data yet.")
        self._update_ages()

    def show_status(self, status: ConnectionStatus) -> None:
        self._status = status
        mark = PARTIAL_CLAIMS if status.has_partial_claims else ""
        for panel in (self.query_one(ProjectList), self.query_one(BudgetsPanel)):
            # Setting a subtitle draws the panel, even if it is the same.
            if panel.border_subtitle != (mark or None):
                panel.border_subtitle = mark or None
        self.jobs.mark(mark)
        self.query_one(footer.KeyHints).follow()
        self._update_ages()
        self.data_signal.publish(None)

    def forget(self) -> None:
        """Clear everything that another actor saw."""
        self.listing = self._failure = None
        self._fetched_at = self._changed_at = None
        self._forget_totals()
        self.navigation.forget()
        self.query_one(ProjectList).forget()
        self.query_one(CostsPanel).explain("")
        self.query_one(BudgetsPanel).forget()
        self.jobs.forget("Loading …")
        self._pane.forget()
        self._update_ages()
        self.data_signal.publish(None)

    def _forget_totals(self) -> None:
        self._totals = self._failed_totals_query = None
        self._has_complete_totals = False
        self._totals_cache = TotalsCache()

    def reset(self) -> None:
        """Clear the query and the data for another database."""
        self.listing_query = ListingQuery()
        self.set_query(ListQuery())
        self.jobs.leave_find()
        self.forget()

    def show_zone(self, zone: ShownZone) -> None:
        """Show all times in another zone."""
        self.zone = zone
        if self.is_attached:
            self._show_costs()
            self._update_ages()

    def show_moment(self, moment: datetime | None) -> None:
        """Request the same list as of a moment. When switching from one earlier moment to another, the old rows stay
        until the new ones arrive. Numbers never stay, because nothing beside them names their moment.

        Rows of an earlier moment are never on screen together with the present ones.
        """
        if moment is None or self.listing_query.moment is None:
            self.forget()
        else:
            self._forget_totals()
            self.jobs.show_totals(None)
            self._show_projects()
            self._pane.forget()
            self.query_one(CostsPanel).explain("Counting …", of_what=self._counted_project())
            self.data_signal.publish(None)
        self.listing_query = replace(self.listing_query, moment=moment)
        self.set_query(self.listed)

    def set_query(self, listed: ListQuery, *, compare_visibility: bool = False) -> None:
        """Set the query without posting a message."""
        window = RowWindowQuery(listed=listed)
        self.listing_query = replace(self.listing_query, window=window, with_visibility=compare_visibility)
        self.jobs.choose(listed, with_visibility=compare_visibility)

    # Requests of the user

    def choose_project(self, project_id: UUID | None) -> None:
        self.ask(replace(self.listed, project_id=project_id))
        self.post_message(ProjectChosen())
        self.jobs.table.focus()

    @on(ProjectList.OptionSelected, "#projects")
    def _project_chosen(self, event: ProjectList.OptionSelected) -> None:
        self.choose_project(None if event.option_id == ALL else UUID(event.option_id))

    def action_status(self, place: int) -> None:
        self.ask(replace(self.listed, status=TABS[place]))

    @on(RowsRequested)
    def _rows_requested(self, event: RowsRequested) -> None:
        """Request other rows of the same list. Do nothing if another list is requested: its answer includes rows."""
        if event.window.listed == self.listed:
            self.listing_query = replace(self.listing_query, window=event.window)
            self.post_message(QueryChanged())
            self.set_timer(_DELAY_SECONDS, self._show_waiting)

    def ask(self, listed: ListQuery, *, compare_visibility: bool | None = None) -> None:
        """Request a list. With None, the visibility view stays as it is."""
        if compare_visibility is None:
            compare_visibility = self.listing_query.with_visibility
        self.set_query(listed, compare_visibility=compare_visibility)
        self.navigation.give_up()
        self.post_message(QueryChanged())
        self.set_timer(_DELAY_SECONDS, self._show_waiting)

    def _show_waiting(self) -> None:
        is_awaited = not self._shows_current_query or bool(self.jobs.table.view.waiting)
        if self.listing is not None and is_awaited:
            self.jobs.wait()
        self._show_counting()

    def _show_counting(self) -> None:
        """Show that totals are being counted. They are counted only once there is a list."""
        totals, wanted = self._totals, self.totals_query
        if self.listing is None:
            return
        if self._failed_totals_query == wanted if totals is None else totals.query.project_id == wanted.project_id:
            return
        self._totals = None
        self.query_one(CostsPanel).explain("Counting …", of_what=self._counted_project())

    def action_act(self, name: str) -> None:
        if jobs := self.selected_jobs():
            self._change(JobAction(name), jobs)

    def _change(self, action: JobAction, jobs: tuple[GenerationJob, ...]) -> None:
        """Start the action, unless the acting user does not see all of the jobs."""
        visibility = self._visibility
        hidden = self._hidden_among(jobs)
        if visibility and hidden:
            key = key_of(self.app, "app.user")
            show_warning(self.app, refused_words(visibility, jobs, hidden, key=key))
        else:
            self._change_jobs(action, jobs)

    def selected_jobs(self) -> tuple[GenerationJob, ...]:
        """Return the job of the open details, or else the selected jobs. Without focus on the job list, or while it
        loads, show why there are none.
        """
        if (details := self.open_details) is not None:
            return (details.job,)
        if self.focused is not self.jobs.table:
            key = key_of(self.app, "app.next_pane")
            show_warning(self.app, f"This key acts on a job. Press {key} to go to the job list first.")
            return ()
        if self.awaits_list:
            show_warning(self.app, STILL_LOADING)
            return ()
        jobs = self.jobs.selected
        if not jobs:
            show_warning(self.app, "No job under the cursor. Move to a job first.")
        return jobs

    async def action_next_pane(self) -> None:
        """Go to the next pane. On a narrow screen, choose a project instead of going to the projects."""
        if self.has_class("-wide"):
            self.focus_next()
        else:
            await self.app.run_action(KEYS["project.pick"].action, self)

    def action_sort(self) -> None:
        self.jobs.sort_by_next()

    def action_reverse(self) -> None:
        self.jobs.reverse()

    def action_find(self) -> None:
        self.jobs.bar.open()

    def on_paste(self, event: events.Paste) -> None:
        """Find a pasted id. Other texts are ignored here."""
        if id_range(event.text) is not None:
            self.jobs.bar.set_text(event.text.strip())
            self.jobs.bar.open()

    @on(CursorMoved)
    def _follow_cursor(self) -> None:
        """Show the job in the pane one frame after the table, so that a held key stays as fast as without the pane."""
        self.query_one(footer.KeyHints).follow()
        if not self._is_pane_due:
            self._is_pane_due = True
            self.call_after_refresh(self._show_pane)

    def _show_pane(self) -> None:
        """Show the job under the cursor in the details pane. Request nothing if the pane is not shown."""
        self._is_pane_due = False
        # The table is gone while the app closes.
        if self.has_class("-detailed") and self.jobs.is_attached:
            job = self.jobs.table.cursor_job
            self._pane.show(None if job is None else self._shown(job))

    @on(Opened)
    async def _open(self, event: Opened) -> None:
        if self.is_current:
            await self.show_details_of(event.job, is_listed=True)

    async def show_details_of(self, job: GenerationJob, *, is_listed: bool) -> None:
        if self.open_details is not None:
            return  # Only one details screen at a time.
        from gjobs.tui.dashboard.details.job_details import JobDetails

        details = self.details = JobDetails(self._shown(job), self._load_details, is_listed=is_listed)

        def answered(action: JobAction | None) -> None:
            if action is not None:
                self._change(action, (details.job,))

        await self.app.push_screen(details, answered)

    def _shown(self, job: GenerationJob) -> ShownJob:
        return ShownJob(
            job=job,
            project=self.project_name(job.project_id),
            now=self.now,
            zone=self.zone.zone,
            moment=(self.listing.query if self.listing else self.listing_query).moment,
            hiding=hiding_lines(self._visibility) if self._visibility and self._is_hidden(job) else (),
            is_stuck=self.jobs.notes.is_stuck(job),
            is_read_only=self._status.read_only,
        )

    # Drawing

    def _show_projects(self) -> None:
        listing, totals = self.listing, self._totals
        if listing is None:
            return
        total = totals.count(None) if totals and totals.query.project_id is None else None
        self.query_one(ProjectList).show(
            listing.projects,
            listing.query.window.listed.project_id,
            totals=self.project_totals,
            everything=total,
        )

    def _show_costs(self) -> None:
        """Show the totals of the present actor, also in the visibility view. Never show another project's totals."""
        listing, totals = self.listing, self.totals
        if listing and totals:
            of_what, panel = self._counted_project(), self.query_one(CostsPanel)
            if totals.unknown_because:
                panel.explain(f"Not counted: {clean(totals.unknown_because, limit=400)}", of_what=of_what)
            else:
                jobs = (job for job in listing.window.jobs if job.id not in listing.hidden)
                panel.show(totals, of_what=of_what, note=self._budget_note(totals), jobs=jobs)
            room = self.query_one(Sidebar).room
            self.query_one(BudgetsPanel).show(totals, width=room, screen_height=self.size.height, zone=self.zone.zone)

    def _budget_note(self, totals: Totals) -> Span:
        """Return the budget note if there is no room for the budgets panel."""
        if self.has_class("-wide") or not totals.budgets:
            return NO_NOTE
        from gjobs.tui.text.budget_text import budget_note

        return budget_note(totals.budgets, project_id=totals.query.project_id)

    def _tick(self) -> None:
        if self._status.permit and self._status.permit.ends_at <= self._clock():
            self.post_message(WritePermitEnded())
        self.jobs.table.tick(self.now)
        self._update_ages()
        startup.collect_between_keys()

    def _update_ages(self) -> None:
        """Update all ages outside the table, including open details."""
        self._show_pane()
        if (details := self.open_details) is not None and self.listing is not None:
            job = self.jobs.job(details.job.id)
            details.show(self._shown(job or details.job), is_listed=job is not None)
        if self._totals is not None:
            seconds = (self.now - self._totals.taken_at).total_seconds()
            is_behind = self._changed_at is not None and self._changed_at - self._totals.taken_at > _SAME_MOMENT
            is_current = self._status.silent_since is None and not is_behind
            is_past = self.listing_query.moment is not None
            self.query_one(CostsPanel).show_age(seconds, is_current=is_current, is_past=is_past)
        data_age = None if self._fetched_at is None else (self._clock() - self._fetched_at).total_seconds()
        self.query_one(StatusLine).show(self._status, data_age=data_age, now=self._clock())
        self.query_one(Banner).show(self._banner_content(), is_caution=self._failure is None)

    def _banner_content(self) -> Content:
        if self._failure is not None:
            return banner_content(
                self._failure,
                data_from=self._fetched_at,
                is_paused=self._status.paused,
                now=self._clock(),
                refresh=key_of(self.app, "app.refresh"),
                zone=self.zone.zone,
            )
        cautions = (*(self.listing.cautions if self.listing else ()), self._status.caution)
        caution = " ".join(cautions).strip()
        return Content(f"! {clean(caution, limit=400)}") if caution else Content()
