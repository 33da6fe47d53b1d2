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


class Desk:
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

    def take(self, wish: RowRequest) -> None:
        window = self.list.window(query_of(wish))
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
        return [shown.id.int for shown in self.view.jobs_in_sight]

    @property
    def cursor(self) -> int | None:
        return None if self.view.cursor is None else self.view.cursor.int


def query_of(wish: RowRequest) -> RowWindowQuery:
    anchor = wish.anchor if isinstance(wish.anchor, End) else RowKey(value=None, id=wish.anchor)
    return RowWindowQuery(anchor=anchor, before=wish.before, after=wish.after)


@pytest.fixture
def desk() -> Desk:
    """Ten rows in sight of five thousand, the first ones."""
    return Desk(5_000)


def test_paging_shows_each_row_once_and_holds_few_rows(desk: Desk) -> None:
    seen = desk.numbers
    held = 0
    while len(seen) < 5_000:
        before = desk.numbers
        desk.look(desk.view.paged(1))
        if desk.asking.asked is not None:
            desk.answer()
        seen += [number for number in desk.numbers if number > before[-1]]
        held = max(held, len(desk.view.rows))

    assert seen == desk.list.numbers
    assert held <= 3 * spare_rows(10)
    assert desk.asked < 5_000 / 200


def test_rows_are_requested_once_before_they_become_visible(desk: Desk) -> None:
    while desk.asking.asked is None:
        desk.look(desk.view.paged(1))
    assert desk.view.rows.end - desk.view.top - desk.view.height > 2 * desk.view.height
    assert not desk.view.waiting

    while not desk.view.waiting:
        desk.look(desk.view.paged(1))
    assert desk.asked == 1


def test_keys_pressed_at_the_last_loaded_row_are_applied_when_rows_arrive(desk: Desk) -> None:
    for _ in range(70):
        desk.look(desk.view.paged(1))
    assert (desk.view.top, len(desk.view.waiting)) == (65 * 9, 5)
    desk.answer()
    assert not desk.view.waiting
    assert (desk.view.top, desk.view.place) == (70 * 9, 70 * 9)

    for _ in range(500):
        desk.look(desk.view.moved_by(1).paged(1))
    assert len(desk.view.waiting) == 10


def test_end_and_home_and_later_keys_move_the_cursor_when_their_rows_arrive(desk: Desk) -> None:
    desk.look(desk.view.moved_to_last())
    desk.look(desk.view.moved_by(-1))
    desk.look(desk.view.moved_by(-1))
    assert desk.cursor == FIRST
    desk.answer()
    assert desk.cursor == desk.list.numbers[-3]
    assert desk.numbers == desk.list.numbers[-10:]

    desk.look(desk.view.moved_to_first())
    assert desk.cursor == desk.list.numbers[-3]
    desk.answer()
    assert desk.cursor == FIRST
    assert desk.view.rows.follows_start


def test_new_row_request_replaces_a_pending_one(desk: Desk) -> None:
    desk.look(desk.view.moved_to_last())
    desk.look(desk.view.moved_to(UUID(int=FIRST + 4)))
    assert desk.query.anchor == UUID(int=FIRST)
    desk.answer()

    assert desk.cursor == FIRST + 4
    assert desk.numbers == desk.list.numbers[:10]


def test_result_of_an_earlier_query_leaves_the_request_pending(desk: Desk) -> None:
    before = desk.query
    desk.look(desk.view.moved_to_last())
    desk.take(before)
    assert (desk.cursor, desk.asked) == (FIRST, 1)

    desk.answer()
    assert desk.cursor == desk.list.numbers[-1]


def test_cursor_scrolled_out_of_the_loaded_rows_is_cleared_but_its_mark_stays(desk: Desk) -> None:
    desk.look(desk.view.toggled(UUID(int=FIRST)))
    while desk.view.cursor is not None:
        desk.look(desk.view.scrolled_to(desk.view.top + 9))
        if desk.asking.asked is not None:
            before = desk.view
            desk.answer()

    assert not before.is_missing(UUID(int=FIRST), desk.view)
    assert desk.view.marks == {UUID(int=FIRST)}
    top = desk.numbers[0]
    desk.look(desk.view.moved_by(1))
    assert desk.cursor == top


def position(desk: Desk) -> tuple[int, bool, Count | None]:
    assert desk.view.position is not None
    return desk.view.position.number, desk.view.position.is_exact, desk.view.position.length


def test_position_is_exact_while_paging_and_estimated_after_a_jump(desk: Desk) -> None:
    for _ in range(100):
        desk.look(desk.view.paged(1))
        desk.answer()
    assert position(desk) == (901, True, None)

    capped = Count(number=10_000, certainty=Precision.CAPPED)
    desk.look(desk.view.counted(capped).moved_to_last())
    desk.answer()
    assert position(desk) == (10_000, False, capped)


def test_position_of_a_counted_list_is_exact_until_its_length_changes(desk: Desk) -> None:
    desk.look(desk.view.counted(Count(number=5_000)))
    for _ in range(100):
        desk.look(desk.view.paged(1))
        desk.answer()
    before = desk.numbers
    changed = desk.view.counted(Count(number=5_003))
    assert changed.position is not None
    assert not changed.position.is_exact
    assert [job.id.int for job in changed.jobs_in_sight] == before

    desk.look(desk.view.moved_to_last())
    desk.answer()
    assert position(desk) == (5_000, True, Count(number=5_000))


