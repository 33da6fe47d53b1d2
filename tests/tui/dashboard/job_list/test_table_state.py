"""Cursor, marks, scroll position and loaded rows of the table, without a screen."""

from bisect import insort
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gjobs.store.job_list.list_query import NEWEST_FIRST, End, ListOrder, OrderColumn, RowKey, RowWindowQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.store.statistics.statistics import Count, Precision
from gjobs.tui.dashboard.list.loaded_rows import Step, spare_rows
from gjobs.tui.dashboard.list.table_drawing import PendingRows, TableState
from tests.tui.dashboard.job_list.table_pilot import LongList
from tests.tui.sample_jobs import FIRST, make_job, window_of


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
    running = make_job(10, status=JobStatus.RUNNING)
    assert view.showing(window_of([running])).cursor_job == running, "its latest values"


def test_scrolled_view_keeps_its_rows_and_counts_new_ones_until_they_are_seen(view: TableState) -> None:
    scrolled = view.moved(Step(rows=25))
    later = show(scrolled, range(7, 60))
    assert visible(later) == visible(scrolled)
    assert [len(state.unseen) for state in (later, later.scrolled_to(1), later.moved(End.FIRST))] == [3, 1, 0]

    without_cursor = view.scrolled_to(30)
    later = show(without_cursor, [*range(7, 20), *range(25, 60)])
    assert number(later.cursor) == 10
    assert visible(later) == visible(without_cursor)


@pytest.mark.parametrize("move", [1, -1])
def test_next_move_selects_the_row_that_replaced_the_lost_one(view: TableState, move: int) -> None:
    lost = show(view.moved(Step(rows=3)), [job for job in range(10, 60) if job != 13])
    with_new_rows = show(lost, [8, 9, *(job.id.int for job in lost.rows.jobs)])
    moved = (lost.moved(Step(rows=move)), with_new_rows.moved(Step(rows=move)), lost.moved(Step(pages=move)))

    assert [number(state.cursor) for state in moved] == [14, 14, 14]
    shorter = show(view.moved(End.LAST), range(10, 59))
    assert number(shorter.moved(Step(rows=1)).cursor) == 58, "at the end, the row above"


BY_UPDATE = ListOrder(column=OrderColumn.UPDATED)


def show_loaded(view: TableState, numbers: Iterable[int], order: ListOrder = NEWEST_FIRST) -> TableState:
    """Show the jobs as loaded rows of a longer list."""
    anchor = RowKey(value=None, id=UUID(int=0))
    return view.showing(window_of(map(make_job, numbers), order=order, anchor=anchor, is_whole=False))


@pytest.mark.parametrize(
    ("marked", "later", "has_left"),
    [
        (10, [*range(5, 10), *range(11, 60)], True),
        (59, [*range(10, 59), *range(60, 65)], True),
        (10, range(11, 60), False),
        (10, range(200, 250), False),
        (10, [], False),
    ],
)
def test_job_that_left_the_loaded_rows_loses_its_mark_unlike_one_beyond_them(
    marked: int, later: Iterable[int], has_left: bool
) -> None:
    view = show_loaded(TableState(height=10), range(10, 60)).toggled(UUID(int=marked))

    assert (UUID(int=marked) in view.rows.missing_from(show_loaded(view, later).rows)) is has_left
    assert show_loaded(view, later).marks == (set() if has_left else {UUID(int=marked)})


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


class ScrolledList:
    """A view of a long list and its current row request, which the test answers as often as it likes."""

    def __init__(self, length: int, *, height: int = 10) -> None:
        self.list = LongList(range(FIRST, FIRST + 2 * length, 2))
        self.view = TableState(height=height)
        self.pending = PendingRows()
        self.query = RowWindowQuery(after=3 * spare_rows(height))
        self.requests = 0
        self.answer()

    def answer(self) -> None:
        self.answer_to(self.query)

    def answer_to(self, query: RowWindowQuery) -> None:
        window = self.list.window(query)
        self.pending = self.pending.arrived(window.query)
        self.change(self.view.showing(window))

    def change(self, view: TableState) -> None:
        self.view = view
        before, self.pending = self.pending, self.pending.following(view)
        if self.pending.asked is not None and self.pending.asked != before.asked:
            self.query = self.pending.asked
            self.requests += 1

    @property
    def numbers(self) -> list[int]:
        return [shown.id.int for shown in self.view.visible_jobs]

    @property
    def cursor(self) -> int | None:
        return None if self.view.cursor is None else self.view.cursor.int


@pytest.fixture
def long() -> ScrolledList:
    """Five thousand rows, the first ten visible."""
    return ScrolledList(5_000)


