"""Rows of a longer list, without a screen: a table that scrolls through all of it, whatever others do meanwhile."""

from bisect import insort
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from store.job_list.list_query import End, RowKey, RowWindowQuery
from store.statistics.totals import Count, Precision
from tests.tui.support import FIRST, LongList
from tui.dashboard.job_list.loaded_rows import RowRequest, spare_rows
from tui.dashboard.job_list.table_state import PendingRows, TableState


class ScrolledList:
    """A view of a long list, and the query that is answered again and again until another one is asked."""

    def __init__(self, length: int, *, height: int = 10) -> None:
        self.list = LongList(range(FIRST, FIRST + 2 * length, 2))
        self.view = TableState(height=height)
        self.asking = PendingRows()
        self.query = RowRequest(anchor=End.FIRST, before=0, after=3 * spare_rows(height))
        self.asked = 0
        self.answer()

    def answer(self) -> None:
        self.take(self.query)

    def take(self, request: RowRequest) -> None:
        window = self.list.window(query_of(request))
        self.asking = self.asking.arrived(window.query)
        self.look(
            self.view.showing(
                window.jobs,
                has_before=window.has_before,
                has_after=window.has_after,
                follows_start=window.query.anchor is End.FIRST,
            )
        )

    def look(self, view: TableState) -> None:
        self.view = view
        before, self.asking = self.asking, self.asking.following(view)
        if self.asking.asked is not None and self.asking.asked != before.asked:
            self.query = self.asking.asked
            self.asked += 1

    @property
    def numbers(self) -> list[int]:
        return [shown.id.int for shown in self.view.visible_jobs]

    @property
    def cursor(self) -> int | None:
        return None if self.view.cursor is None else self.view.cursor.int


def query_of(request: RowRequest) -> RowWindowQuery:
    anchor = request.anchor if isinstance(request.anchor, End) else RowKey(value=None, id=request.anchor)
    return RowWindowQuery(anchor=anchor, before=request.before, after=request.after)


@pytest.fixture
def scrolled_list() -> ScrolledList:
    """Ten rows in sight of five thousand, the first ones."""
    return ScrolledList(5_000)


def test_paging_shows_each_row_once_and_holds_few_rows(scrolled_list: ScrolledList) -> None:
    seen = scrolled_list.numbers
    held = 0
    while len(seen) < 5_000:
        before = scrolled_list.numbers
        scrolled_list.look(scrolled_list.view.paged(1))
        if scrolled_list.asking.asked is not None:
            scrolled_list.answer()
        seen += [number for number in scrolled_list.numbers if number > before[-1]]
        held = max(held, len(scrolled_list.view.rows))

    assert seen == scrolled_list.list.numbers
    assert held <= 3 * spare_rows(10)
    assert scrolled_list.asked < 5_000 / 200


def test_rows_are_requested_once_before_they_become_visible(scrolled_list: ScrolledList) -> None:
    while scrolled_list.asking.asked is None:
        scrolled_list.look(scrolled_list.view.paged(1))
    assert (
        scrolled_list.view.rows.end - scrolled_list.view.top - scrolled_list.view.height > 2 * scrolled_list.view.height
    )
    assert not scrolled_list.view.waiting

    while not scrolled_list.view.waiting:
        scrolled_list.look(scrolled_list.view.paged(1))
    assert scrolled_list.asked == 1


def test_keys_pressed_at_the_last_loaded_row_are_applied_when_rows_arrive(scrolled_list: ScrolledList) -> None:
    for _ in range(70):
        scrolled_list.look(scrolled_list.view.paged(1))
    assert (scrolled_list.view.top, len(scrolled_list.view.waiting)) == (65 * 9, 5)
    scrolled_list.answer()
    assert not scrolled_list.view.waiting
    assert (scrolled_list.view.top, scrolled_list.view.place) == (70 * 9, 70 * 9)

    for _ in range(500):
        scrolled_list.look(scrolled_list.view.moved_by(1).paged(1))
    assert len(scrolled_list.view.waiting) == 10


def test_end_and_home_and_later_keys_move_the_cursor_when_their_rows_arrive(scrolled_list: ScrolledList) -> None:
    scrolled_list.look(scrolled_list.view.moved_to_last())
    scrolled_list.look(scrolled_list.view.moved_by(-1))
    scrolled_list.look(scrolled_list.view.moved_by(-1))
    assert scrolled_list.cursor == FIRST
    scrolled_list.answer()
    assert scrolled_list.cursor == scrolled_list.list.numbers[-3]
    assert scrolled_list.numbers == scrolled_list.list.numbers[-10:]

    scrolled_list.look(scrolled_list.view.moved_to_first())
    assert scrolled_list.cursor == scrolled_list.list.numbers[-3]
    scrolled_list.answer()
    assert scrolled_list.cursor == FIRST
    assert scrolled_list.view.rows.follows_start


