"""Several jobs at once: what is asked, what is stored, and which are named as left."""

import pytest

from store.jobs.job import JobStatus
from tests.tui.driving import Driver
from tests.tui.world import World, short


async def mark(dashboard: Driver, *numbers: int) -> None:
    for number in numbers:
        await dashboard.go_to(number)
        await dashboard.press("space")
    assert dashboard.marked == set(numbers)


async def test_marks_are_counted_above_the_table_and_unmarked_by_escape(dashboard: Driver) -> None:
    await mark(dashboard, 1, 3)
    await dashboard.sees("2 marked, esc unmarks")

    await dashboard.press("escape")
    assert dashboard.marked == set()
    await dashboard.sees_no_more("marked")


async def test_the_marked_jobs_are_asked_for_and_started(dashboard: Driver, world: World) -> None:
    await mark(dashboard, 1, 5)
    await dashboard.press("s")
    await dashboard.has_dialog("Start these 2 jobs?")
    for words in (short(1), short(5), "lifestyle", "feature_callout", "Database: testbase", "Start 2 (y)"):
        await dashboard.sees(words)
    await dashboard.press("y")
    await dashboard.is_told("Started 2 of 2 jobs.")

    assert [world.status(number) for number in (1, 5)] == [JobStatus.RUNNING] * 2
    await dashboard.until(lambda: "running 4" in dashboard.costs[0])


async def test_the_default_answer_starts_none(dashboard: Driver, world: World) -> None:
    await mark(dashboard, 1, 5)
    await dashboard.press("s", "enter")

    await dashboard.has_dialog("")
    assert world.status(1) is JobStatus.QUEUED
    assert dashboard.marked == {1, 5}


async def test_those_that_may_not_are_left_and_named(dashboard: Driver, world: World) -> None:
    await mark(dashboard, 1, 3, 5)
    await dashboard.press("s", "y")
    await dashboard.is_told(f"Started 2 of 3 jobs; 1 had already finished: main_white {short(3)}.")

    assert world.status(3) is JobStatus.SUCCEEDED


async def test_where_none_may_it_is_said_and_not_asked(dashboard: Driver) -> None:
    await mark(dashboard, 2, 3)
    await dashboard.press("s")
    await dashboard.is_told("Only queued jobs can be started; none of these 2 is.")

    await dashboard.has_dialog("")


async def test_several_fail_with_one_text(dashboard: Driver, world: World) -> None:
    await mark(dashboard, 2, 6)
    await dashboard.press("f")
    await dashboard.has_dialog("Fail 2 jobs")
    await dashboard.type("Test error")
    await dashboard.press("enter")
    await dashboard.is_told("Failed 2 of 2 jobs.")

    assert world.sql("select count(*) from generation_jobs where error = 'Test error'") == [(2,)]


async def test_several_are_deleted_with_stronger_words_for_the_live_ones(dashboard: Driver, world: World) -> None:
    await mark(dashboard, 1, 2, 3)
    await dashboard.press("d")
    await dashboard.has_dialog("Delete these 3 jobs?")
    await dashboard.sees("Among them 1 still queued and 1 still running: they will never finish.")
    await dashboard.press("y")
    await dashboard.is_told("Deleted 3 of 3 jobs.")

    assert [world.status(number) for number in (1, 2, 3)] == [None] * 3
    await dashboard.until(lambda: dashboard.rows == [4, 5, 6])
    assert not any("left this list" in toast for toast in dashboard.toasts), "one knows what one deleted"


async def test_a_marked_job_that_changed_while_the_question_was_open_is_not_deleted(
    dashboard: Driver, world: World
) -> None:
    await mark(dashboard, 3, 4)
    await dashboard.press("d")
    world.set_status(4, "queued")
    await dashboard.press("y")
    await dashboard.is_told(f"Deleted 1 of 2 jobs; 1 is queued by now: lifestyle {short(4)}.")

    assert (world.status(3), world.status(4)) == (None, JobStatus.QUEUED)


async def test_a_marked_job_that_leaves_the_list_loses_its_mark_and_this_is_told(
    dashboard: Driver, world: World
) -> None:
    await mark(dashboard, 2, 3, 4)
    world.delete(2, 3)
    await dashboard.looks_again()

    await dashboard.is_told("2 marked jobs left this list.")
    assert dashboard.marked == {4}
    await dashboard.sees("1 marked")


@pytest.mark.parametrize("keys", [["asterisk"], ["ctrl+a"]])
async def test_all_are_marked_at_once(dashboard: Driver, keys: list[str]) -> None:
    await dashboard.press(*keys)

    assert dashboard.marked == {1, 2, 3, 4, 5, 6}