def test_length_is_a_minimum_if_more_rows_are_loaded_than_counted(long: ScrolledList) -> None:
    for counted, known in ((Precision.EXACT, Precision.CAPPED), (Precision.ESTIMATED, Precision.ESTIMATED)):
        rows = replace(long.view.rows, length=Count(number=3, precision=counted))
        assert rows.known_length == Count(number=rows.end + 1, precision=known)


def test_paging_shows_each_row_once_and_holds_few_rows(long: ScrolledList) -> None:
    seen = long.numbers
    held = 0
    while len(seen) < 5_000:
        before = long.numbers
        long.change(long.view.moved(Step(pages=1)))
        assert not long.view.waiting, "rows are requested before they become visible"
        if long.pending.asked is not None:
            long.answer()
        seen += [number for number in long.numbers if number > before[-1]]
        held = max(held, len(long.view.rows))

    assert seen == long.list.numbers
    assert held <= 3 * spare_rows(10)
    assert long.requests < 5_000 / 200


def test_keys_pressed_at_the_last_loaded_row_are_applied_when_rows_arrive(long: ScrolledList) -> None:
    for _ in range(70):
        long.change(long.view.moved(Step(pages=1)))
    assert (long.view.top, len(long.view.waiting)) == (65 * 9, 5)
    long.answer()
    assert not long.view.waiting
    assert (long.view.top, long.view.place) == (70 * 9, 70 * 9)

    for _ in range(500):
        long.change(long.view.moved(Step(rows=1)).moved(Step(pages=1)))
    assert len(long.view.waiting) == 10


def test_end_and_home_and_later_keys_move_the_cursor_when_their_rows_arrive(long: ScrolledList) -> None:
    long.change(long.view.moved(End.LAST))
    long.change(long.view.moved(Step(rows=-1)))
    long.change(long.view.moved(Step(rows=-1)))
    assert long.cursor == FIRST
    long.answer()
    assert long.cursor == long.list.numbers[-3]
    assert long.numbers == long.list.numbers[-10:]

    long.change(long.view.moved(End.FIRST))
    assert long.cursor == long.list.numbers[-3]
    long.answer()
    assert long.cursor == FIRST
    assert long.view.rows.follows_start


def test_new_row_request_replaces_a_pending_one_which_an_earlier_result_does_not_answer(long: ScrolledList) -> None:
    before = long.query
    long.change(long.view.moved(End.LAST))
    long.answer_to(before)
    assert (long.cursor, long.requests) == (FIRST, 1)
    long.change(long.view.moved_to(UUID(int=FIRST + 4)))
    assert isinstance(long.query.anchor, RowKey)
    assert long.query.anchor.id == UUID(int=FIRST)
    long.answer()
    assert long.cursor == FIRST + 4
    assert long.numbers == long.list.numbers[:10]


def test_cursor_scrolled_out_of_the_loaded_rows_is_cleared_but_its_mark_stays(long: ScrolledList) -> None:
    long.change(long.view.toggled(UUID(int=FIRST)))
    while long.view.cursor is not None:
        long.change(long.view.scrolled_to(long.view.top + 9))
        if long.pending.asked is not None:
            before = long.view
            long.answer()

    assert UUID(int=FIRST) not in before.rows.missing_from(long.view.rows)
    assert long.view.marks == {UUID(int=FIRST)}
    top = long.numbers[0]
    long.change(long.view.moved(Step(rows=1)))
    assert long.cursor == top


def position(long: ScrolledList) -> tuple[int, bool, Count | None]:
    assert long.view.position is not None
    return long.view.position.number, long.view.position.is_exact, long.view.position.length


def test_position_is_exact_while_paging_and_estimated_after_a_jump(long: ScrolledList) -> None:
    for _ in range(100):
        long.change(long.view.moved(Step(pages=1)))
        long.answer()
    assert position(long) == (901, True, None)

    capped = Count(number=10_000, precision=Precision.CAPPED)
    long.change(long.view.counted(capped).moved(End.LAST))
    long.answer()
    assert position(long) == (10_000, False, capped)


def test_position_of_a_counted_list_is_exact_until_its_length_changes(long: ScrolledList) -> None:
    long.change(long.view.counted(Count(number=5_000)))
    for _ in range(100):
        long.change(long.view.moved(Step(pages=1)))
        long.answer()
    before = long.numbers
    changed = long.view.counted(Count(number=5_003))
    assert changed.position is not None
    assert not changed.position.is_exact
    assert [job.id.int for job in changed.visible_jobs] == before

    long.change(long.view.moved(End.LAST))
    long.answer()
    assert position(long) == (5_000, True, Count(number=5_000))