def test_new_row_request_replaces_a_pending_one(scrolled_list: ScrolledList) -> None:
    scrolled_list.look(scrolled_list.view.moved_to_last())
    scrolled_list.look(scrolled_list.view.moved_to(UUID(int=FIRST + 4)))
    assert scrolled_list.query.anchor == UUID(int=FIRST)
    scrolled_list.answer()

    assert scrolled_list.cursor == FIRST + 4
    assert scrolled_list.numbers == scrolled_list.list.numbers[:10]


def test_result_of_an_earlier_query_leaves_the_request_pending(scrolled_list: ScrolledList) -> None:
    before = scrolled_list.query
    scrolled_list.look(scrolled_list.view.moved_to_last())
    scrolled_list.take(before)
    assert (scrolled_list.cursor, scrolled_list.asked) == (FIRST, 1)

    scrolled_list.answer()
    assert scrolled_list.cursor == scrolled_list.list.numbers[-1]


def test_cursor_scrolled_out_of_the_loaded_rows_is_cleared_but_its_mark_stays(scrolled_list: ScrolledList) -> None:
    scrolled_list.look(scrolled_list.view.toggled(UUID(int=FIRST)))
    while scrolled_list.view.cursor is not None:
        scrolled_list.look(scrolled_list.view.scrolled_to(scrolled_list.view.top + 9))
        if scrolled_list.asking.asked is not None:
            before = scrolled_list.view
            scrolled_list.answer()

    assert not before.is_missing(UUID(int=FIRST), scrolled_list.view)
    assert scrolled_list.view.marks == {UUID(int=FIRST)}
    top = scrolled_list.numbers[0]
    scrolled_list.look(scrolled_list.view.moved_by(1))
    assert scrolled_list.cursor == top


def position(scrolled_list: ScrolledList) -> tuple[int, bool, Count | None]:
    assert scrolled_list.view.position is not None
    return scrolled_list.view.position.number, scrolled_list.view.position.is_exact, scrolled_list.view.position.length


def test_position_is_exact_while_paging_and_estimated_after_a_jump(scrolled_list: ScrolledList) -> None:
    for _ in range(100):
        scrolled_list.look(scrolled_list.view.paged(1))
        scrolled_list.answer()
    assert position(scrolled_list) == (901, True, None)

    capped = Count(number=10_000, precision=Precision.CAPPED)
    scrolled_list.look(scrolled_list.view.counted(capped).moved_to_last())
    scrolled_list.answer()
    assert position(scrolled_list) == (10_000, False, capped)


def test_position_of_a_counted_list_is_exact_until_its_length_changes(scrolled_list: ScrolledList) -> None:
    scrolled_list.look(scrolled_list.view.counted(Count(number=5_000)))
    for _ in range(100):
        scrolled_list.look(scrolled_list.view.paged(1))
        scrolled_list.answer()
    before = scrolled_list.numbers
    changed = scrolled_list.view.counted(Count(number=5_003))
    assert changed.position is not None
    assert not changed.position.is_exact
    assert [job.id.int for job in changed.visible_jobs] == before

    scrolled_list.look(scrolled_list.view.moved_to_last())
    scrolled_list.answer()
    assert position(scrolled_list) == (5_000, True, Count(number=5_000))


@pytest.mark.parametrize("height", [1, 10, 50, 200])
@pytest.mark.parametrize("top", [0, 30, 199, 300, 590, 2_500, 4_400, 4_990])
def test_fetched_rows_cause_no_further_request(height: int, top: int) -> None:
    scrolled_list = ScrolledList(5_000, height=height)
    while scrolled_list.view.top < min(top, 5_000 - height):
        scrolled_list.look(scrolled_list.view.scrolled_to(min(top, scrolled_list.view.top + height)))
        if scrolled_list.asking.asked is not None:
            scrolled_list.answer()
            assert scrolled_list.view.request is None
    assert len(scrolled_list.view.rows) <= 3 * spare_rows(height)


