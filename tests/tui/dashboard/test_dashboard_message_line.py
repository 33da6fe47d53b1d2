"""The message line: messages, pinned texts, and its place on each screen."""

import math
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from textual.widgets import OptionList

from gjobs.tui.dashboard.panels.footer import MessageLine
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.text.error_text import Message, Severity
from tests.tui.dashboard.dashboard_driver import AS_BEN, Clock, Drive, Driver
from tests.tui.jobs_database import FROZEN, JobsDatabase, short


def line(driver: Driver) -> str:
    """Return the text of the line on the top screen."""
    lines = driver.app.screen.query(MessageLine)
    return str(lines.first().render()) if lines else ""


def is_open(driver: Driver, title: str, *, is_list: bool) -> bool:
    """If `is_list`, return whether the list is on top. Otherwise, return whether a dialog whose title begins with
    `title` is on top. Only dialogs have a title.
    """
    return driver.dialog.startswith(title) and (driver.app.screen is driver.app.dashboard) is is_list


async def test_newer_message_replaces_the_older_one_and_a_pinned_text_returns_when_it_ends(dashboard: Driver) -> None:
    board = dashboard.app.messages
    await dashboard.press("y", on=2, message="Copied the id")
    await dashboard.press("d", "y", on=2, message=f"Deleted packaging {short(2)}.")
    await dashboard.settle()
    assert line(dashboard) == f"Deleted packaging {short(2)} · U undo"

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

    await dashboard.act_as(AS_BEN, shows="as ben@example.com")
    await dashboard.press("m", dialog="Messages", shows=f"Started lifestyle {short(1)}.")


async def test_ctrl_c_names_the_key_that_quits_unless_text_is_selected(dashboard: Driver) -> None:
    for key, dialog in (("", ""), ("e", "Export"), ("d", "Delete this job?")):
        await dashboard.press(*filter(None, [key]), until=partial(is_open, dashboard, dialog, is_list=not key))
        if dashboard.dialog == "Export":
            await dashboard.press("ctrl+c", message="Copied the selected text with OSC 52.")
            assert dashboard.app.clipboard == "jobs.csv"
        words = f"Press {'^q' if key else 'q'} to quit gjobs."
        await dashboard.press("end", "ctrl+c", message=words)
        await dashboard.until(lambda words=words: line(dashboard) == words)  # type: ignore[misc]
        assert (dashboard.warnings, dashboard.app.is_running) == ([], True)
        dashboard.clear_messages()
        if key:
            await dashboard.press("escape", dialog="")
    await dashboard.filter("main", "end", "shift+home", "ctrl+c", message="Copied the selected text with OSC 52.")
    assert dashboard.app.clipboard == "main"
    await dashboard.press("ctrl+q", until=lambda: not dashboard.app.is_running)


async def test_line_covers_no_row_and_no_key_hint_and_moves_to_the_border_of_a_low_screen(dashboard: Driver) -> None:
    message_line = dashboard.app.dashboard.query_one(MessageLine)
    for size, job in (((80, 24), 1), ((120, 36), 5)):
        dashboard.clear_messages()
        await dashboard.resize(*size)
        before = dashboard.table.region
        await dashboard.press("s", on=job, message="Started ")
        await dashboard.settle()
        assert message_line.region.height == 1
        assert dashboard.table.region == before
        assert not message_line.region.overlaps(before)
        assert not message_line.region.overlaps(dashboard.app.screen.query_one("#keys").region)

    dashboard.clear_messages()
    dashboard.app.messages.pin("A worker claims the job", owner="caption")
    for width, height, is_on_border in ((80, 24, True), (120, 36, False), (100, 20, True)):
        await dashboard.resize(width, height)
        await dashboard.shows("A worker claims the job")
        panel = dashboard.app.dashboard.jobs.region
        assert (message_line.region.y == panel.bottom - 1) == is_on_border
        assert message_line.region.bottom == height - 1
        assert (message_line.region.width < width) == is_on_border


