"""The message line: successes, pinned texts, and its place on each screen."""

from functools import partial

import pytest
from textual.widgets import OptionList
from textual.widgets._toast import Toast as ToastWidget

from gjobs.tui.dashboard.message_line import MessageLine
from gjobs.tui.dashboard.widgets import show_toast
from gjobs.tui.text.error_text import Toast
from tests.tui.dashboard.dashboard_driver import Drive, Driver
from tests.tui.jobs_database import JobsDatabase, short


def line(driver: Driver) -> str:
    """Return the text of the line on the top screen."""
    lines = driver.app.screen.query(MessageLine)
    return str(lines.first().render()) if lines else ""


def is_open(driver: Driver, title: str, *, is_list: bool) -> bool:
    """If `is_list`, return whether the list is on top. Otherwise, return whether a dialog whose title begins with
    `title` is on top. Only dialogs have a title.
    """
    return driver.dialog.startswith(title) and (driver.app.screen is driver.app.dashboard) is is_list


async def test_success_is_on_the_line_with_the_key_that_undoes_it(dashboard: Driver) -> None:
    await dashboard.press("d", "y", on=2, message=f"Deleted packaging {short(2)}.")
    await dashboard.settle()
    assert line(dashboard) == f"Deleted packaging {short(2)} · U undo"
    assert not dashboard.app.screen.query(ToastWidget)


async def test_ctrl_c_names_the_key_that_quits_unless_text_is_selected(dashboard: Driver) -> None:
    for key, dialog in (("", ""), ("B", ""), ("e", "Export"), ("d", "Delete this job?"), ("question_mark", "Manual: ")):
        await dashboard.press(*filter(None, [key]), until=partial(is_open, dashboard, dialog, is_list=not key))
        if dashboard.dialog == "Export":
            await dashboard.press("ctrl+c", message="Copied the selected text with OSC 52.")
            assert dashboard.app.clipboard == "jobs.csv"
        words = f"Press {'^q' if key else 'q'} to quit gjobs."
        await dashboard.press("end", "ctrl+c", message=words)
        await dashboard.until(lambda words=words: line(dashboard) == words)  # type: ignore[misc]
        assert (dashboard.toasts, dashboard.app.is_running) == ([], True)
        dashboard.clear_messages()
        if key:
            await dashboard.press("escape", dialog="")
    await dashboard.filter("main", "end", "shift+home", "ctrl+c", message="Copied the selected text with OSC 52.")
    assert dashboard.app.clipboard == "main"
    await dashboard.press("ctrl+q", until=lambda: not dashboard.app.is_running)


async def test_newer_message_replaces_the_older_one(dashboard: Driver) -> None:
    await dashboard.press("y", on=2, message="Copied the id")
    await dashboard.press("s", on=1, message="Started lifestyle")
    assert line(dashboard) == f"Started lifestyle {short(1)}."


async def test_pinned_text_returns_when_a_message_ends(dashboard: Driver) -> None:
    board = dashboard.app.messages
    board.pin("Step 1 of 6: pick a project", owner="tour")
    board.pin("A worker claims the job", owner="caption")
    await dashboard.press("s", on=1, message="Started lifestyle")
    assert line(dashboard) == f"Started lifestyle {short(1)}."
    board.clear_passing()
    assert line(dashboard) == "A worker claims the job"
    board.unpin("caption")
    assert line(dashboard) == "Step 1 of 6: pick a project"
    board.unpin("tour")
    assert line(dashboard) == ""


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_message_covers_no_row_and_no_key_hint(drive: Drive, size: tuple[int, int]) -> None:
    async with drive(size=size) as driver:
        before = driver.table.region
        await driver.press("s", on=1, message="Started lifestyle")
        await driver.settle()
        region = driver.app.screen.query_one(MessageLine).region
        assert region.height == 1
        assert driver.table.region == before
        assert not region.overlaps(before)
        assert not region.overlaps(driver.app.screen.query_one("#keys").region)


async def test_message_on_the_border_leaves_the_number_of_marks_visible(drive: Drive) -> None:
    async with drive(size=(80, 24)) as driver:
        await driver.press("space", "space", shows="2 marked")
        show_toast(driver.app, Toast(text="A result that is longer than the line " * 4))
        await driver.settle()
        assert "2 marked" in driver.text
        assert "A result that is longer than the line" in driver.text