class LongListMachine(RuleBasedStateMachine):
    """Rows come and go anywhere, answers come when they like, and a person moves, scrolls, jumps and resizes."""

    @initialize(length=st.sampled_from([1, 40, 650, 3_000]), height=st.sampled_from([1, 7, 40]))
    def open(self, length: int, height: int) -> None:
        self.scrolled_list = ScrolledList(length, height=height)

    @rule(place=st.integers(0, 10_000), number=st.integers(0, 300))
    def arrive(self, place: int, number: int) -> None:
        """Rows between two that are there, or before all."""
        numbers = self.scrolled_list.list.numbers
        for index in range(place, place + number):
            new = (numbers[index % len(numbers)] - 1) if numbers else FIRST
            if new > 0 and new not in numbers[max(0, self.scrolled_list.list.place(new)) :][:1]:
                insort(numbers, new)

    @rule(place=st.integers(0, 10_000), number=st.sampled_from([1, 5, 300]))
    def leave(self, place: int, number: int) -> None:
        numbers = self.scrolled_list.list.numbers
        start = place % max(1, len(numbers))
        del numbers[start : start + number]

    @rule()
    def answer(self) -> None:
        """Of the cursor: it stays, unless its job left or is not at hand any more, or a move had waited."""
        before = self.scrolled_list.view
        self.scrolled_list.answer()
        after = self.scrolled_list.view
        if after.cursor != before.cursor and before.place is not None and not before.waiting:
            assert after.cursor is None
        if before.cursor is not None and before.cursor in after.rows and not before.waiting:
            assert after.cursor == before.cursor
        numbers = self.scrolled_list.list.numbers
        held = [shown.id.int for shown in after.rows.jobs]
        start = self.scrolled_list.list.place(held[0]) if held else 0
        assert held == numbers[start : start + len(held)]
        assert {known.int for known in before.marks - after.marks}.isdisjoint(numbers)

    @precondition(lambda self: not self.scrolled_list.view.waiting)
    @rule()
    def answer_with_nothing_changed(self) -> None:
        """What stands where on the screen does not change, whatever else is fetched."""
        self.scrolled_list.answer()
        before = self.scrolled_list.view
        for _ in range(3):
            self.scrolled_list.answer()
        after = self.scrolled_list.view
        assert after.visible_jobs == before.visible_jobs
        if after.cursor is not None:
            assert after.cursor == before.cursor
        assert self.scrolled_list.asking.asked is None
        assert after.request is None

    @rule(rows=st.sampled_from([-1, 1]), times=st.sampled_from([1, 30]))
    def move(self, rows: int, times: int) -> None:
        for _ in range(times):
            self.scrolled_list.look(self.scrolled_list.view.moved_by(rows))

    @rule(pages=st.sampled_from([-1, 1]), times=st.sampled_from([1, 10]))
    def page(self, pages: int, times: int) -> None:
        for _ in range(times):
            self.scrolled_list.look(self.scrolled_list.view.paged(pages))

    @rule(end=st.sampled_from(End))
    def jump(self, end: End) -> None:
        view = self.scrolled_list.view
        self.scrolled_list.look(view.moved_to_first() if end is End.FIRST else view.moved_to_last())

    @rule(rows=st.integers(-500, 500))
    def scroll(self, rows: int) -> None:
        self.scrolled_list.look(self.scrolled_list.view.scrolled_to(self.scrolled_list.view.top + rows))

    @rule(height=st.sampled_from([1, 7, 40]))
    def resize(self, height: int) -> None:
        self.scrolled_list.look(self.scrolled_list.view.resized(height))

    @rule(precision=st.sampled_from(Precision), number=st.integers(0, 5_000))
    def count(self, precision: Precision, number: int) -> None:
        exact = len(self.scrolled_list.list.numbers)
        counted = Count(number=exact if precision is Precision.EXACT else number, precision=precision)
        before = self.scrolled_list.view
        self.scrolled_list.look(before.counted(counted))
        assert (self.scrolled_list.view.visible_jobs, self.scrolled_list.view.cursor) == (
            before.visible_jobs,
            before.cursor,
        )

    @rule()
    def mark(self) -> None:
        if self.scrolled_list.view.cursor is not None:
            self.scrolled_list.look(self.scrolled_list.view.toggled(self.scrolled_list.view.cursor))

    @invariant()
    def what_is_pointed_at_is_at_hand(self) -> None:
        view = self.scrolled_list.view
        assert view.cursor is None or view.rows.find(view.cursor) == view.place
        assert view.rows.first_place <= view.top <= view.max_top
        assert len(view.visible_jobs) == min(view.height, len(view.rows))
        assert (view.rows.first_place == 0) == (not view.rows.has_before)
        assert all(one.created_at >= other.created_at for one, other in pairwise(view.rows.jobs))
        assert len(view.waiting) <= 10


TestLongList = LongListMachine.TestCase

TestLongList.settings = settings(max_examples=60, stateful_step_count=25)