async def test_long_text_and_its_keys_get_lines_of_their_own_or_share_the_border_with_the_notes(drive: Drive) -> None:
    async with drive(size=(80, 24)) as driver:
        driver.app.messages.pin("x" * 70, owner="caption", keys="space: next")
        await driver.until(lambda: "space: next" in map(str.strip, driver.text.splitlines()))
        assert "x" * 70 in driver.text
        driver.app.messages.pin("x" * 300, owner="caption", keys="space: next")
        await driver.shows("xxx… · space: next")

        await driver.press("space", "space", shows="2 marked")
        for text in (f"{'x' * 62} · space: next", f"{'x' * 30} · space: next"):
            driver.app.messages.pin(text.partition(" ")[0], owner="caption", keys="space: next")
            await driver.shows(text, "2 marked")
        show_warning(driver.app, "x" * 72)
        await driver.shows(f"! {'x' * 72}", "2 marked")
        show_message(driver.app, "A result that is longer than the line " * 4)
        await driver.shows("A result that is longer than the line", "2 marked")
        await driver.press("escape", until=lambda: not driver.marked)
        driver.app.messages.unpin("caption")
        driver.clear_messages()
        await driver.settle()

        table, words = driver.table.region, "A reason that is longer than the line. "
        show_warning(driver.app, words * 4)
        await driver.until(lambda: " ".join(line(driver).split()) == f"! {words * 4}".strip())
        await driver.shows("! A reason that is longer")
        assert driver.app.dashboard.query_one("#jobs-panel").region.bottom == 20
        show_warning(driver.app, words * 9)
        await driver.until(lambda: line(driver).count("\n") == 2 and line(driver).endswith("… · m all"))
        await driver.press("m", dialog="Messages", shows="longer than the line. A reason")
        assert driver.message == "", "the list shows it"
        await driver.press("m", dialog="")
        await driver.until(lambda: driver.table.region == table)


async def test_dialog_shows_messages_and_the_pinned_text_below_itself(dashboard: Driver) -> None:
    dashboard.app.messages.pin("A worker claims the job", owner="caption")
    await dashboard.resize(80, 24)
    await dashboard.press("p", until=lambda: dashboard.dialog and line(dashboard) == "A worker claims the job")
    assert not dashboard.app.dashboard.query_one(MessageLine).words(60)
    show_message(dashboard.app, "Copied the page.")
    await dashboard.shows("Copied the page.")
    dialog = dashboard.app.screen.query_one("#dialog").region
    assert not dashboard.app.screen.query_one(MessageLine).region.overlaps(dialog)
    assert dashboard.text.count("Copied the page.") == 1
    await dashboard.press("escape", dialog="")
    assert dashboard.text.count("Copied the page.") == 1
    dashboard.app.messages.clear_passing()
    await dashboard.until(lambda: line(dashboard) == "A worker claims the job")
    dashboard.app.messages.unpin("caption")

    await dashboard.press("p", dialog="Show which project?")
    show_message(dashboard.app, Message(text="Deleted a job.", keys="U undo"))
    await dashboard.press("escape", dialog="", until=lambda: line(dashboard) == "Deleted a job · U undo")
    await dashboard.press("p", dialog="Show which project?", until=lambda: line(dashboard) == "Deleted a job.")


async def test_message_moves_to_a_dialog_that_would_cover_it_and_back(drive: Drive, jobs_db: JobsDatabase) -> None:
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


async def test_severities_have_signs_and_colors_and_messages_replaced_too_early_are_counted(drive: Drive) -> None:
    clock = Clock()
    shown: set[str] = set()
    severities: tuple[tuple[Severity, str], ...] = (("information", ""), ("warning", "! "), ("error", "✗ "))
    async with drive(clock=clock) as driver:
        for severity, sign in severities:
            show_message(driver.app, Message(text=f"A {severity}.", severity=severity))
            await driver.settle()
            content = driver.app.screen.query_one(MessageLine).render()
            assert content.plain.startswith(f"{sign}A {severity}")
            shown.add(str(content.spans[0].style))
        assert len(shown) == 3

        driver.clear_messages()
        clock.now += timedelta(seconds=60)
        for text in ("First.", "Second.", "Second.", "Third."):
            show_warning(driver.app, text)
        await driver.until(lambda: line(driver) == "! Third · m 2 more")
        clock.now += timedelta(seconds=2)
        show_message(driver.app, "Started a job.")
        show_message(driver.app, "Copied the id.")
        await driver.until(lambda: line(driver) == "Copied the id.")

        for number in range(201):
            show_message(driver.app, Message(text=f"Message {number}"))
        assert len(driver.app.messages.kept) == 200
        assert driver.app.messages.kept[0].text == "Message 1"