async def test_pinned_text_covers_the_notes_if_it_does_not_fit_beside_them(drive: Drive) -> None:
    async with drive(size=(80, 24)) as driver:
        await driver.press("space", "space", shows="2 marked")
        driver.app.messages.pin("x" * 64, owner="caption", keys="space: next")
        await driver.shows(f"{'x' * 64} · space: next")
        assert "marked" not in driver.text
        driver.app.messages.pin("x" * 30, owner="caption", keys="space: next")
        await driver.shows(f"{'x' * 30} · space: next", "2 marked")


async def test_pinned_text_is_cut_before_its_keys_and_its_keys_stay_on_one_line(drive: Drive) -> None:
    async with drive(size=(80, 24)) as driver:
        driver.app.messages.pin("x" * 70, owner="caption", keys="space: next")
        await driver.until(lambda: "space: next" in map(str.strip, driver.text.splitlines()))
        assert "x" * 70 in driver.text
        driver.app.messages.pin("x" * 300, owner="caption", keys="space: next")
        await driver.shows("xxx… · space: next")


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_dialog_shows_its_messages_below_itself(drive: Drive, size: tuple[int, int]) -> None:
    async with drive(size=size) as driver:
        await driver.press("question_mark", until=lambda: driver.dialog)
        show_toast(driver.app, Toast(text="Copied the page."))
        await driver.until(lambda: line(driver) == "Copied the page.")
        await driver.shows("Copied the page.")
        dialog = driver.app.screen.query_one("#dialog").region
        assert not driver.app.screen.query_one(MessageLine).region.overlaps(dialog)
        assert driver.text.count("Copied the page.") == 1
        await driver.press("escape", dialog="")
        await driver.settle()
        assert driver.text.count("Copied the page.") == 1


async def test_message_of_the_list_moves_to_a_dialog_that_would_cover_it_and_back(
    drive: Drive, jobs_db: JobsDatabase
) -> None:
    jobs_db.sql("update generation_jobs set error = repeat(E'a line of the stack\n', 60) where status = 'failed'")
    async with drive(size=(120, 36)) as driver:
        await driver.press("d", "y", on=2, message=f"Deleted packaging {short(2)}.")
        await driver.press("enter", on=4, dialog="Job", shows="Events")
        await driver.until(lambda: line(driver) == f"Deleted packaging {short(2)}.")
        await driver.press("e", shows=("a line of the stack", f"Deleted packaging {short(2)}."))
        dialog = driver.app.screen.query_one("#dialog").region
        assert not driver.app.screen.query_one(MessageLine).region.overlaps(dialog)
        driver.app.messages.clear_passing()
        await driver.settle()
        assert driver.app.screen.query_one("#dialog").region == dialog, "a click hits what was seen"
        await driver.press("escape", dialog="")
        assert line(driver) == ""


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_pinned_text_moves_to_a_dialog_and_back(drive: Drive, size: tuple[int, int]) -> None:
    async with drive(size=size) as driver:
        driver.app.messages.pin("A worker claims the job", owner="caption")
        await driver.until(lambda: line(driver) == "A worker claims the job")
        await driver.press("p", until=lambda: driver.dialog and line(driver) == "A worker claims the job")
        assert not driver.app.dashboard.query_one(MessageLine).words(60)
        await driver.press("escape", dialog="")
        await driver.until(lambda: line(driver) == "A worker claims the job")


async def test_acting_as_another_user_keeps_the_messages(dashboard: Driver) -> None:
    await dashboard.press("s", on=1, message="Started lifestyle")
    await dashboard.act_as("ben", shows="as ben@example.com")
    await dashboard.press("m", dialog="Messages", shows=f"Started lifestyle {short(1)}.")


async def test_long_message_names_the_key_that_shows_all_of_it(drive: Drive) -> None:
    long = "A result that is longer than the line. " * 4
    async with drive(size=(80, 24)) as driver:
        show_toast(driver.app, Toast(text=long))
        await driver.settle()
        assert line(driver).endswith("… · m all")
        await driver.press("m", dialog="Messages", shows="longer than the line. A result")
        await driver.press("m", dialog="")


async def test_messages_lists_successes_and_toasts_newest_first_and_copies_them(dashboard: Driver) -> None:
    await dashboard.press("m", dialog="Messages", shows=("No messages yet.", "esc close"))
    assert "copy" not in dashboard.text
    await dashboard.press("y", "Y", "escape", dialog="")
    await dashboard.press("s", on=1, message="Started lifestyle")
    await dashboard.press("s", on=2, toast="Only a queued job can be started")
    await dashboard.press("s", "s")
    await dashboard.press("m", dialog="Messages")
    assert [kept.severity for kept in dashboard.app.messages.kept] == ["information", "warning"], "one for a held key"
    warning = "warning  Only a queued job can be started; this one is running."
    await dashboard.shows(warning, f"✓        Started lifestyle {short(1)}.")
    await dashboard.press("y", message="Copied the message with OSC 52.")
    assert dashboard.app.clipboard.endswith(warning)
    await dashboard.press("Y", message="Copied all messages with OSC 52.")
    _copied, newest, oldest = dashboard.app.clipboard.splitlines()
    assert newest.endswith(warning)
    assert oldest.endswith(f"Started lifestyle {short(1)}.")


