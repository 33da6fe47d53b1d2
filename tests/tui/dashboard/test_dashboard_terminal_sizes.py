"""The dashboard in every terminal: size, theme, contrast, no color, and programs that copy."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from gjobs.store.configuration.config_file import NAMES
from gjobs.store.jobs.job import TRACEBACK
from gjobs.store.statistics.statistics import Count, Precision
from gjobs.tui.dashboard.panels.project_list import ProjectList
from gjobs.tui.dashboard.terminal import clipboard
from gjobs.tui.dashboard.terminal.appearance import contrast, frame_variables, text_on, text_variables
from gjobs.tui.dashboard.terminal.clipboard import clipboard_commands, first_that_copies
from tests.tui.dashboard.dashboard_driver import Drive, Driver
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


async def test_dialogs_on_small_screens_show_buttons_and_subject(jobs_db: JobsDatabase, drive: Drive) -> None:
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


async def test_all_projects_label_is_shortened_when_its_count_is_long(dashboard: Driver) -> None:
    projects = dashboard.app.dashboard.query_one(ProjectList)
    for width, name in ((120, "All"), (200, "All projects")):
        await dashboard.resize(width, 36)
        projects.show((), None, totals={}, everything=Count(number=1_000_600, precision=Precision.ESTIMATED))
        assert " ".join(str(projects.get_option("all").prompt).split()) == f"› {name} ~1,000,000"


async def test_too_small_terminal_shows_a_message_until_it_grows(drive: Drive) -> None:
    async with drive(size=(80, 7)) as driver:
        await driver.expects(shows="too small", hides="│")
        await driver.resize(80, 24)
        await driver.expects(shows="Costs · Autumn catalog", hides=TOO_SMALL)
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


THEMES = {name: {**theme.to_color_system().generate(), **theme.variables} for name, theme in BUILTIN_THEMES.items()}

TEXTS = {"text-primary", "text-accent", "text-success", "text-warning", "text-error"}

COLORS = (*NAMES, "#123", "#808080", "#fefefe")


@pytest.mark.parametrize("theme", THEMES)
def test_frame_lines_and_labels_have_enough_contrast_in_every_theme(theme: str) -> None:
    background = Color.parse(THEMES[theme]["background"])
    uncolored = frame_variables(None, THEMES[theme], writing=False)
    assert uncolored["frame"] == THEMES[theme]["primary"]
    for color in COLORS:
        values = frame_variables(color, THEMES[theme], writing=False)
        assert values.keys() == uncolored.keys()
        variables = {name: Color.parse(value) for name, value in values.items()}
        assert contrast(variables["frame-text"], variables["frame-block"]) >= 4.5, color
        assert variables["frame-block"].rgb == Color.parse(color).rgb
        if background.ansi is None:
            assert contrast(variables["frame"], background) >= 3, color


@pytest.mark.parametrize("theme", THEMES)
def test_text_is_readable_in_dialogs_and_on_their_cursor_in_every_theme(theme: str) -> None:
    values = THEMES[theme]
    surface, cursor = (Color.parse(values[name]) for name in ("surface", "block-cursor-blurred-background"))
    variables = text_variables(values)
    assert set(variables) == (set() if theme.startswith("ansi") else TEXTS)
    for name, value in variables.items():
        assert contrast(Color.parse(value), surface) >= 4.5, name
        assert contrast(Color.parse(value), surface.blend(cursor, cursor.a, 1)) >= 3, name
    if theme == "textual-dark":
        assert all(Color.parse(value).hex == Color.parse(values[name]).hex for name, value in variables.items())


def test_color_with_enough_contrast_is_used_unchanged_and_black_on_white_has_the_most() -> None:
    for theme, color in (("textual-dark", "#808080"), ("textual-light", "#606060")):
        assert Color.parse(frame_variables(color, THEMES[theme], writing=False)["frame"]) == Color.parse(color)

    black, white = Color.parse("#000"), Color.parse("#fff")
    assert contrast(black, white) == pytest.approx(21)
    assert (text_on(black), text_on(white)) == (white, black)


@pytest.mark.parametrize("theme", THEMES)
def test_write_permit_changes_the_frame_lines_but_not_the_label(theme: str) -> None:
    background = Color.parse(THEMES[theme]["background"])
    for color in (None, "red"):
        variables = frame_variables(color, THEMES[theme], writing=True)
        quiet = frame_variables(color, THEMES[theme], writing=False)
        assert variables["frame"] == variables["frame-quiet"]
        assert (variables["frame-block"], variables["frame-text"]) == (quiet["frame-block"], quiet["frame-text"])
        words, block, line = (Color.parse(variables[name]) for name in ("writing-text", "writing-block", "frame"))
        assert contrast(words, block) >= 4.5
        if background.ansi is None:
            assert contrast(line, background) >= 3


@pytest.mark.parametrize(
    ("environment", "platform", "programs"),
    [
        ({}, "linux", []),
        ({"DISPLAY": "", "WAYLAND_DISPLAY": "", "TMUX": ""}, "linux", []),
        ({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, "linux", ["wl-copy", "xclip"]),
        ({"DISPLAY": ":0", "TMUX": "/tmp/tmux-1000/default,1,0"}, "linux", ["xclip", "tmux", "tmux"]),
        ({"TMUX": "/tmp/tmux-1000/default,1,0"}, "darwin", ["pbcopy", "tmux", "tmux"]),
        ({"SSH_CONNECTION": "10.0.0.1 5000 10.0.0.2 22"}, "darwin", []),
    ],
)
def test_only_programs_that_can_reach_the_clipboard_of_the_user_are_tried(
    environment: Mapping[str, str], platform: str, programs: list[str]
) -> None:
    assert [command[0] for command in clipboard_commands(environment, platform)] == programs


def test_first_program_that_takes_the_text_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipboard, "_SECONDS", 0.05)
    copied = tmp_path / "copied"
    hangs, fails, is_missing = ("sleep", "600"), ("false",), ("gjobs-no-such-program",)
    takes = ("dd", f"of={copied}")

    assert first_that_copies([hangs, fails, is_missing], "Größe") is None
    monkeypatch.setattr(clipboard, "_SECONDS", 60.0)
    assert first_that_copies([fails, is_missing, takes, fails], "Größe") == "dd"
    assert copied.read_text(encoding="utf-8") == "Größe"
