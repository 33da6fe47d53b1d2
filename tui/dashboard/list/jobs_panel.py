"""Panel with status tabs, filter bar and table."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self
from uuid import UUID

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.message import Message

from gjobs.store.job_list.list_query import NEWEST_FIRST, Listing, ListOrder, ListQuery, OrderColumn, ProjectName
from gjobs.store.jobs.job import USUAL_MODES, AnyStatus, GenerationJob, Project
from gjobs.store.statistics.statistics import Count, Precision, Totals, TotalsQuery
from gjobs.store.values.formats import id_range
from gjobs.tui.dashboard import bindings
from gjobs.tui.dashboard.list import job_table, list_header
from gjobs.tui.dashboard.list.filter_bar import FilterBar
from gjobs.tui.dashboard.list.job_columns import RowNotes
from gjobs.tui.dashboard.list.loaded_rows import PendingChanges
from gjobs.tui.dashboard.widgets.message_board import show_warning
from gjobs.tui.dashboard.widgets.widgets import Request
from gjobs.tui.text.format import jobs_count, short_id
from gjobs.tui.text.status_text import count_words

if TYPE_CHECKING:
    from gjobs.store.configuration.saved_views import View
    from gjobs.store.filters.filter_syntax import CompletionValues


def list_length(listing: Listing, totals: Totals | None) -> Count | None:
    """Return the length of the list. Return None if it was not counted, or another list was counted."""
    if listing.visibility is not None:
        everything = listing.visibility.everything
        precision = Precision.CAPPED if everything.is_more else Precision.EXACT
        return Count(number=everything.number, precision=precision)
    listed = listing.query.window.listed
    if totals is None or totals.query.project_id != listed.project_id:
        return None
    if listed.job_filter:
        return totals.matching if totals.query == TotalsQuery.of_list(listed) else None
    return totals.count(listed.status)


_COLUMNS = tuple(OrderColumn)
_TITLE_EDGES = 4
"""Cells of the border beside a title, without the corners."""


class JobsPanel(Vertical):
    DEFAULT_CSS = """
    JobsPanel {
        border-title-color: $text-primary;
        border-subtitle-color: $text-accent;
        border-subtitle-align: left;
    }
    """

    _draws_only_edges = False

    @dataclass
    class NotesChanged(Message):
        """The notes on the lower border have changed."""

        notes: str

    @dataclass
    class IdRequested(Request):
        """Find the entity with this id or id prefix."""

        text: str

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.tabs = list_header.StatusTabs(id="tabs")
        self.bar = FilterBar(id="filter", known=self._known)
        self.table = job_table.JobTable(id="jobs")
        self._listing: Listing | None = None
        self._totals: Totals | None = None
        self._listed = ListQuery()
        """The list that is requested."""
        self._has_visibility = False
        self._requested_order: ListOrder | None = None
        """The order requested last. None if it is the present one."""
        self._titles = ("", "")
        self._project_names_by_id: dict[UUID, str] = {}
        """Names of projects opened by id. The listing may not contain them."""
        self._created_project_names: dict[UUID, str] = {}
        """Names of projects created here. A listing from before does not contain them."""
        self._names_known_to_operator: dict[UUID, str] = {}
        """Names that the operator sees and the user may not. They are shown only in the visibility view."""
        self.expected_removals: frozenset[UUID] = frozenset()
        """The jobs that leave the list, because they were just written."""
        self.is_waiting = False
        """Whether the panel shows that a request takes a while."""
        self._mark = ""
        self._chosen_jobs: tuple[GenerationJob, ...] = ()
        self._requested_id: str | None = None
        """An id to look up among all kinds of entities if no row matches it."""
        self._users: tuple[str, ...] = ()
        """E-mails that a filter may name."""
        self.may_create_projects = True
        self._error_groups: Mapping[str, str] = {}
        self.shows_owners = False
        """Whether a list of all projects shows the owners of the jobs."""
        self.owners: Mapping[UUID, str] = {}
        """The known names of owners."""
        self._stuck: Mapping[UUID, datetime] = {}
        self.changes = PendingChanges(self._note_rows)
        self.view_name_for: Callable[[str, ListOrder], str | None] = lambda _text, _order: None
        """Return the name of the view with this filter and order."""

    def compose(self) -> ComposeResult:
        yield from (self.tabs, self.bar, self.table)

    def on_mount(self) -> None:
        self.table.sort = self._listed.order
        self.show_title()

    # Input

    def show(self, listing: Listing, totals: Totals | None, *, now: datetime) -> None:
        """Show a listing. `now` is the server's time. Another list or order starts at its top.

        `totals` are the latest known totals. They may belong to another list.
        """
        query, listed = listing.query, listing.query.window.listed
        former = self._listing.query if self._listing else query
        is_other = (former.window.listed, former.with_visibility) != (listed, query.with_visibility)
        is_other_moment = not is_other and former.moment != query.moment
        # In the same order, another list starts at the same job if it is listed.
        keeps_cursor = is_other and former.window.listed.order == listed.order
        cursor_job = self.table.cursor_job if keeps_cursor else None
        self._listing, self._totals, self.is_waiting = listing, totals, False
        if is_other:
            self.table.clear()
        self.table.count(self.length)
        self._show_tab_numbers()
        self.table.empty_text = list_header.why_empty(
            self.app, listing, self.bar.kept_text, may_create_projects=self.may_create_projects
        )
        self.table.show(listing.window, now=now, notes=self.notes, is_other_moment=is_other_moment)
        self.show_title()
        if cursor_job is not None:
            self.table.move_to(cursor_job.id)
        self.bar.complete_again()
        self._open_requested_id()

    def on_resize(self) -> None:
        self.show_title()

    def forget(self, sentence: str) -> None:
        """Show only a sentence."""
        self._listing, self._totals, self.is_waiting, self._chosen_jobs = None, None, False, ()
        self._project_names_by_id.clear()
        self._created_project_names.clear()
        self._names_known_to_operator.clear()
        self._users, self._error_groups, self.owners, self._stuck = (), {}, {}, {}
        self.changes = PendingChanges(self._note_rows)
        self.bar.complete_again()
        with self.prevent(job_table.MarksChanged):
            self.table.clear()
        self._show_tab_numbers()
        self.table.empty_text = sentence
        self.show_title()

    def wait(self) -> None:
        """Show that the request takes a while."""
        self.is_waiting = True
        self.show_title()

    def mark(self, words: str) -> None:
        """Show a warning about all rows. Empty removes it."""
        if words != self._mark:
            self._mark = words
            self.show_title()

    def show_totals(self, totals: Totals | None) -> None:
        """Show the numbers. None: show no numbers until new ones are counted."""
        self._totals = totals
        self.table.count(self.length)
        self._show_tab_numbers()
        self.show_title()

    def select(self, jobs: Iterable[GenerationJob]) -> None:
        """Select these jobs instead of all marks. They may lie beyond the loaded rows. Refreshes do not change them."""
        self.table.unmark(self.table.marked)
        self._chosen_jobs = tuple(jobs)
        self.show_title()

    def clear_chosen(self) -> bool:
        """Clear the selection of all jobs. Return whether there was one."""
        had_one = bool(self._chosen_jobs)
        self._chosen_jobs = ()
        self.show_title()
        return had_one

    def choose(self, listed: ListQuery, *, with_visibility: bool = False) -> None:
        """Set the requested list. Its tab and order are shown before its rows arrive.

        Another list clears the selection at once, because the user may select again before the rows arrive.
        """
        if (listed, with_visibility) != (self._listed, self._has_visibility):
            self._chosen_jobs = ()
        self._listed, self._has_visibility, self._requested_order = listed, with_visibility, None
        self.tabs.chosen = listed.status
        self.table.sort = self._listed.order
        self._show_tab_numbers()

    def add_project_name(self, project: Project | ProjectName | None, *, with_visibility: bool = False) -> None:
        """Remember a project name. Set `with_visibility` if the project may be hidden from the user."""
        if project is not None:
            (self._names_known_to_operator if with_visibility else self._project_names_by_id)[project.id] = project.name

    def add_created_project(self, project: Project) -> None:
        """Remember the name of a new project. It may be deleted again, so it does not count as opened by id."""
        self._created_project_names[project.id] = project.name

    def knows_project_name(self, project_id: UUID | None) -> bool:
        return project_id in self._project_names_by_id

    def can_list(self, job: GenerationJob) -> bool:
        """Return False if the list cannot contain the job."""
        listed = self._listed
        return listed.project_id in (None, job.project_id) and listed.status in (None, job.status)

    def approach(self, job: GenerationJob) -> None:
        """Go to the start of the list if the new job is there."""
        listed = self._listed
        is_at_start = self.can_list(job) and not listed.job_filter and listed.order == NEWEST_FIRST
        if is_at_start and self.table.view.rows.has_before:
            self.table.action_first()

    def expect_deletion(self, job_ids: Iterable[UUID], *, are_deleted: bool) -> None:
        """Expect these jobs to leave the list. The cursor then moves on to another job."""
        self.table.deleting = frozenset(job_ids)
        if are_deleted:
            self.table.unmark(self.table.deleting)

    # Output

    @property
    def is_changing_selected(self) -> bool:
        """Whether the list does not show the last change of a selected job yet."""
        words = self.changes.words
        return bool(words) and any(job.id in words for job in self.selected)

    def showed_selected(self, at: float) -> bool:
        """Return whether the screen already showed the selected jobs. A selection of all jobs has no rows."""
        return bool(self._chosen_jobs) or self.table.showed_selection(at)

    def whole_list_words(self, listing: Listing) -> str:
        """Return what the whole list contains, for a dialog."""
        return list_header.whole_list_words(listing, self.length, view=self._view_name)

    @property
    def selected(self) -> tuple[GenerationJob, ...]:
        """The selection of all jobs, or else the marked jobs, or else the job under the cursor, as last seen."""
        if self._chosen_jobs:
            return self._chosen_jobs
        if marked := self.table.marked_jobs:
            return marked
        return (self.table.cursor_job,) if self.table.cursor_job else ()

    def job(self, job_id: UUID) -> GenerationJob | None:
        """Return the job as last seen, if it is loaded."""
        jobs = self._listing.window.jobs if self._listing else ()
        return next((job for job in jobs if job.id == job_id), None)

    @property
    def project_names(self) -> Mapping[UUID, str]:
        """The names of projects that are listed, created here or opened by id."""
        seen = {project.id: project.name for project in self._listing.projects} if self._listing else {}
        by_operator = self._names_known_to_operator if self._listing and self._listing.visibility else {}
        return {**by_operator, **self._created_project_names, **self._project_names_by_id, **seen}

    # Order and filter

    def sort_by_next(self) -> None:
        """Sort by the next column after the last requested one, so that a refused order can be skipped."""
        order = self._requested_order or self._listed.order
        following = _COLUMNS[(_COLUMNS.index(order.column) + 1) % len(_COLUMNS)]
        self._requested_order = ListOrder(column=following, descending=order.descending)
        self.post_message(job_table.OrderRequested(self._requested_order))

    def reverse(self) -> None:
        order = self._listed.order
        self.post_message(job_table.OrderRequested(ListOrder(column=order.column, descending=not order.descending)))

    @on(FilterBar.Left)
    def leave(self) -> bool:
        """Clear the selection of all jobs, or else the filter. Return whether there was one."""
        if self.clear_chosen():
            return True
        was_finding = self.bar.display
        self.leave_find()
        return was_finding

    def leave_find(self) -> None:
        self._requested_id = None
        self.bar.close()
        self.screen.set_focus(self.table)

    def show_view(self, view: "View") -> None:
        if view.order is not None and view.order != self._listed.order:
            self.post_message(job_table.OrderRequested(view.order))
        self.bar.set_text(view.text)

    def set_owners(self, names: Mapping[UUID, str]) -> None:
        self.owners = {**self.owners, **names}
        self._note_rows()

    def set_stuck(self, stuck: Mapping[UUID, datetime], *, checked: Collection[UUID]) -> None:
        """Set which of the checked jobs are stuck, and when each was last updated. Other jobs keep their marks, so
        that a list that is shown again has them at once.
        """
        unchecked = {job_id: at for job_id, at in self._stuck.items() if job_id not in checked}
        self._stuck = {**unchecked, **stuck}
        self._note_rows()

    @property
    def notes(self) -> RowNotes:
        listing = self._listing
        is_of_all = listing is not None and listing.query.window.listed.project_id is None
        return RowNotes(
            project_names=self.project_names if is_of_all else None,
            hidden=listing.hidden if listing and listing.visibility else None,
            owners=self.owners if self.shows_owners and is_of_all else None,
            stuck=self._stuck,
            pending=self.changes.words,
        )

    def _note_rows(self) -> None:
        if self.is_attached:  # The answer to a change may arrive after the screen closed.
            self.table.note(self.notes)

    def set_users(self, emails: tuple[str, ...]) -> None:
        """Set the e-mails that a filter of this actor may name."""
        self._users = emails
        self.bar.complete_again()

    def set_error_groups(self, fingerprints: Mapping[str, str]) -> None:
        """Set the error groups that a filter may name, with their clean fingerprints."""
        self._error_groups = fingerprints
        self.bar.complete_again()

    def _known(self) -> "CompletionValues":
        """Return the values for completions, from the rows and projects seen."""
        from gjobs.store.filters.filter_syntax import CompletionValues

        jobs = self._listing.window.jobs if self._listing else ()
        modes = dict.fromkeys((*USUAL_MODES, *(job.mode for job in jobs)))
        return CompletionValues(
            modes=tuple(modes),
            projects=tuple(self.project_names.values()),
            users=self._users,
            error_groups=self._error_groups,
        )

    @on(job_table.CursorMoved)
    def _cursor_moved(self) -> None:
        self.show_title()

    @on(FilterBar.FilterRequested)
    def _filter_requested(self, event: FilterBar.FilterRequested) -> None:
        self._requested_id = None
        if event.job_filter == self._listed.job_filter:
            event.stop()
        else:
            self._chosen_jobs = ()

    @on(FilterBar.Kept)
    def _filter_kept(self, event: FilterBar.Kept) -> None:
        """Keep the filter. If no row matches the text, it may be the id of another entity."""
        event.stop()
        if id_range(self.bar.kept_text) is not None:
            self._requested_id = self.bar.kept_text
            self._open_requested_id()
        self.screen.set_focus(self.table)

    def _open_requested_id(self) -> None:
        """Open the requested id once it is known that no row has it."""
        if self._requested_id is None or self._listing is None:
            return
        if self._listing.query.window.listed.job_filter == self.bar.job_filter:
            wanted, self._requested_id = self._requested_id, None
            if not self._listing.window.jobs:
                self.post_message(self.IdRequested(wanted))

    @on(job_table.CursorLost)
    def _cursor_lost(self, event: job_table.CursorLost) -> None:
        event.stop()
        if event.job_id not in self.expected_removals | self.table.deleting:
            show_warning(self.app, list_header.cursor_lost_words(event.job_id, has_left=event.has_left))

    @on(job_table.MarksChanged)
    def _marks_changed(self, event: job_table.MarksChanged) -> None:
        event.stop()
        if self.table.marked:
            self._chosen_jobs = ()
        if lost := event.dropped - self.expected_removals - self.table.deleting:
            show_warning(self.app, list_header.marks_lost_words(len(lost)))
        self.show_title()

    # Drawing

    @property
    def length(self) -> Count | None:
        """The length of the list. None if it is unknown."""
        return None if self._listing is None else list_length(self._listing, self._totals)

    def _crumbs(self) -> tuple[str, ...]:
        """Return the breadcrumbs of the listed project, unless the projects pane shows the project."""
        if self.screen.has_class("-wide") or self._listing is None:
            return ("",)
        project_id = self._listing.query.window.listed.project_id
        name = None if project_id is None else self.project_names.get(project_id, short_id(project_id))
        next_pane, pick = (bindings.key_of(self.app, one) for one in ("app.next_pane", "project.pick"))
        return list_header.project_crumbs(name, keys=f"{next_pane} or {pick}")

    def _show_tab_numbers(self) -> None:
        """Show counts in the tabs. The project's totals would mislead under a filter. Under a filter, show counts
        only if all rows of the list are loaded.
        """
        tabs, listed, totals = self.tabs, self._listed, self._totals
        is_counted = totals is not None and totals.query.project_id == listed.project_id
        counts: dict[AnyStatus | None, Count | None] = {}
        if totals and is_counted and not listed.job_filter and not self._has_visibility:
            counts = {status: totals.count(status) for status in list_header.TABS}
        listing, can_count = self._listing, bool(counts or listed.job_filter) and not self._has_visibility
        if can_count and listing is not None and listing.query.window.listed == listed and listing.window.is_whole:
            counted = counts.get(listed.status)
            is_newer = totals is not None and totals.taken_at > listing.taken_at
            if not (is_newer and counted is not None and counted.precision is Precision.EXACT):
                counts |= _counts_of_rows(listing)
        tabs.counts = {status: count_words(number) for status, number in counts.items() if number is not None}
        tabs.fixed = list_header.fixed_values(listed.job_filter)

    @property
    def _view_name(self) -> str | None:
        """The name of the view with the filter and the order in force, if there is one."""
        return self.view_name_for(self.bar.kept_text, self._listed.order) if self.bar.kept_text else None

    def show_title(self) -> None:
        title = list_header.job_list_title(
            self._listing,
            self.table.view.position,
            view=self._view_name,
            width=self.size.width - _TITLE_EDGES,
            crumbs=self._crumbs(),
        )
        notes, listing = [self._mark], self._listing
        if self._chosen_jobs:
            selected = f"{jobs_count(len(self._chosen_jobs))} selected, including jobs not shown"
            notes.append(f"{selected}; {bindings.key_of(self.app, 'list.clear')} clears")
        if marked := self.table.marked:
            unmark = bindings.key_of(self.app, "jobs.unmark", job_table.JobTable.BINDINGS)
            notes.append(f"{len(marked)} marked, {unmark} unmarks")
        if self.is_waiting:
            notes.append("loading …")
        if listing and listing.visibility:
            notes.append(list_header.list_note(listing.visibility))
        titles = (title, " · ".join(filter(None, notes)))
        if titles != self._titles:
            self._titles = titles
            self._draws_only_edges = True
            self.border_title, self.border_subtitle = map(Content, titles)
            self._draws_only_edges = False
            self.post_message(self.NotesChanged(titles[1]))

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """After a new title, draw only the border's top and bottom lines: the whole panel takes milliseconds."""
        if self._draws_only_edges:
            edge, height = Region(0, 0, self.outer_size.width, 1), self.outer_size.height
            regions = tuple(edge.translate((0, y)).translate(-self.content_offset) for y in (0, height - 1))
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)


def _counts_of_rows(listing: Listing) -> dict[AnyStatus | None, Count]:
    """Return the counts known from a complete list: of its tab, or of all tabs if it has all statuses."""
    status, rows = listing.query.window.listed.status, listing.window.jobs
    numbers: dict[AnyStatus | None, int] = {status: len(rows)}
    if status is None:
        numbers |= {tab: sum(job.status == tab for job in rows) for tab in list_header.TABS if tab is not None}
    return {tab: Count(number=number, precision=Precision.EXACT) for tab, number in numbers.items()}
