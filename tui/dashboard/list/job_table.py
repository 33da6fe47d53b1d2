"""JobTable widget and its messages."""

import re
import time
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import ClassVar
from uuid import UUID

from textual import events
from textual.actions import SkipAction
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size, clamp
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollTo
from textual.strip import Strip
from textual.widget import Widget

from gjobs.store.job_list.list_query import End, ListOrder, RowWindow, RowWindowQuery
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.statistics.statistics import Count
from gjobs.tui.dashboard.bindings import KEYS, TABLE_BINDINGS
from gjobs.tui.dashboard.list import table_drawing
from gjobs.tui.dashboard.list.job_columns import GUTTER, NO_NOTES, SORTED_BY, RowNotes, column_at
from gjobs.tui.dashboard.list.loaded_rows import Step
from gjobs.tui.dashboard.widgets.widgets import Request
from gjobs.tui.text.status_text import STATUS_TEXTS


class CursorMoved(Message):
    """The cursor is on another job or on none, or the position in the list has changed."""


@dataclass
class CursorLost(Message):
    """The job under the cursor has moved or left. A `CursorMoved` follows."""

    job_id: UUID
    has_left: bool
    """Whether it has surely left the list. If false, it may have moved, because the order is by a changing value."""


@dataclass
class Opened(Message):
    """Open the details of a job."""

    job: GenerationJob


@dataclass
class MarksChanged(Message):
    """Jobs were marked, or lost their marks."""

    dropped: frozenset[UUID]
    """The jobs that lost their marks because they left the list."""


@dataclass
class OrderRequested(Request):
    order: ListOrder


@dataclass
class RowsRequested(Message):
    """Other rows of the list are needed. The table then ignores answers to earlier requests."""

    window: RowWindowQuery


