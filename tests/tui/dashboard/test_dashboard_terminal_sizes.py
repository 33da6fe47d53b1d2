"""The dashboard in every terminal size and theme, and without colour."""

import pytest
from textual.app import App, ComposeResult

from gjobs.store.jobs.job import TRACEBACK
from gjobs.store.statistics.statistics import Count, Precision
from gjobs.tui.dashboard.panels.project_list import ProjectList, Sidebar
from tests.tui.dashboard.dashboard_driver import Drive
from tests.tui.jobs_database import JobsDatabase, job_id, short

TOO_SMALL = "The terminal is too small. gjobs needs 40 × 8."


async def test_dashboard_shows_jobs_at_every_size_and_names_the_project_if_it_is_narrow(drive: Drive) -> None:
    async with drive(size=(40, 8)) as driver:
        for width, height in ((40, 8), (80, 24), (200, 50)):
            await driver.resize(width, height)
            lines = driver.text.splitlines()
            assert [len(line) for line in lines] == [width] * height
            assert any("›" in line and "queued" in line for line in lines)
            assert short(3) not in driver.text, "only a wide table shows ids"
            await driver.shows_no_longer(TOO_SMALL)

        assert driver.app.dashboard.query_one("#left").display
        await driver.press("tab")
        assert driver.app.dashboard.focused is not driver.table
        await driver.resize(99, 24)
        await driver.until(lambda: not driver.app.dashboard.query_one("#left").display)
        await driver.until(lambda: driver.app.dashboard.focused is driver.table)
        assert driver.rows == [1, 2, 3, 4, 5, 6]
        await driver.resize(80, 24)
        await driver.press("down", until=lambda: driver.cursor == 2)
        assert driver.title == "All projects ▸ Autumn catalog (tab or p: switch) · 6, newest first"
        await driver.press("tab", dialog="Show which project?")
        await driver.type("spring", "enter", rows=[7])
        assert driver.title == "All projects ▸ Spring lookbook (tab or p: switch) · 1, newest first"
        await driver.resize(100, 24)
        await driver.until(lambda: driver.title == "Jobs · 1, newest first")
        await driver.press("tab", "tab")
        assert (driver.dialog, driver.app.focused) == ("", driver.table)

        for height, lines_of_costs in ((44, 9), (15, 2)):
            await driver.resize(80, height)
            await driver.until(lambda number=lines_of_costs: len(driver.costs) == number)  # type: ignore[misc]
        await driver.resize(80, 9)
        await driver.until(lambda: not driver.app.dashboard.query_one("#costs").region.area)


async def test_every_dialog_opens_at_a_small_size_and_shows_its_buttons_and_what_it_concerns(
    jobs_db: JobsDatabase, drive: Drive
) -> None:
    jobs_db.sql("update generation_jobs set error = repeat('x', 5000) where status = 'failed'")
    buttons = {
        "d": ("Cancel (n)", "Delete (y)", "▸ running  packaging  $2.50", f"{short(2)}  Autumn catalog"),
        "f": ("Cancel (esc)", "Fail (enter)", f"Fail packaging {short(2)}", "The error, such as"),
        "n": ("Cancel (esc)", "Create (enter)", "main_white"),
        "e": ("Copy (^y)", "Export (enter)", "jobs.csv"),
    }
    async with drive(size=(40, 8)) as driver:
        for key, shown in buttons.items():
            await driver.press(key, on=2, shows=shown)
            await driver.press("escape", dialog="")
        await driver.press("5", rows=[4], shows="▸ Autumn catalog · Failed jobs · 1")
        await driver.resize(1, 1)
        for key in ("enter", "p", "P", "u", "b", "w", "t", "d", "question_mark", "ctrl+p", "slash"):
            await driver.press(key, "escape", until=lambda: driver.app.screen is driver.app.dashboard)


class SidebarApp(App[None]):
    def __init__(self, width: int) -> None:
        super().__init__()
        self._width = width

    def compose(self) -> ComposeResult:
        yield Sidebar(screen_width=self._width)