@pytest.mark.parametrize("height", [1, 10, 50, 200])
@pytest.mark.parametrize("top", [0, 30, 199, 300, 590, 2_500, 4_400, 4_990])
def test_fetched_rows_cause_no_further_request(height: int, top: int) -> None:
    desk = Desk(5_000, height=height)
    while desk.view.top < min(top, 5_000 - height):
        desk.look(desk.view.scrolled_to(min(top, desk.view.top + height)))
        if desk.asking.asked is not None:
            desk.answer()
            assert desk.view.wish is None
    assert len(desk.view.rows) <= 3 * spare_rows(height)


class LongListMachine(RuleBasedStateMachine):
    """Rows come and go anywhere, answers come when they like, and a person moves, scrolls, jumps and resizes."""

    @initialize(length=st.sampled_from([1, 40, 650, 3_000]), height=st.sampled_from([1, 7, 40]))
    def open(self, length: int, height: int) -> None:
        self.desk = Desk(length, height=height)

    @rule(place=st.integers(0, 10_000), number=st.integers(0, 300))
    def arrive(self, place: int, number: int) -> None:
        """Rows between two that are there, or before all."""
        numbers = self.desk.list.numbers
        for index in range(place, place + number):
            new = (numbers[index % len(numbers)] - 1) if numbers else FIRST
            if new > 0 and new not in numbers[max(0, self.desk.list.place(new)) :][:1]:
                insort(numbers, new)

    @rule(place=st.integers(0, 10_000), number=st.sampled_from([1, 5, 300]))
    def leave(self, place: int, number: int) -> None:
        numbers = self.desk.list.numbers
        start = place % max(1, len(numbers))
        del numbers[start : start + number]

    @rule()
    def answer(self) -> None:
        """Of the cursor: it stays, unless its job left or is not at hand any more, or a move had waited."""
        before = self.desk.view
        self.desk.answer()
        after = self.desk.view
        if after.cursor != before.cursor and before.place is not None and not before.waiting:
            assert after.cursor is None
        if before.cursor is not None and before.cursor in after.rows and not before.waiting:
            assert after.cursor == before.cursor
        numbers = self.desk.list.numbers
        held = [shown.id.int for shown in after.rows.jobs]
        start = self.desk.list.place(held[0]) if held else 0
        assert held == numbers[start : start + len(held)]
        assert {known.int for known in before.marks - after.marks}.isdisjoint(numbers)

    @precondition(lambda self: not self.desk.view.waiting)
    @rule()
    def answer_with_nothing_changed(self) -> None:
        """What stands where on the screen does not change, whatever else is fetched."""
        self.desk.answer()
        before = self.desk.view
        for _ in range(3):
            self.desk.answer()
        after = self.desk.view
        assert after.jobs_in_sight == before.jobs_in_sight
        if after.cursor is not None:
            assert after.cursor == before.cursor
        assert self.desk.asking.asked is None
        assert after.wish is None

    @rule(rows=st.sampled_from([-1, 1]), times=st.sampled_from([1, 30]))
    def move(self, rows: int, times: int) -> None:
        for _ in range(times):
            self.desk.look(self.desk.view.moved_by(rows))

    @rule(pages=st.sampled_from([-1, 1]), times=st.sampled_from([1, 10]))
    def page(self, pages: int, times: int) -> None:
        for _ in range(times):
            self.desk.look(self.desk.view.paged(pages))

    @rule(end=st.sampled_from(End))
    def jump(self, end: End) -> None:
        view = self.desk.view
        self.desk.look(view.moved_to_first() if end is End.FIRST else view.moved_to_last())

    @rule(rows=st.integers(-500, 500))
    def scroll(self, rows: int) -> None:
        self.desk.look(self.desk.view.scrolled_to(self.desk.view.top + rows))

    @rule(height=st.sampled_from([1, 7, 40]))
    def resize(self, height: int) -> None:
        self.desk.look(self.desk.view.resized(height))

    @rule(certainty=st.sampled_from(Precision), number=st.integers(0, 5_000))
    def count(self, certainty: Precision, number: int) -> None:
        exact = len(self.desk.list.numbers)
        counted = Count(number=exact if certainty is Precision.EXACT else number, certainty=certainty)
        before = self.desk.view
        self.desk.look(before.counted(counted))
        assert (self.desk.view.jobs_in_sight, self.desk.view.cursor) == (before.jobs_in_sight, before.cursor)

    @rule()
    def mark(self) -> None:
        if self.desk.view.cursor is not None:
            self.desk.look(self.desk.view.toggled(self.desk.view.cursor))

    @invariant()
    def what_is_pointed_at_is_at_hand(self) -> None:
        view = self.desk.view
        assert view.cursor is None or view.rows.find(view.cursor) == view.place
        assert view.rows.first_place <= view.top <= view.furthest_top
        assert len(view.jobs_in_sight) == min(view.height, len(view.rows))
        assert (view.rows.first_place == 0) == (not view.rows.has_before)
        assert all(one.created_at >= other.created_at for one, other in pairwise(view.rows.jobs))
        assert len(view.waiting) <= 10


TestLongList = LongListMachine.TestCase

TestLongList.settings = settings(max_examples=60, stateful_step_count=25)
