"""Cursor, marks and scroll position of the table, without a screen."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gjobs.store.job_list.list_query import NEWEST_FIRST, End, ListOrder, OrderColumn, RowKey
from gjobs.store.jobs.job import JobStatus
from gjobs.tui.dashboard.list.loaded_rows import Step
from gjobs.tui.dashboard.list.table_drawing import TableState
from tests.tui.sample_jobs import NOON, make_job, window_of


def show(view: TableState, numbers: Iterable[int]) -> TableState:
    """Show jobs by their numbers; lower numbers are newer."""
    return view.showing(window_of(make_job(number) for number in numbers))


def number(job_id: UUID | None) -> int | None:
    return None if job_id is None else job_id.int


def visible(view: TableState) -> list[int]:
    return [job.id.int for job in view.visible_jobs]


@pytest.fixture
def view() -> TableState:
    """A view of the jobs 10 to 59: ten are visible, and the cursor is on the first."""
    return show(TableState(height=10), range(10, 60))


def test_new_rows_at_the_top_are_shown_above_the_cursor_but_never_push_it_out_of_sight(view: TableState) -> None:
    later = show(view, range(7, 60))
    assert number(later.cursor) == 10
    assert visible(later)[:4] == [7, 8, 9, 10]
    assert not later.unseen

    later = show(view.moved(Step(rows=8)), range(6, 60))
    assert number(later.cursor) == 18
    assert 18 in visible(later)


def test_scrolled_view_keeps_its_rows_and_counts_new_ones_until_they_are_seen(view: TableState) -> None:
    scrolled = view.moved(Step(rows=25))
    later = show(scrolled, range(7, 60))
    assert visible(later) == visible(scrolled)
    assert [len(state.unseen) for state in (later, later.scrolled_to(1), later.moved(End.FIRST))] == [3, 1, 0]

    without_cursor = view.scrolled_to(30)
    later = show(without_cursor, [*range(7, 20), *range(25, 60)])
    assert number(later.cursor) == 10
    assert visible(later) == visible(without_cursor)


def test_old_rows_that_return_after_filtering_are_not_counted_as_new(view: TableState) -> None:
    filtered = show(view, range(11, 60, 2)).moved(End.LAST)
    later = show(filtered, range(9, 60))

    assert {job_id.int for job_id in later.unseen} == {9}


@pytest.mark.parametrize("move", [1, -1])
def test_next_move_selects_the_row_that_replaced_the_lost_one(view: TableState, move: int) -> None:
    lost = show(view.moved(Step(rows=3)), [job for job in range(10, 60) if job != 13])
    with_new_rows = show(lost, [8, 9, *(job.id.int for job in lost.rows.jobs)])
    moved = (lost.moved(Step(rows=move)), with_new_rows.moved(Step(rows=move)), lost.moved(Step(pages=move)))

    assert [number(state.cursor) for state in moved] == [14, 14, 14]
    shorter = show(view.moved(End.LAST), range(10, 59))
    assert number(shorter.moved(Step(rows=1)).cursor) == 58, "at the end, the row above"


def test_cursor_job_has_its_latest_values(view: TableState) -> None:
    running = make_job(10, status=JobStatus.RUNNING)
    assert view.showing(window_of([running])).cursor_job == running


def test_paging_keeps_the_cursor_line_and_overlaps_by_one_row(view: TableState) -> None:
    paged = view.moved(Step(rows=2)).moved(Step(pages=1))
    assert (visible(paged)[0], number(paged.cursor)) == (19, 21)
    assert (visible(paged.moved(Step(pages=-1)))[0], number(paged.moved(Step(pages=-1)).cursor)) == (10, 12)
    assert number(view.moved(Step(pages=100)).cursor) == 59


BY_UPDATE = ListOrder(column=OrderColumn.UPDATED)


def show_loaded(view: TableState, numbers: Iterable[int], order: ListOrder = NEWEST_FIRST) -> TableState:
    """Show the jobs as loaded rows of a longer list."""
    anchor = RowKey(value=None, id=UUID(int=0))
    return view.showing(window_of(map(make_job, numbers), order=order, anchor=anchor, is_whole=False))


@pytest.mark.parametrize(
    ("lost", "later"), [(10, [*range(5, 10), *range(11, 60)]), (59, [*range(10, 59), *range(60, 65)])]
)
def test_job_that_left_at_the_edge_of_the_loaded_rows_loses_its_mark(lost: int, later: list[int]) -> None:
    view = show_loaded(TableState(height=10), range(10, 60)).toggled(UUID(int=lost))

    assert UUID(int=lost) in view.rows.missing_from(show_loaded(view, later).rows)
    assert show_loaded(view, later).marks == set()


@pytest.mark.parametrize("later", [range(11, 60), range(200, 250), []])
def test_job_beyond_the_loaded_rows_keeps_its_mark(later: Iterable[int]) -> None:
    view = show_loaded(TableState(height=10), range(10, 60)).toggled(UUID(int=10))

    assert show_loaded(view, later).marks == {UUID(int=10)}


def test_job_missing_from_an_order_by_update_keeps_its_mark_unless_all_rows_are_loaded() -> None:
    view = show_loaded(TableState(height=10), range(10, 60), BY_UPDATE).toggled(UUID(int=30)).moved_to(UUID(int=30))
    later = show_loaded(view, [*range(10, 30), *range(31, 60)], BY_UPDATE)
    assert UUID(int=30) in view.rows.missing_from(later.rows)
    assert not later.rows.detects_removals
    assert later.cursor is None
    assert later.marks == {UUID(int=30)}

    whole = (
        TableState(height=10).showing(window_of(map(make_job, range(10, 60)), order=BY_UPDATE)).toggled(UUID(int=30))
    )
    assert whole.showing(window_of(map(make_job, range(40, 60)), order=BY_UPDATE)).marks == set()


def test_job_with_an_infinite_creation_time_does_not_stop_counting_new_rows(view: TableState) -> None:
    infinite = make_job(1, created_at=datetime.max.replace(tzinfo=NOON.tzinfo))
    with_infinite = view.showing(window_of([infinite, *view.rows.jobs])).moved(End.LAST)
    newer = make_job(2, created_at=NOON + timedelta(hours=1))

    assert {job_id.int for job_id in with_infinite.showing(window_of([infinite, newer, *view.rows.jobs])).unseen} == {2}


job_numbers = st.lists(st.integers(1, 20), unique=True)


class CursorMachine(RuleBasedStateMachine):
    """Any rows are shown at any time, while the user moves, marks, scrolls and resizes."""

    def __init__(self) -> None:
        super().__init__()
        self.view = TableState()

    @rule(numbers=job_numbers)
    def show(self, numbers: list[int]) -> None:
        before = self.view
        self.view = show(before, numbers)
        here = {UUID(int=number) for number in numbers}
        if before.place is None:
            assert self.view.cursor == (UUID(int=numbers[0]) if numbers else None)
        else:
            assert self.view.cursor == (before.cursor if before.cursor in here else None)
        assert self.view.marks == before.marks & here
        if self.view.cursor and before.place is not None and before.is_visible(before.place):
            assert self.view.cursor_job in self.view.visible_jobs

    @rule(rows=st.integers(-25, 25))
    def move(self, rows: int) -> None:
        self.view = self.view.moved(Step(rows=rows))
        assert self.view.cursor_job in self.view.visible_jobs or not self.view.rows

    @rule(pages=st.sampled_from([-1, 1]))
    def page(self, pages: int) -> None:
        self.view = self.view.moved(Step(pages=pages))
        assert self.view.cursor_job in self.view.visible_jobs or not self.view.rows

    @rule(number=st.integers(1, 20))
    def go_to(self, number: int) -> None:
        before, self.view = self.view, self.view.moved_to(UUID(int=number))
        assert self.view.cursor == (UUID(int=number) if UUID(int=number) in before.rows else before.cursor)

    @rule(top=st.integers(-5, 25))
    def scroll(self, top: int) -> None:
        before, self.view = self.view, self.view.scrolled_to(top)
        assert (self.view.cursor, self.view.marks) == (before.cursor, before.marks)

    @rule(height=st.integers(0, 25))
    def resize(self, height: int) -> None:
        before, self.view = self.view, self.view.resized(height)
        assert (self.view.cursor, self.view.marks) == (before.cursor, before.marks)

    @rule(number=st.integers(1, 20))
    def toggle(self, number: int) -> None:
        before, self.view = self.view, self.view.toggled(UUID(int=number))
        assert self.view.cursor == before.cursor

    @rule()
    def mark_all(self) -> None:
        self.view = self.view.all_marked()
        assert self.view.marks == {job.id for job in self.view.rows.jobs}

    @invariant()
    def cursor_and_marks_are_on_listed_jobs(self) -> None:
        view = self.view
        assert view.cursor is None or view.cursor in view.rows
        assert view.cursor is None or view.rows.find(view.cursor) == view.place
        assert view.marks <= {job.id for job in view.rows.jobs}

    @invariant()
    def visible_rows_exist_and_are_not_counted_as_new(self) -> None:
        view = self.view
        assert 0 <= view.top <= view.max_top
        assert len(view.visible_jobs) == min(view.height, len(view.rows))
        assert not view.unseen & {job.id for job in view.visible_jobs}


TestCursor = CursorMachine.TestCase

TestCursor.settings = settings(max_examples=100, stateful_step_count=20)