@pytest.mark.parametrize(("width", "name"), [(120, "All"), (200, "All projects")])
async def test_all_projects_label_is_shortened_when_its_count_is_long(width: int, name: str) -> None:
    counted = Count(number=1_000_600, precision=Precision.ESTIMATED)
    async with SidebarApp(width).run_test(size=(width, 36)) as pilot:
        projects = pilot.app.query_one(ProjectList)
        projects.show((), None, sums={}, everything=counted)
        assert " ".join(str(projects.get_option("all").prompt).split()) == f"› {name} ~1,000,000"


async def test_too_small_terminal_shows_a_message_until_it_grows(drive: Drive) -> None:
    async with drive(size=(80, 7)) as driver:
        await driver.shows("too small")
        await driver.shows_no_longer("│")
        await driver.resize(80, 24)
        await driver.shows("Costs · Autumn catalog")
        await driver.shows_no_longer(TOO_SMALL)
        for theme in ("textual-light", "ansi-dark"):
            driver.app.theme = theme
            await driver.press("d", "escape", "down")
        assert driver.cursor == 3


STACK = "Out of memory\n" + "\n".join(f"at step {number} of the renderer" for number in range(40))


async def test_details_begin_with_what_happened_and_fold_a_long_stack(drive: Drive, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("update generation_jobs set error = %s where id = %s", STACK, job_id(4))
    frames = "".join(f'  File "/app/render.py", line {line}, in run\n' for line in range(30))
    traceback = f"{TRACEBACK}\n{frames}HTTPError: 503\n\nThe cause of:\n\n{TRACEBACK}\n{frames}RuntimeError: no image"
    jobs_db.job(9, "failed", error=traceback)
    async with drive(size=(80, 24)) as driver:
        await driver.press("enter", on=4, dialog="Job", shows=("error recorded", "e full error"))
        text = driver.text
        assert text.index("✗ failed") < text.index("Out of memory …") < text.index("Events") < text.index("Mode ")
        assert "at step 0" not in text
        assert "esc close" in text, "a line of key hints ends between two keys"
        await driver.press("e", shows=("e fold error", "at step 0 of the renderer"))
        await driver.press("end", shows="at step 39 of the renderer")
        await driver.press("e", shows="e full error", hides="at step 39")
        await driver.press("escape", dialog="")
        await driver.resize(120, 80)
        await driver.press("enter", on=1, dialog="Job")
        await driver.press("e", message="This job has no error.")
        await driver.press("escape", dialog="")
        await driver.press(
            "enter", on=4, dialog="Job", shows=("Full error", "at step 39 of the renderer", "e fold error")
        )
        await driver.press("escape", dialog="")
        # The list has only the first line and the end of the traceback.
        await driver.resize(120, 110)
        await driver.press("enter", on=9, dialog="Job", shows=("line 0, in run", "HTTPError: 503", "RuntimeError"))


async def test_long_summary_scrolls_only_its_lines(jobs_db: JobsDatabase, drive: Drive) -> None:
    jobs_db.jobs(range(100, 220))
    async with drive(size=(80, 24)) as driver:
        await driver.press("A", shows="126 jobs selected")
        await driver.press("c", shows="Complete 2 (y)")
        await driver.press("y", dialog="Completed", message="Completed 2 of 126 jobs")
        driver.app.messages.pin("word " * 30, owner="a step of two lines")
        box, lines = driver.app.screen.query_one("#dialog"), driver.app.screen.query_one("#lines")
        await driver.settle()
        assert driver.app.focused is lines
        for key, shown in (("home", "122 jobs are queued"), ("end", "2 jobs had already finished")):
            await driver.press(key, shows=(shown, "Close (esc)"))
            sentence = driver.app.screen.query_one("#sentence").region
            assert box.content_region.contains_region(sentence), "the summary stays at the top"
            assert (box.max_scroll_y, lines.show_vertical_scrollbar) == (0, True), "one scroll bar shows"
