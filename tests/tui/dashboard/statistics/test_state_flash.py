"""Changes between two counts, and how the panel and the table highlight them."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.store.statistics.statistics import Count, JobStatistic, JobStatistics, Precision, Totals, TotalsQuery
from gjobs.store.users.actor import ActingUser
from gjobs.tui.dashboard.list.table_drawing import CURSOR_FLASH, FLASH
from gjobs.tui.dashboard.panels.costs_panel import CostsPanel, draw_costs
from gjobs.tui.dashboard.panels.state_machine import FRAMES, StateChanges, draw_changes, state_changes
from tests.store.store_fixtures import ADA
from tests.tui.dashboard.dashboard_driver import Drive, Driver
from tests.tui.jobs_database import JobsDatabase
from tests.tui.sample_jobs import NOON, make_totals, texts

QUEUED, RUNNING, SUCCEEDED, FAILED = JobStatus


def counted(*numbers: int) -> Totals:
    rows = zip(JobStatus, numbers, strict=True)
    statistics = JobStatistics(
        by_status=tuple(
            JobStatistic(status=status, count=number, total_cost_cents=0, avg_cost_cents=0.0) for status, number in rows
        )
    )
    return make_totals(statistics)


BEFORE = counted(5, 4, 3, 2)


@pytest.mark.parametrize(
    ("after", "changed", "moved"),
    [
        (counted(4, 5, 3, 2), {QUEUED, RUNNING}, {RUNNING: 1}),
        (counted(5, 3, 4, 2), {RUNNING, SUCCEEDED}, {SUCCEEDED: 1}),
        (counted(2, 4, 4, 4), {QUEUED, SUCCEEDED, FAILED}, {RUNNING: 3, SUCCEEDED: 1, FAILED: 2}),
        (counted(5, 4, 3, 1), {FAILED}, {}),
    ],
)
def test_changes_count_the_jobs_moved_to_a_state(
    after: Totals, changed: set[JobStatus], moved: dict[JobStatus, int]
) -> None:
    assert state_changes(BEFORE, after) == StateChanges(changed=frozenset(changed), moved=moved)


@pytest.mark.parametrize(
    ("after", "new", "moved"),
    [
        (counted(5, 4, 4, 2), 1, {RUNNING: 1, SUCCEEDED: 1}),
        (counted(6, 3, 4, 2), 0, {SUCCEEDED: 1}),
        (counted(9, 5, 41, 9), 0, {}),
        (counted(5, 4, 13, 2), 4, {RUNNING: 4, SUCCEEDED: 4}),
    ],
)
def test_restored_or_imported_job_has_not_moved(after: Totals, new: int, moved: dict[JobStatus, int]) -> None:
    after = replace(after, taken_at=NOON + timedelta(seconds=2))
    created_at = [NOON - timedelta(minutes=1), *[NOON + timedelta(seconds=1)] * new, NOON + timedelta(seconds=3)]
    changes = state_changes(BEFORE, after, created_at=created_at)
    assert changes is not None
    assert changes.moved == moved


LATER = counted(4, 5, 3, 2)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, LATER),
        (BEFORE, BEFORE),
        (BEFORE, replace(BEFORE, days=None)),
        (BEFORE, replace(LATER, query=TotalsQuery(matching=ListQuery()))),
        (BEFORE, replace(LATER, actor=ActingUser(id=ADA, email="ada@a.b"))),
        (BEFORE, replace(LATER, counts={QUEUED: Count(number=4, precision=Precision.ESTIMATED)})),
        (replace(BEFORE, counts={}), LATER),
    ],
)
def test_only_later_exact_counts_of_the_same_jobs_are_compared(before: Totals | None, after: Totals) -> None:
    assert state_changes(before, after) is None


def drawn_changes(after: Totals, frame: int, *, width: int, height: int) -> str:
    changes = state_changes(BEFORE, after)
    assert changes is not None
    drawing = draw_costs(after, width=width, height=height)
    draw_changes(drawing, changes, frame=frame)
    reversed_texts = [text for line in drawing.canvas.lines() for text, style in line if "reverse" in style]
    assert sorted(reversed_texts) == sorted(str(after.counts[status].number) for status in changes.changed)
    return "\n".join(texts(drawing.canvas.lines()))


@pytest.mark.parametrize(("width", "height"), [(140, 9), (110, 5)])
def test_moved_jobs_travel_along_the_arrow_to_their_state(width: int, height: int) -> None:
    first, last = (
        drawn_changes(counted(2, 4, 4, 4), frame, width=width, height=height).splitlines() for frame in (0, FRAMES)
    )
    rows = range(len(first))
    for words in ("+1", "+2", "+3"):
        (place, end), *more = [(first[y].index(words), last[y].index(words)) for y in rows if words in first[y]]
        assert place < end
        assert not more


def test_moved_jobs_in_columns_touch_no_number() -> None:
    usual = r".*◌.* 2 +─*(\+3─*→?|→) .*▸.* 4 +─*(\+1─*→?|→) .*✓.* 4 +(/ *(\+2 +)?|\+2 +)\d? ?✗.*"
    for width, frame, height in product(range(60, 130, 6), range(FRAMES + 1), (3, 4, 5)):
        shown = drawn_changes(counted(2, 4, 4, 4), frame, width=width, height=height).splitlines()[0]
        assert re.fullmatch(usual, shown), shown
        assert not re.search(r"\d\+|\+\d\d", shown), shown
        assert width < 76 or {"+1", "+2", "+3"} <= set(re.findall(r"\+\d", shown)), shown


def test_job_that_failed_does_not_travel_to_the_succeeded_ones() -> None:
    shown = drawn_changes(counted(5, 3, 3, 3), 0, width=110, height=5).splitlines()[0]
    assert shown.index("/") < shown.index("+1") < shown.index("✗")


@pytest.fixture
async def animated(drive: Drive) -> AsyncIterator[Driver]:
    async with drive() as driver:
        driver.app.animation_level = "full"
        yield driver


def flashing(driver: Driver) -> list[str]:
    """Return the styles of the rows that flash."""
    return [line.style for line in driver.table._lines if line.style in (FLASH, CURSOR_FLASH)]


async def test_changed_job_and_its_states_flash_for_a_moment(animated: Driver, jobs_db: JobsDatabase) -> None:
    panel = animated.app.dashboard.query_one(CostsPanel)
    assert (panel._frames, flashing(animated)) == (None, [])
    jobs_db.set_status(5, "running")
    await animated.press("f5", until=lambda: flashing(animated) == [FLASH])
    await animated.until(lambda: panel._changes is not None and "+1" in animated.costs[0])
    await animated.until(lambda: panel._frames is None and not flashing(animated))
    assert "+1" not in animated.costs[0]
    jobs_db.set_status(1, "running")
    await animated.press("f5", until=lambda: flashing(animated) == [CURSOR_FLASH])

    animated.app.animation_level = "none"
    await animated.until(lambda: panel._frames is None and not flashing(animated))
    jobs_db.set_status(6, "succeeded")
    await animated.refreshes(shows="✓ succeeded 2")
    assert (panel._frames, panel._changes, flashing(animated)) == (None, None, [])


async def test_deleted_and_restored_jobs_flash_but_do_not_move(animated: Driver) -> None:
    panel = animated.app.dashboard.query_one(CostsPanel)
    shown: list[StateChanges] = []
    panel._flash = lambda changes: shown.append(changes) if changes else None  # type: ignore[method-assign]
    await animated.press("5", rows=[4])
    await animated.press("1", rows=[1, 2, 3, 4, 5, 6])
    await animated.show_project("Spring lookbook")
    await animated.show_project("Autumn catalog")
    assert (shown, flashing(animated)) == ([], []), "another list or project"
    await animated.press("asterisk", shows="6 marked")
    await animated.press("d", "y", message="Deleted 6 of 6 jobs.", until=lambda: len(shown) == 1)
    await animated.press("U", message="Restored 6 jobs.", until=lambda: len(shown) == 2)
    assert [SUCCEEDED in changes.changed for changes in shown] == [True, True]
    assert [changes.moved for changes in shown] == [{}, {}]