class JobTable(ScrollView, can_focus=True, inherit_bindings=False):
    """A table of jobs. Rows, order and time come from `show` and `tick`. Only changed lines are drawn."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    JobTable {
        height: 1fr;
        background: $background;
        overflow-x: hidden;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;

        & > .job-table--header { color: $text-muted; text-style: bold; }
        & > .job-table--new, & > .job-table--mark { color: $text-accent; text-style: bold; }
        & > .job-table--empty, & > .job-table--quiet { color: $text-muted; }
        & > .job-table--hidden, & > .job-table--stuck { color: $text-warning; text-style: bold; }
        & > .job-table--error { color: $text-error; }
        & > .job-table--hover { background: $block-hover-background; }
        & > .job-table--cursor {
            color: $block-cursor-blurred-foreground;
            background: $block-cursor-blurred-background;
            text-style: $block-cursor-blurred-text-style;
        }
        &:ansi > .job-table--cursor { text-style: underline; }
        &:focus > .job-table--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
        & > .job-table--flash { background: $accent 35%; }
        & > .job-table--cursor-flash {
            color: $block-cursor-foreground;
            background: $accent;
            text-style: $block-cursor-text-style;
        }
        &:ansi > .job-table--flash, &:nocolor > .job-table--flash { text-style: reverse; }
        &:nocolor > .job-table--cursor { text-style: underline; }
        &:nocolor:focus > .job-table--cursor { text-style: bold reverse; }
    }
    """ + "".join(
        f"JobTable > .job-table--{status} {{ color: {text.style}; }}\n" for status, text in STATUS_TEXTS.items()
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {table_drawing.ROW, *re.findall("job-table--[a-z-]+", DEFAULT_CSS)}
    BINDINGS: ClassVar[list[BindingType]] = [*TABLE_BINDINGS]

    sort: reactive[ListOrder | None] = reactive[ListOrder | None](None, repaint=False, init=False)
    """The order of the rows, for the header. The rows arrive sorted."""
    empty_text: reactive[str] = reactive("", repaint=False, init=False)
    """The sentence shown if there are no rows. It is not read as markup."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.view = table_drawing.TableState()
        self._marked_jobs: tuple[Mapping[UUID, GenerationJob], tuple[GenerationJob, ...]] = {}, ()
        """The marks for which the marked jobs were collected last, and those jobs."""
        self._drawing = table_drawing.TableRenderer()
        self._lines: tuple[table_drawing.Line, ...] = ()
        self._strips: LRUCache[table_drawing.Line, Strip] = LRUCache(256)
        self._hovered_line: int | None = None
        self._opened_by_click: UUID | None = None
        self._is_settling = False
        self._fitted = Size()
        """The size that the lines were made for."""
        self._pending_rows = table_drawing.PendingRows()
        self._flashing: dict[UUID, object] = {}
        """The rows that flash now, and their last changes. A row flashes longer if it changes again."""
        self._drawn_selection: frozenset[UUID] = frozenset()
        """The marked jobs, or else the job under the cursor, as the user last saw them."""
        self._undrawn = set[int]()
        """The changed lines that no frame has contained yet."""
        self._selection_drawn_at = 0.0
        """When the first frame with this selection was drawn, by the monotonic clock."""
        self.deleting: frozenset[UUID] = frozenset()
        """Jobs that the user is deleting. The cursor moves from such a job to the row that replaces it."""

    # Input

    def show(
        self, window: RowWindow, *, now: datetime, notes: RowNotes = NO_NOTES, is_other_moment: bool = False
    ) -> None:
        """Show a window of rows. `now` is the server's time. If the job under the cursor is missing at the newly shown
        moment, the cursor moves to another job.
        """
        self._pending_rows = self._pending_rows.arrived(window.query)
        view = self.view.showing(window)
        self._drawing.now = now
        self._drawing.take(view.rows.jobs, notes, has_starts=window.has_starts)
        lost = self.view.cursor
        if is_other_moment or lost in self.deleting:
            view = view.with_cursor_replaced()
        if lost is not None and not is_other_moment and lost in self.view.rows.missing_from(view.rows):
            self.post_message(CursorLost(lost, has_left=view.rows.detects_removals))
        self._flash(table_drawing.changed_jobs(self.view.rows, view.rows))
        self._show_state(view)

    def _flash(self, jobs: Set[UUID]) -> None:
        """Highlight the rows of these jobs for a moment, unless animations are off."""
        if not jobs or self.app.animation_level == "none":
            return
        change = object()
        self._flashing |= dict.fromkeys(jobs, change)

        def end() -> None:
            self._flashing = {job_id: last for job_id, last in self._flashing.items() if last is not change}
            self._refresh_changed_lines()

        self.set_timer(table_drawing.FLASH_SECONDS, end)

    def count(self, length: Count | None) -> None:
        """Set the number of rows in the whole list. None if it is unknown."""
        self._show_state(self.view.counted(length))

    def note(self, notes: RowNotes) -> None:
        """Show other notes on the same rows. Some are read separately from the list."""
        self._drawing.note(notes)
        self._refresh_changed_lines()

    def tick(self, now: datetime) -> None:
        """Update ages and durations."""
        self._drawing.now = now
        self._refresh_changed_lines()

    def clear(self) -> None:
        """Forget rows, cursor, marks and scroll position before another list is shown."""
        self._pending_rows = table_drawing.PendingRows()
        self._flashing.clear()
        self._drawing.forget()
        self._show_state(table_drawing.TableState(height=self.view.height))

    def unmark(self, job_ids: Set[UUID]) -> None:
        self._show_state(self.view.unmarked(job_ids))

    def stop_waiting(self) -> None:
        """Cancel the moves that wait for rows, because the rows may take long."""
        self._show_state(self.view.without_pending_moves())

    def move_to(self, job_id: UUID) -> bool:
        """Move the cursor to a job and scroll to it. Return False if it is not loaded."""
        self._show_state(self.view.moved_to(job_id))
        return self.view.cursor == job_id

    # Output

    @property
    def cursor_job(self) -> GenerationJob | None:
        """The job that a key acts on, as last shown. None if there is none or its row is not loaded."""
        return self.view.cursor_job

    @property
    def marked(self) -> frozenset[UUID]:
        return self.view.marks

    @property
    def marked_jobs(self) -> tuple[GenerationJob, ...]:
        """The marked jobs as last loaded, in the order of marking. The tuple is the same one until they change."""
        marked = self.view.marked
        if self._marked_jobs[0] is not marked:
            self._marked_jobs = marked, tuple(marked.values())
        return self._marked_jobs[1]

    def showed_selection(self, at: float) -> bool:
        """Return whether the screen already showed the present selection at a time, by the monotonic clock."""
        return self._selection == self._drawn_selection and self._selection_drawn_at <= at

    def take_selection_as_seen(self) -> None:
        """Count the present selection as drawn, because the user has just made its job."""
        self._drawn_selection, self._selection_drawn_at = self._selection, 0.0

    def record_frame(self, spans: Collection[tuple[int, int, int]] | None) -> None:
        """Count the selection as drawn if all changed lines have been in a frame. `spans` are the parts of the screen
        that the last frame contained, each as line, left and right. None: all.
        """
        (left, top), screen = self.region.offset, self.screen.size
        right = min(left + self._width, screen.width)
        drawn = {line - top for line, start, end in spans or () if start <= left and right <= end}
        undrawn = self._undrawn - drawn if spans is not None else set[int]()
        self._undrawn = {y for y in undrawn if top + y < screen.height}
        if not self._undrawn:
            self._take_as_drawn(self._selection)

    def _take_as_drawn(self, selection: frozenset[UUID]) -> None:
        if selection != self._drawn_selection:
            self._drawn_selection, self._selection_drawn_at = selection, time.monotonic()

    @property
    def _selection(self) -> frozenset[UUID]:
        cursor = self.view.cursor
        return self.marked or (frozenset() if cursor is None else frozenset({cursor}))

    def _show_state(self, view: table_drawing.TableState) -> None:
        """Adopt a state, draw its changes and post messages about them."""
        before, self.view = self.view, view
        if view is before:
            self._refresh_changed_lines()
            return
        self._settle()
        self._refresh_changed_lines()
        if (view.cursor, view.position) != (before.cursor, before.position):
            self.post_message(CursorMoved())
        if view.marks != before.marks:
            dropped = before.marks - view.marks if view.rows is not before.rows else frozenset[UUID]()
            self.post_message(MarksChanged(dropped))
        asked, self._pending_rows = self._pending_rows.asked, self._pending_rows.following(view)
        if (window := self._pending_rows.asked) is not None and window != asked:
            self.post_message(RowsRequested(window))

    # Size and scroll

    def _settle(self) -> None:
        """Adapt Textual's virtual size and scroll position to the state, without repainting every line."""
        self._is_settling = True
        try:
            virtual_size = Size(self._width, self.view.rows.extent + table_drawing.HEADER_HEIGHT)
            if virtual_size != self.virtual_size:
                self.set_reactive(Widget.virtual_size, virtual_size)
                # Textual 8.2.8: a changed `virtual_size` lays out and repaints the whole table.
                self._scroll_update(virtual_size)
            if round(self.scroll_y) != self.view.top:
                self.scroll_to(y=self.view.top, animate=False, force=True)
        finally:
            self._is_settling = False

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def validate_scroll_y(self, value: float) -> float:
        return self._clamped(super().validate_scroll_y(value))

    def validate_scroll_target_y(self, value: float) -> float:
        return self._clamped(super().validate_scroll_target_y(value))

    def _clamped(self, scroll_y: float) -> float:
        """Limit the scroll position to the loaded rows."""
        return clamp(scroll_y, self.view.rows.first_place, self.view.max_top)

    def on_scroll_to(self, event: ScrollTo) -> None:
        """Handle a scrollbar dragged to an end of the list that is not loaded."""
        rows = self.view.rows
        if event.y is None:
            return
        if event.y <= 0 and rows.has_before:
            self.action_first()
        elif event.y >= self.max_scroll_y and rows.has_after:
            self.action_last()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = new_value
        if round(old_value) != round(new_value) and not self._is_settling:
            self._show_state(self.view.scrolled_to(round(new_value)))

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        room = self.scrollable_content_region.size
        if room == self._fitted:
            return
        self._fitted = room
        self._strips.clear()
        self._drawing.fit(room.width, self.sort)
        self._show_state(self.view.resized(room.height - table_drawing.HEADER_HEIGHT))

    def watch_sort(self) -> None:
        self._drawing.fit(self._width, self.sort)
        self._refresh_changed_lines()

    def watch_empty_text(self) -> None:
        self._refresh_changed_lines()

    # Drawing

    def _refresh_changed_lines(self) -> None:
        before = self._lines
        self._lines = self._drawing.lines(
            self.view, hovered_line=self._hovered_line, empty_text=self.empty_text, flashing=self._flashing
        )
        changed = [y for y, (old, new) in enumerate(zip_longest(before, self._lines)) if old != new]
        if changed:
            # Lines below the end are never drawn.
            self._undrawn = {y for y in (*self._undrawn, *changed) if y < self.size.height}
            self.refresh(*(Region(0, y, self._width, 1) for y in changed))
        elif not self._undrawn:
            # The screen already looks as it should, so no frame follows.
            self._take_as_drawn(self._selection)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Fit first, because the first frame is drawn before the resize message.

        Textual would style each line again, which takes longer than to paint it. `paint` has styled it completely.
        """
        self._fit()
        background, gutter = self.background_colors[1], self.visual_style.rich_style
        strips = [self._strip(y).crop_extend(crop.x, crop.right, gutter) for y in crop.line_range]
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        return strips

    def _line(self, y: int) -> table_drawing.Line:
        return self._lines[y] if y < len(self._lines) else table_drawing.Line()

    def _strip(self, y: int) -> Strip:
        line = self._line(y)
        if line not in self._strips:
            self._strips[line] = self.render_line(y)
        return self._strips[line]

    def render_line(self, y: int) -> Strip:
        return table_drawing.paint(self._line(y), self._width, self.get_component_rich_style)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    # Keys

    def action_move(self, rows: int, pages: int = 0) -> None:
        self._show_state(self.view.moved(Step(rows=rows, pages=pages)))

    def action_first(self) -> None:
        self._show_state(self.view.moved(End.FIRST))

    def action_last(self) -> None:
        self._show_state(self.view.moved(End.LAST))

    def action_open(self) -> None:
        if (job := self.cursor_job) is not None:
            self.post_message(Opened(job))

    def action_mark(self) -> None:
        if self.view.cursor is not None:
            self._show_state(self.view.toggled(self.view.cursor).moved(Step(rows=1)))

    async def action_mark_all(self) -> None:
        """Mark all jobs of the list, not only the loaded ones."""
        if self.view.rows.has_before or self.view.rows.has_after:
            await self.app.run_action(KEYS["list.choose_all"].action)
        else:
            self._show_state(self.view.all_marked())

    def action_unmark(self) -> None:
        """Remove the marks. Without marks, the screen handles the key."""
        if not self.view.marks:
            raise SkipAction
        self.unmark(self.marked)

    # Mouse

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        event.stop()
        if offset.y < table_drawing.HEADER_HEIGHT:
            title = column_at(self._drawing.columns, offset.x)
            if title is not None and (column := SORTED_BY[title]) is not None:
                is_reversed = self.sort is not None and column is self.sort.column and self.sort.descending
                self.post_message(OrderRequested(ListOrder(column=column, descending=not is_reversed)))
            return
        job = self.view.rows.at(self.view.top + offset.y - table_drawing.HEADER_HEIGHT)
        if job is None:
            return
        # The first click moves the cursor, and the next one opens. A double click opens only once.
        if offset.x < GUTTER:
            self._show_state(self.view.toggled(job.id))
        elif job.id != self.view.cursor:
            self._opened_by_click = None
            self.move_to(job.id)
        elif event.chain == 1 or self._opened_by_click != job.id:
            self._opened_by_click = job.id
            self.post_message(Opened(job))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        offset = event.get_content_offset(self)
        self._hover(None if offset is None else offset.y)

    def on_leave(self) -> None:
        self._hover(None)

    def _hover(self, y: int | None) -> None:
        if y != self._hovered_line:
            self._hovered_line = y
            self._refresh_changed_lines()