class LongListMachine(RuleBasedStateMachine):
    """Rows appear and disappear anywhere, answers arrive at any time, and the user moves, scrolls and resizes."""

    @initialize(length=st.sampled_from([1, 40, 650, 3_000]), height=st.sampled_from([1, 7, 40]))
    def open(self, length: int, height: int) -> None:
        self.long = ScrolledList(length, height=height)

    @rule(place=st.integers(0, 10_000), number=st.integers(0, 300))
    def arrive(self, place: int, number: int) -> None:
        """Insert rows between existing rows or before the first."""
        numbers = self.long.list.numbers
        for index in range(place, place + number):
            new = (numbers[index % len(numbers)] - 1) if numbers else FIRST
            if new > 0 and new not in numbers[max(0, self.long.list.place(new)) :][:1]:
                insort(numbers, new)

    @rule(place=st.integers(0, 10_000), number=st.sampled_from([1, 5, 300]))
    def leave(self, place: int, number: int) -> None:
        numbers = self.long.list.numbers
        start = place % max(1, len(numbers))
        del numbers[start : start + number]

    @rule()
    def answer(self) -> None:
        """The cursor stays unless its job left, is no longer loaded, or a move was pending."""
        before = self.long.view
        self.long.answer()
        after = self.long.view
        if after.cursor != before.cursor and before.place is not None and not before.waiting:
            assert after.cursor is None
        if before.cursor is not None and before.cursor in after.rows and not before.waiting:
            assert after.cursor == before.cursor
        numbers = self.long.list.numbers
        held = [shown.id.int for shown in after.rows.jobs]
        start = self.long.list.place(held[0]) if held else 0
        assert held == numbers[start : start + len(held)]
        assert {known.int for known in before.marks - after.marks}.isdisjoint(numbers)

    @precondition(lambda self: not self.long.view.waiting)
    @rule()
    def answer_with_nothing_changed(self) -> None:
        """The visible rows do not change, whatever else is loaded."""
        self.long.answer()
        before = self.long.view
        for _ in range(3):
            self.long.answer()
        after = self.long.view
        assert after.visible_jobs == before.visible_jobs
        if after.cursor is not None:
            assert after.cursor == before.cursor
        assert self.long.pending.asked is None
        assert after.request is None

    @rule(rows=st.sampled_from([-1, 1]), times=st.sampled_from([1, 30]))
    def move(self, rows: int, times: int) -> None:
        for _ in range(times):
            self.long.change(self.long.view.moved(Step(rows=rows)))

    @rule(pages=st.sampled_from([-1, 1]), times=st.sampled_from([1, 10]))
    def page(self, pages: int, times: int) -> None:
        for _ in range(times):
            self.long.change(self.long.view.moved(Step(pages=pages)))

    @rule(end=st.sampled_from(End))
    def jump(self, end: End) -> None:
        view = self.long.view
        self.long.change(view.moved(end))

    @rule(rows=st.integers(-500, 500))
    def scroll(self, rows: int) -> None:
        self.long.change(self.long.view.scrolled_to(self.long.view.top + rows))

    @rule(height=st.sampled_from([1, 7, 40]))
    def resize(self, height: int) -> None:
        self.long.change(self.long.view.resized(height))

    @rule(precision=st.sampled_from(Precision), number=st.integers(0, 5_000))
    def count(self, precision: Precision, number: int) -> None:
        exact = len(self.long.list.numbers)
        counted = Count(number=exact if precision is Precision.EXACT else number, precision=precision)
        before = self.long.view
        self.long.change(before.counted(counted))
        assert (self.long.view.visible_jobs, self.long.view.cursor) == (
            before.visible_jobs,
            before.cursor,
        )

    @rule()
    def mark(self) -> None:
        if self.long.view.cursor is not None:
            self.long.change(self.long.view.toggled(self.long.view.cursor))

    @invariant()
    def cursor_and_visible_rows_are_loaded(self) -> None:
        view = self.long.view
        assert view.cursor is None or view.rows.find(view.cursor) == view.place
        assert view.rows.first_place <= view.top <= view.max_top
        assert len(view.visible_jobs) == min(view.height, len(view.rows))
        assert (view.rows.first_place == 0) == (not view.rows.has_before)
        assert all(one.created_at >= other.created_at for one, other in pairwise(view.rows.jobs))
        assert len(view.waiting) <= 10


TestLongList = LongListMachine.TestCase

TestLongList.settings = settings(max_examples=60, stateful_step_count=25)
