"""Which jobs are listed and in which order, by keys and by mouse, and what is copied of them."""

import json
from functools import partial

from textual.widgets import Input

from tests.tui.driving import Driver
from tests.tui.world import JobsDatabase, job_id, short
from tui.dashboard.job_list.job_table import JobTable
from tui.dashboard.job_list.list_header import StatusTabs

LISTS = (
    ("2", [1, 5], "Queued jobs · 2, newest first"),
    ("3", [2, 6], "Running jobs · 2, newest first"),
    ("4", [3], "Succeeded jobs · 1, newest first"),
    ("5", [4], "Failed jobs · 1, newest first"),
    ("1", [1, 2, 3, 4, 5, 6], "Jobs · 6, newest first"),
)


def lists_rows(dashboard: Driver, rows: list[int]) -> bool:
    return dashboard.rows == rows


async def test_number_key_lists_jobs_of_one_status(dashboard: Driver) -> None:
    for key, rows, title in LISTS:
        cursor = dashboard.cursor
        await dashboard.press(key)
        await dashboard.until(partial(lists_rows, dashboard, rows))

        assert dashboard.title == title
        assert dashboard.cursor == (cursor if cursor in rows else rows[0]), "on its job where that is listed, too"
        assert dashboard.costs[0].endswith("Total 6"), "the costs are of the whole project"
    assert dashboard.toasts == []


async def test_status_without_jobs_shows_a_message(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.delete(4)
    await dashboard.press("5")
    await dashboard.shows("No failed jobs.")


async def test_click_on_a_status_tab_lists_its_jobs(dashboard: Driver) -> None:
    lists = {"failed": [4], "running": [2, 6], "queued": [1, 5], "succeeded": [3], "all": [1, 2, 3, 4, 5, 6]}
    for label, rows in lists.items():
        line = str(dashboard.app.dashboard.query_one(StatusTabs).render())
        await dashboard.pilot.click(StatusTabs, offset=(line.index(label), 0))
        await dashboard.until(partial(lists_rows, dashboard, rows))


async def test_marks_that_leave_the_list_are_dropped_and_reported(dashboard: Driver) -> None:
    await dashboard.press("space", "4")
    await dashboard.until(lambda: dashboard.rows == [3])
    await dashboard.shows_toast("1 marked job left this list.")

    assert dashboard.marked == set()


async def test_o_key_sorts_by_the_next_column_and_capital_o_reverses_the_order(dashboard: Driver) -> None:
    seen = []
    for order in ("updated", "dearest", "slowest", "newest"):
        await dashboard.press("o")
        await dashboard.until(lambda: order in dashboard.title)  # noqa: B023
        seen.append((dashboard.title.partition(", ")[2], dashboard.rows))
    assert seen == [
        ("last updated first", [1, 2, 3, 4, 5, 6]),
        ("dearest first", [3, 2, 6, 1, 5, 4]),
        ("slowest first", [4, 3, 6, 5, 2, 1]),
        ("newest first", [1, 2, 3, 4, 5, 6]),
    ]
    await dashboard.press("O")
    await dashboard.until(lambda: dashboard.title == "Jobs · 6, oldest first")
    assert dashboard.rows == [6, 5, 4, 3, 2, 1]
    assert dashboard.cursor == 1


async def test_click_on_a_column_title_sorts_and_a_second_click_reverses(dashboard: Driver) -> None:
    cost = dashboard.row(0).index("COST")
    await dashboard.pilot.click(JobTable, offset=(cost, 0))
    await dashboard.until(lambda: dashboard.title.endswith("dearest first"))
    await dashboard.pilot.click(JobTable, offset=(cost, 0))
    await dashboard.until(lambda: dashboard.title.endswith("cheapest first"))

    assert dashboard.rows == [4, 5, 1, 6, 2, 3]


async def test_new_job_is_inserted_in_the_current_order(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("o", "o")
    jobs_db.job(9, cost_cents=275)
    await dashboard.refreshes()

    assert dashboard.rows == [3, 9, 2, 6, 1, 5, 4]


async def test_escape_clears_the_marks_first_and_then_the_filter(dashboard: Driver) -> None:
    await dashboard.press("slash", *"life")
    await dashboard.until(lambda: dashboard.rows == [1, 4, 6])
    await dashboard.press("enter", "space")
    assert dashboard.marked == {1}
    await dashboard.press("escape")
    assert dashboard.marked == set()
    assert dashboard.app.dashboard.query_one("#find", Input).value == "life"
    await dashboard.press("escape")
    await dashboard.until(lambda: dashboard.rows == [1, 2, 3, 4, 5, 6])


async def test_copy_key_copies_the_job_id_and_shows_a_toast(dashboard: Driver) -> None:
    await dashboard.press("down", "y")

    assert dashboard.app.clipboard == str(job_id(2))
    await dashboard.shows_toast(f"Copied the id {job_id(2)}.")


async def test_copy_json_key_copies_the_job_as_the_command_line_prints_it(dashboard: Driver) -> None:
    await dashboard.press("down", "down", "down", "Y")
    await dashboard.shows_toast(f"Copied lifestyle {short(4)} as JSON.")

    assert json.loads(dashboard.app.clipboard) == {
        "id": str(job_id(4)),
        "user_id": "a0000000-0000-4000-8000-000000000000",
        "project_id": "a1000000-0000-4000-8000-000000000000",
        "status": "failed",
        "mode": "lifestyle",
        "input_asset_id": None,
        "error": "API timeout",
        "cost_cents": 50,
        "created_at": "2026-11-24T11:56:00.000000Z",
        "updated_at": "2026-11-24T11:56:00.000000Z",
        "retry_count": 0,
        "completed_at": None,
    }


async def test_copy_keys_copy_all_marked_jobs(dashboard: Driver) -> None:
    await dashboard.press("space", "space", "y")
    assert dashboard.app.clipboard == f"{job_id(1)}\n{job_id(2)}"
    await dashboard.shows_toast("Copied the ids of 2 jobs.")

    await dashboard.press("Y")
    await dashboard.shows_toast("Copied 2 jobs as JSON.")
    assert [job["status"] for job in json.loads(dashboard.app.clipboard)] == ["queued", "running"]


async def test_copy_keys_of_the_details_copy_their_job(dashboard: Driver) -> None:
    await dashboard.press("enter", "y")
    assert dashboard.app.clipboard == str(job_id(1))
    await dashboard.press("Y")
    await dashboard.shows_toast(f"Copied lifestyle {short(1)} as JSON.")
    assert json.loads(dashboard.app.clipboard)["id"] == str(job_id(1))


async def test_click_selects_a_job_and_a_second_click_opens_it(dashboard: Driver) -> None:
    await dashboard.pilot.click(JobTable, offset=(10, 3))
    assert dashboard.cursor == 3
    await dashboard.has_dialog("")
    await dashboard.pilot.click(JobTable, offset=(10, 3))
    await dashboard.has_dialog("Job")