async def test_error_stays_until_a_key_and_others_for_seconds(
    dashboard: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    dashboard.app.show_moment(FROZEN)
    await dashboard.settle()
    show_message(dashboard.app, Message(text="Nothing was changed.", severity="error"))
    await dashboard.press("escape")
    assert dashboard.message != "Nothing was changed."
    assert dashboard.app.dashboard.listing_query.moment == FROZEN, "escape ends the error first"
    await dashboard.press("escape", until=lambda: dashboard.app.dashboard.listing_query.moment is None)
    dashboard.clear_messages()
    timers, error = SteppedTimers(), Message(text="Nothing was changed.", severity="error")
    monkeypatch.setattr(dashboard.app, "set_timer", timers.set_timer)

    def message_after(seconds: float) -> str:
        timers.advance(seconds)
        return dashboard.message

    for key in ("escape", "m"):
        show_message(dashboard.app, error)
        assert message_after(100) == "Nothing was changed."
        await dashboard.press(key)
        assert dashboard.message == ""
    show_message(dashboard.app, error)
    show_warning(dashboard.app, "Not yet.")
    assert (message_after(7), message_after(1)) == ("Not yet.", "")
    show_message(dashboard.app, error)
    dashboard.app.messages.forget()
    assert message_after(8) == "", "it is about another database"

    # A success hides a pinned text for three seconds. Other messages hide it for eight.
    board = dashboard.app.messages
    board.show(Message(text="Chose a project"))
    board.pin("A step", owner="tour")
    timers.advance(2)
    board.show(Message(text="Copied the id"))
    assert (message_after(2), message_after(1)) == ("Copied the id", "")
    for shown in (Message(text="Deleted a job", keys="U undo"), Message(text="Nothing changed", severity="error")):
        board.show(shown)
        assert message_after(7).startswith(shown.text)
        assert message_after(1) == ""
    board.unpin("tour")
    board.show(Message(text="Copied the id"))
    assert message_after(7) == "Copied the id"
    board.show(Message(text="Copied the id"))
    board.pin("A caption", owner="a scenario that begins")
    assert message_after(3) == ""


class SteppedTimers:
    """Timers that run only when a test advances them."""

    def __init__(self) -> None:
        self._now = 0.0
        self._timers: list[SteppedTimer] = []

    def set_timer(self, delay: float, callback: Callable[[], object]) -> "SteppedTimer":
        self._timers.append(SteppedTimer(self._now + delay, callback))
        return self._timers[-1]

    def advance(self, seconds: float) -> None:
        self._now += seconds
        due = [timer for timer in self._timers if timer.at <= self._now]
        self._timers = [timer for timer in self._timers if timer not in due]
        for timer in due:
            timer.callback()


class SteppedTimer:
    """A timer that a test advances."""

    def __init__(self, at: float, callback: Callable[[], object]) -> None:
        self.at, self.callback = at, callback

    def stop(self) -> None:
        self.at = math.inf


async def test_list_of_messages_has_the_newest_first_and_copies_them(dashboard: Driver) -> None:
    await dashboard.press("m", dialog="Messages", shows=("No messages yet.", "esc close"))
    assert "copy" not in dashboard.text
    await dashboard.press("y", "Y", "escape", dialog="")
    await dashboard.press("s", on=1, message="Started lifestyle")
    await dashboard.press("s", on=2, message="Only a queued job can be started")
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


async def test_narrow_list_of_messages_cuts_no_character(dashboard: Driver) -> None:
    show_message(dashboard.app, Message(text=f"Deleted {'漢字 ' * 20}{'§' * 40} end"))
    await dashboard.resize(40, 12)
    await dashboard.press("m", dialog="Messages", shows=" end")
    assert (dashboard.text.count("漢"), dashboard.text.count("§")) == (20, 40), "no character is cut"


async def test_open_list_adds_new_messages_and_keeps_its_cursor(dashboard: Driver) -> None:
    board = dashboard.app.messages
    await dashboard.press("m", dialog="Messages", shows="No messages yet.")
    for number in range(50):
        show_message(dashboard.app, Message(text=f"Message {number}."))
    await dashboard.press("end", shows="Message 0.", hides="No messages yet.")
    await dashboard.press(*["up"] * 5)
    before = list_line(dashboard, "Message 5.")
    show_warning(dashboard.app, "A warning.")
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