@pytest.mark.parametrize("size", [(40, 8), (40, 12), (80, 24), (120, 36)])
async def test_list_of_many_messages_reaches_the_oldest_and_always_shows_its_keys(
    drive: Drive, size: tuple[int, int]
) -> None:
    keys = ("y copy", "Y copy all", "esc close")
    async with drive(size=size) as driver:
        for number in range(92):
            driver.app.messages.keep(Toast(text=f"Message {number}. {'Its text is long. ' * 5}"))
        await driver.press("m", dialog="Messages", shows=("Message 91", *keys))
        await driver.press("end", shows=("Message 0.", *keys), hides="Message 91")
        driver.app.messages.pin("A step of the tour that needs two lines on a narrow screen", owner="tour")
        await driver.shows("Message 0.", "A step of the tour", *keys)
        await driver.press("home", shows=("Message 91", *keys))


@pytest.mark.parametrize("size", [(40, 12), (80, 24)])
async def test_list_of_messages_cuts_no_wide_characters_and_no_long_words(drive: Drive, size: tuple[int, int]) -> None:
    async with drive(size=size) as driver:
        driver.app.messages.keep(Toast(text=f"Deleted {'漢字 ' * 20}{'§' * 40} end"))
        await driver.press("m", dialog="Messages")
        await driver.until(lambda: driver.text.count("漢") == 20)
        assert driver.text.count("§") == 40
        assert "end" in driver.text


async def test_open_list_adds_new_messages_and_keeps_its_cursor(dashboard: Driver) -> None:
    board = dashboard.app.messages
    await dashboard.press("m", dialog="Messages", shows="No messages yet.")
    for number in range(50):
        board.keep(Toast(text=f"Message {number}."))
    await dashboard.press("end", shows="Message 0.", hides="No messages yet.")
    await dashboard.press(*["up"] * 5)
    before = list_line(dashboard, "Message 5.")
    show_toast(dashboard.app, Toast(text="A warning.", severity="warning"))
    await dashboard.press("y", message="Copied the message with OSC 52.")
    assert dashboard.app.clipboard.endswith("Message 5.")
    await dashboard.until(lambda: list_line(dashboard, "Message 5.") == before)
    await dashboard.press("home", shows=("✓        Copied the message with OSC 52.", "warning  A warning."))
    board.forget()
    await dashboard.shows("No messages yet.")
    assert "y copy" not in dashboard.text


def list_line(driver: Driver, text: str) -> int:
    """Return the line of the list that shows the text, or -1."""
    top = driver.app.screen.query_one(OptionList).region.y
    return next((number - top for number, line in enumerate(driver.text.splitlines()) if text in line), -1)


async def test_dialog_does_not_offer_the_keys_of_a_message_of_a_closed_dialog(dashboard: Driver) -> None:
    await dashboard.press("m", dialog="Messages")
    dashboard.app.messages.show_message("Deleted a job.", keys="U undo")
    await dashboard.press("escape", dialog="", until=lambda: line(dashboard) == "Deleted a job · U undo")
    await dashboard.press("m", dialog="Messages", until=lambda: line(dashboard) == "Deleted a job.")


async def test_only_the_last_200_messages_are_kept(dashboard: Driver) -> None:
    for number in range(201):
        dashboard.app.messages.keep(Toast(text=f"Message {number}"))
    assert len(dashboard.app.messages.kept) == 200
    assert dashboard.app.messages.kept[0].text == "Message 1"


async def test_line_moves_to_the_border_of_a_low_screen_and_back(dashboard: Driver) -> None:
    message_line = dashboard.app.dashboard.query_one(MessageLine)
    dashboard.app.messages.pin("A worker claims the job", owner="caption")
    for width, height, is_on_border in ((80, 24, True), (120, 36, False), (100, 20, True)):
        await dashboard.resize(width, height)
        await dashboard.shows("A worker claims the job")
        panel = dashboard.app.dashboard.jobs.region
        assert (message_line.region.y == panel.bottom - 1) == is_on_border
        assert message_line.region.bottom == height - 1
        assert (message_line.region.width < width) == is_on_border
