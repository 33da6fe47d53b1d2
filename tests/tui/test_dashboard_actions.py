"""The keys that act on the job under the cursor: what is asked, what is stored, what is said."""

import pytest

from store.jobs.job import JobStatus
from tests.tui.driving import Driver
from tests.tui.world import JobsDatabase, job_id, short

NUMBERS = {"queued": 1, "running": 2, "succeeded": 3, "failed": 4}

"""The small world's first job in each status."""


async def test_start_key_starts_the_job_and_updates_list_and_costs(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("s")
    await dashboard.shows_toast(f"Started lifestyle {short(1)}.")

    assert jobs_db.status(1) is JobStatus.RUNNING
    await dashboard.until(lambda: "running" in dashboard.row(1))
    await dashboard.until(lambda: dashboard.costs[0].startswith("◌ queued 1 ▸ running 3 "))
    assert dashboard.costs[1].startswith("$0.75 $4.75 ")
    assert dashboard.cursor == 1


async def test_complete_key_completes_the_job_and_updates_list_and_costs(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await dashboard.go_to(2)
    await dashboard.press("c")
    await dashboard.shows_toast(f"Completed packaging {short(2)}.")

    assert jobs_db.status(2) is JobStatus.SUCCEEDED
    await dashboard.until(lambda: "succeeded" in dashboard.row(2))
    await dashboard.until(lambda: dashboard.costs[1].startswith("$1.75 $1.25 $5.50 "))


async def test_fail_key_asks_for_an_error_text_and_stores_it(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.go_to(2)
    await dashboard.press("f")
    await dashboard.has_dialog(f"Fail packaging {short(2)}")
    await dashboard.shows("Autumn catalog")
    await dashboard.type("Test error")
    await dashboard.press("enter")
    await dashboard.shows_toast(f"Failed packaging {short(2)}.")

    await dashboard.has_dialog("")
    assert jobs_db.sql("select status, error from generation_jobs where id = %s", job_id(2)) == [
        ("failed", "Test error")
    ]
    await dashboard.until(lambda: "Test error" in dashboard.row(2))
    await dashboard.until(lambda: "✗ failed 2" in dashboard.costs[0])


async def test_fail_dialog_rejects_an_empty_error_text(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.go_to(2)
    await dashboard.press("f")
    await dashboard.type("  ")
    await dashboard.press("enter")

    await dashboard.shows("✗ Error text is empty.")
    await dashboard.type("API timeout")
    await dashboard.shows_no_longer("is empty")
    await dashboard.press("escape")
    await dashboard.has_dialog("")
    assert jobs_db.status(2) is JobStatus.RUNNING


async def test_fail_dialog_keeps_a_text_that_cannot_be_stored(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.go_to(2)
    await dashboard.press("f")
    await dashboard.type("half a character: \ud800")
    await dashboard.press("enter")
    await dashboard.shows("✗ The error holds half a character")

    await dashboard.has_dialog(f"Fail packaging {short(2)}")
    assert jobs_db.status(2) is JobStatus.RUNNING
    await dashboard.type("mended")
    await dashboard.press("enter")
    await dashboard.shows_toast("Failed packaging")


NOT_APPLICABLE = (
    ("s", "running", "Only a queued job can be started; this one is running."),
    ("s", "succeeded", "Only a queued job can be started; this one is succeeded, which is final."),
    ("c", "queued", "Only a running job can be completed; this one is queued."),
    ("c", "failed", "Only a running job can be completed; this one is failed, which is final."),
    ("f", "queued", "Only a running job can be failed; this one is queued."),
    ("f", "succeeded", "Only a running job can be failed; this one is succeeded, which is final."),
)


async def test_status_key_that_does_not_apply_shows_the_reason(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    for key, status, why in NOT_APPLICABLE:
        await dashboard.go_to(NUMBERS[status])
        await dashboard.press(key)
        await dashboard.shows_toast(why)

        await dashboard.has_dialog("")
        assert jobs_db.status(NUMBERS[status]) == status
    assert len(dashboard.toasts) == len(NOT_APPLICABLE)


async def test_start_key_reports_a_job_that_another_process_has_finished(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    jobs_db.set_status(1, "succeeded")
    await dashboard.press("s")
    await dashboard.shows_toast(f"this one is succeeded, which is final. (lifestyle {short(1)})")

    assert jobs_db.status(1) is JobStatus.SUCCEEDED
    await dashboard.until(lambda: "succeeded" in dashboard.row(1))


async def test_job_keys_without_a_job_report_that_none_is_selected(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("delete from generation_jobs")
    await dashboard.refreshes()

    assert await dashboard.toasts_by_key("d", "y", "Y") == ["No job is under the cursor: go to one first."] * 3
    await dashboard.press("enter")
    await dashboard.has_dialog("")


async def test_repeated_key_press_shows_its_toast_once(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("delete from generation_jobs")
    await dashboard.refreshes()
    await dashboard.press("d", "d", "d")
    assert dashboard.toasts.count("No job is under the cursor: go to one first.") == 1


async def test_opening_a_question_clears_earlier_toasts(dashboard: Driver) -> None:
    await dashboard.go_to(1)
    await dashboard.press("y")
    await dashboard.shows_toast("Copied the id")
    await dashboard.press("d")
    await dashboard.has_dialog("Delete this job?")
    assert dashboard.toasts == []

    dashboard.app.notify("It was not made after all.")
    await dashboard.shows("It was not made after all.")


async def test_deletion_dialog_names_job_status_project_and_database(dashboard: Driver) -> None:
    warnings = {
        "queued": "This job is still queued: it will never run.",
        "running": "This job is still running: its worker loses it.",
        "succeeded": None,
        "failed": None,
    }
    for status, warning in warnings.items():
        await dashboard.go_to(NUMBERS[status])
        await dashboard.press("d")

        await dashboard.has_dialog("Delete this job?")
        for words in (status, short(NUMBERS[status]), "Autumn catalog", "Database: testbase", "U brings it back"):
            await dashboard.shows(words)
        await dashboard.shows(warning or "")
        assert ("still" in dashboard.text) == (warning is not None)
        await dashboard.press("escape")


async def test_deletion_dialog_deletes_nothing_without_an_explicit_yes(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    for keys in (["enter"], ["n"], ["escape"], ["right", "left", "enter"], ["tab", "tab", "enter"]):
        await dashboard.press("d", *keys)
        assert dashboard.dialog == "", keys

    await dashboard.refreshes()
    assert jobs_db.status(1) is JobStatus.QUEUED
    assert dashboard.toasts == []


@pytest.mark.parametrize("keys", ["y", "right enter", "tab enter"])
async def test_confirmed_deletion_removes_the_job_and_keeps_the_cursor_position(
    dashboard: Driver, jobs_db: JobsDatabase, keys: str
) -> None:
    await dashboard.go_to(3)
    await dashboard.press("d", *keys.split())
    await dashboard.shows_toast(f"Deleted main_white {short(3)}.")

    assert jobs_db.status(3) is None
    await dashboard.until(lambda: dashboard.rows == [1, 2, 4, 5, 6])
    await dashboard.until(lambda: dashboard.costs[0].endswith("✓ succeeded 0 ✗ failed 1 Total 5"))
    assert dashboard.cursor is None
    await dashboard.press("d")
    await dashboard.has_dialog("")
    assert not any("left this list" in toast for toast in dashboard.toasts), "one knows what one deleted"
    await dashboard.press("down")
    assert dashboard.cursor == 4


async def test_click_on_the_delete_button_deletes_the_job(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("d")
    await dashboard.pilot.click("#agree")
    await dashboard.shows_toast("Deleted lifestyle")

    assert jobs_db.status(1) is None


async def test_delete_key_pressed_twice_opens_one_dialog(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    dashboard.app.dashboard.action_act("delete")
    dashboard.app.dashboard.action_act("delete")
    await dashboard.has_dialog("Delete this job?")
    await dashboard.press("n")

    await dashboard.has_dialog("")


async def test_details_screen_offers_and_runs_the_applicable_actions(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.go_to(2)
    await dashboard.press("enter")
    await dashboard.shows("c complete  f fail  d delete")
    assert "s start  d" not in dashboard.text
    await dashboard.press("c")
    await dashboard.shows_toast(f"Completed packaging {short(2)}.")

    await dashboard.has_dialog("")
    assert jobs_db.status(2) is JobStatus.SUCCEEDED


async def test_details_screen_shows_every_column_and_the_formatted_error(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    jobs_db.sql("update generation_jobs set error = %s where id = %s", '{"message": "boom", "mode": "x"}', job_id(4))
    await dashboard.refreshes()
    await dashboard.go_to(4)
    await dashboard.press("enter")

    for words in (
        "✗ failed",
        "$0.50  50 cents",
        "4 min ago   2026-11-24 11:56:00 UTC",
        str(job_id(4)),
        "Autumn catalog  a1000000-0000-4000-8000-000000000000",
        "a0000000-0000-4000-8000-000000000000",
        "Input asset  none",
        '  "message": "boom",',
    ):
        await dashboard.shows(words)
    await dashboard.press("q")
    await dashboard.has_dialog("")
