"""The line of key hints on the dashboard: which keys it shows, and which are grey."""

import pytest
from textual.content import Content

from gjobs.store.configuration.settings import WriteMode
from gjobs.store.jobs.job import JobStatus
from gjobs.tui.dashboard.panels.footer import KeyHints
from tests.tui.dashboard.dashboard_driver import Clock, Drive, Driver, Gate
from tests.tui.jobs_database import BEN, JobsDatabase

WRITES = ("s start", "c complete", "f fail", "r retry", "n new", "d delete")


def hints(driver: Driver) -> str:
    return str(driver.app.dashboard.query_one(KeyHints).render())


def grey(driver: Driver) -> list[str]:
    """Return the hints that are grey."""
    line = driver.app.dashboard.query_one(KeyHints).render()
    assert isinstance(line, Content)
    return [line.plain[span.start : span.end] for span in line.spans if span.style == "$foreground-disabled"]


async def test_keys_that_do_not_apply_to_the_selected_jobs_are_grey(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    for number, refused in (
        (1, ["c complete", "f fail", "r retry"]),
        (2, ["s start", "r retry"]),
        (3, ["s start", "c complete", "f fail", "r retry"]),
        (4, ["s start", "c complete", "f fail"]),
    ):
        await dashboard.go_to(number)
        await dashboard.until(lambda refused=refused: grey(dashboard) == refused)  # type: ignore[misc]

    await dashboard.go_to(1)
    jobs_db.set_status(1, "running")
    await dashboard.refreshes(until=lambda: grey(dashboard) == ["s start", "r retry"])
    await dashboard.focus_on("#projects")
    assert grey(dashboard) == [*WRITES[:4], "d delete"]
    dashboard.app.dashboard.set_focus(dashboard.table)

    screen = dashboard.app.dashboard
    await dashboard.press("space", on=5)
    await dashboard.press("space", on=2, shows="2 marked")
    assert grey(dashboard) == ["r retry"]
    collected = screen._selection
    await dashboard.press("down", "up")
    await dashboard.refreshes()
    assert screen._selection is collected, "statuses are collected once until they change"
    await dashboard.press("space", on=4, until=lambda: grey(dashboard) == [])


async def test_keys_that_may_not_change_a_hidden_job_are_grey_and_none_is_shown_behind_a_dialog(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    jobs_db.job(9, "failed", owner=BEN)
    await dashboard.press("v", shows="visibility: ")
    await dashboard.press(on=9, until=lambda: grey(dashboard) == [*WRITES[:4], "d delete"])
    await dashboard.press("v", hides="visibility: ")
    await dashboard.press(on=4, until=lambda: grey(dashboard) == ["s start", "c complete", "f fail"])

    line = dashboard.app.dashboard.query_one(KeyHints)
    await dashboard.press("p", on=1, until=lambda: dashboard.dialog)
    assert not line.visible
    jobs_db.set_status(1, "running")
    await dashboard.refreshes_behind()
    await dashboard.press("escape", dialog="")
    await dashboard.until(lambda: line.visible and grey(dashboard) == ["s start", "r retry"])


async def test_job_keys_are_grey_while_another_list_is_loading(drive: Drive) -> None:
    gate = Gate("get_listing", lambda _, query: query.window.listed.status is JobStatus.FAILED)
    async with drive(make=gate.store) as driver:
        await driver.go_to(1)
        assert "s start" not in grey(driver)
        await driver.press("5", shows="loading …")
        await driver.until(lambda: set(WRITES) - {"n new"} <= {*grey(driver)})
        gate.open()
        await driver.expects(rows=[4], until=lambda: grey(driver) == ["s start", "c complete", "f fail"])


async def test_read_only_dashboard_shows_write_keys_only_during_a_permit(drive: Drive, clock: Clock) -> None:
    async with drive(rule=WriteMode.PERMIT_REQUIRED, clock=clock) as driver:
        assert not any(key in hints(driver) for key in WRITES)
        assert "⏎ details" in hints(driver)
        await driver.press("W", until=lambda: driver.dialog)
        await driver.type("a test", "enter", dialog="", until=lambda: all(key in hints(driver) for key in WRITES))
        await driver.press("W", until=lambda: not any(key in hints(driver) for key in WRITES))


@pytest.mark.parametrize("rule", [WriteMode.CLOSED, WriteMode.OPEN])
async def test_line_begins_with_the_usable_job_keys_and_ends_with_help_and_quit(drive: Drive, rule: WriteMode) -> None:
    async with drive(size=(80, 24), rule=rule) as driver:
        for width, height in ((60, 15), (80, 24), (120, 36), (160, 36)):
            await driver.resize(width, height)
            end = "? help" if width == 60 else "? help  q quit"
            assert driver.text.splitlines()[-1].rstrip().endswith(end)
            assert len(hints(driver)) == width - 1
            if width == 80 and rule is WriteMode.OPEN:
                await driver.go_to(1)
                assert hints(driver).startswith("⏎ details  s start  c complete  f fail  n new  d delete  / find")
                await driver.go_to(4)
                await driver.until(lambda: "r retry" in hints(driver) and "/ find" in hints(driver))
            elif width >= 120 and (rule is WriteMode.CLOSED or width == 160):
                assert all(hint in hints(driver) for hint in ("C case", "E errors", "u user"))
        await driver.focus_on("#projects")
        assert "C case" not in grey(driver)
