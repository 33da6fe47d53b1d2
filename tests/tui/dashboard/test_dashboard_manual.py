"""The manual in the dashboard: its page for each screen, the keys on it, links and search."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from textual.screen import Screen
from textual.widgets import Markdown, MarkdownViewer

from gjobs.store.configuration.settings import WriteMode
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.dialogs.pick import Choice, PickDialog
from gjobs.tui.dashboard.frame.help import KEYS_HEADING, Location, ManualDialog, all_entries, screen_entries
from gjobs.tui.dashboard.widgets.widgets import ClosesOnce
from gjobs.tui.manual.pages import TOPICS, page_source, sections, summary
from tests.tui.dashboard.dashboard_driver import Drive, Driver


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show little of each page, because showing a whole page takes a second. The list of keys is complete, and so are
    the headings of two pages.
    """

    def small(topic: str) -> str:
        first, *others = sections(topic)
        most = 8 if topic == "connecting" else 1  # On this page, tests scroll.
        parts = [f"# {first.heading}", *first.lines[:most]]
        for section in others if topic in ("connecting", "workers") else []:
            parts += [f"## {section.heading}", *section.lines[:most]]
        return page_source(topic) if topic == "keys" else "\n\n".join(parts)

    monkeypatch.setattr("gjobs.tui.dashboard.frame.help.page_source", small)


def manual(driver: Driver) -> ManualDialog:
    assert isinstance(driver.app.screen, ManualDialog)
    return driver.app.screen


def source(driver: Driver) -> str:
    return manual(driver).query_one(Markdown).source


async def test_help_opens_the_page_of_the_dashboard_with_its_configured_keys_first(dashboard: Driver) -> None:
    def columns() -> list[int]:
        return [line.count(":") for line in source(dashboard).splitlines() if "marked jobs:" in line]

    await dashboard.press(
        "question_mark", on=1, dialog="Manual: tour", shows=(KEYS_HEADING, "Delete the job or the marked")
    )
    text = source(dashboard)
    assert text.startswith(f"# {KEYS_HEADING}\n")
    entries = screen_entries(dashboard.app.dashboard)
    names = {entry.binding_id for entry in entries}
    assert {"job.delete", "jobs.open", "list.find", "app.help", "app.quit"} <= names
    assert not any(name.startswith(("find.", "dialog.")) for name in names)
    assert [entry for entry in entries if entry.keys not in text or entry.what.split()[0] not in text] == []
    assert "\n# Tour\n" in text
    viewer = manual(dashboard).query_one(MarkdownViewer)
    await dashboard.press("t", until=lambda: viewer.show_table_of_contents)
    await dashboard.press("t", until=lambda: not viewer.show_table_of_contents)
    for size, expected in (((80, 24), 1), ((120, 36), 2)):
        await dashboard.resize(*size)
        await dashboard.until(lambda expected=expected: columns() == [expected])  # type: ignore[misc]
    await dashboard.press("question_mark", dialog="")
    assert entries[0].group == "The job under the cursor, or the marked jobs"
    await dashboard.focus_on("#projects")
    assert screen_entries(dashboard.app.dashboard)[0].group == "Projects"

    dashboard.app.set_keymap({"job.delete": "X,f8"})
    await dashboard.press("question_mark", dialog="Manual: tour", shows="X f8")
    manual(dashboard).go(Location(topic="keys"))
    await dashboard.has_dialog("Manual: keys")
    all_names = [entry.binding_id for entry in all_entries(dashboard.app)]
    assert len(all_names) == len(set(all_names)) > 40
    assert "[job.delete]" in source(dashboard)
    assert "\nX f8 " in source(dashboard)


async def test_help_opens_the_page_of_a_dialog_or_of_the_find_field(dashboard: Driver) -> None:
    await dashboard.press("b", until=lambda: dashboard.dialog)
    below = dashboard.app.screen
    await dashboard.press("f1", dialog="Manual: budgets")
    keys, _, _ = source(dashboard).partition("\n# ")
    assert [entry for entry in screen_entries(below) if entry.what.split()[0] not in keys] == []
    assert "Create a project" not in keys
    await dashboard.press("escape", until=lambda: dashboard.app.screen is below)
    await dashboard.press("escape", dialog="")

    await dashboard.press("v")
    await dashboard.press("question_mark", dialog="Manual: visibility")
    await dashboard.press("question_mark", dialog="")
    await dashboard.press("v", until=lambda: not dashboard.app.dashboard.listing_query.with_visibility)

    await dashboard.press("slash")
    await dashboard.press("question_mark", dialog="")  # it is typed into the field
    await dashboard.press("f1", dialog="Manual: filters", shows="Accept the completion, or list the filter keys")
    assert "Delete the job" not in source(dashboard)


async def test_links_and_search_open_pages_of_the_manual_only(dashboard: Driver) -> None:
    await dashboard.press("question_mark", dialog="Manual: tour")
    document = manual(dashboard).query_one(Markdown)
    for href, title in (("events.md", "Manual: events"), ("connecting.md#passwords", "Manual: connecting")):
        document.post_message(Markdown.LinkClicked(document, href))
        await dashboard.has_dialog(title)
    await dashboard.until(lambda: manual(dashboard).query_one(MarkdownViewer).scroll_offset.y > 0)
    for href in ("https://example.com/x", "../../../etc/passwd", "secret.md"):
        document.post_message(Markdown.LinkClicked(document, href))
        await dashboard.shows_message(f"This link leads out of the manual: {href}")
    await dashboard.press("backspace", dialog="Manual: events")
    await dashboard.press("backspace", dialog="Manual: tour")
    await dashboard.press("backspace", dialog="Manual: tour", shows=KEYS_HEADING)

    await dashboard.press("slash", dialog="Find in the manual", shows="Almost every action of the dashboard has a key")
    await dashboard.type("worker dies", shows="workers: What happens when a worker dies")
    await dashboard.press("enter", dialog="Manual: workers", shows="What happens when a worker dies")

    await dashboard.press("slash", dialog="Find in the manual")
    assert isinstance(dashboard.app.screen, PickDialog)
    assert dashboard.app.screen.highlighted == Choice(
        value=Location(topic="workers"), label="workers", detail=summary("workers")
    )
    await dashboard.type("restore deleted", shows="Restore the jobs deleted last")
    await dashboard.press("enter", dialog="Manual: keys")
    await dashboard.until(lambda: is_at_top(dashboard, "The job under the cursor, or the marked jobs"))


REFUSED = {
    "job.start",
    *(f"details.{name}" for name in ("start", "complete", "fail", "retry", "delete")),
    *("budgets.new", "budgets.change", "budgets.remove", "errors.retry", "isolation.writes"),
}


async def test_help_of_a_read_only_session_lists_no_keys_that_write(drive: Drive) -> None:
    async with drive(rule=WriteMode.CLOSED, actor=OPERATOR) as driver:
        names = {entry.binding_id for entry in screen_entries(driver.app.dashboard)}
        assert {name for name in names if name.startswith("job.")} == {"job.copy_id", "job.copy_json", "job.case"}
        assert {"jobs.open", "list.find", "project.pick", "app.quit"} <= names
        assert names.isdisjoint({"project.new", "app.write"}), "no permit can make the session writable"
        assert {entry.binding_id for entry in all_entries(driver.app)} >= REFUSED
        for key in ("enter", "b", "E", "i"):
            await driver.press(key, until=lambda: driver.dialog)
            names = {entry.binding_id for entry in screen_entries(driver.app.screen)}
            assert names.isdisjoint(REFUSED), key
            assert "dialog.leave" in names
            await driver.press("escape", dialog="")
        await driver.command("Archive", dialog="Archive · Autumn catalog")
        assert "r restore" not in driver.text
        assert "archive.restore" not in {entry.binding_id for entry in screen_entries(driver.app.screen)}


def is_at_top(driver: Driver, heading: str) -> bool:
    """Whether the manual is scrolled to the heading, or to its end if the heading stands too low for that."""
    viewer = manual(driver).query_one(MarkdownViewer)
    blocks = [one for one in viewer.query("MarkdownH1, MarkdownH2, MarkdownH3") if str(one.render()) == heading]
    if not blocks or not blocks[0].region:
        return False
    below = blocks[0].region.y - viewer.region.y
    return below in (0, 1) or (below > 0 and viewer.scroll_y == viewer.max_scroll_y > 0)


async def test_title_and_page_agree_while_requests_overtake_each_other(dashboard: Driver) -> None:
    await dashboard.press("question_mark", dialog="Manual: tour")
    dialog = manual(dashboard)
    for steps in (0, 3, 30):
        dialog.go(Location(topic="workers", anchor="write-handlers"))
        for turn in range(2 * steps + 1):
            if turn == steps:
                await dialog.run_action("back")
            await asyncio.sleep(0)
            assert ("\n# Tour\n" in source(dashboard)) == (dashboard.dialog == "Manual: tour")
        await dashboard.has_dialog("Manual: tour")
        await dashboard.until(lambda: [str(h1.render()) for h1 in dialog.query("MarkdownH1")] == [KEYS_HEADING, "Tour"])
        await dashboard.until(lambda: is_at_top(dashboard, KEYS_HEADING))
        assert (dashboard.dialog, dialog.topic) == ("Manual: tour", "tour")


async def test_a_found_section_stays_at_the_top_of_the_manual(drive: Drive) -> None:
    heading = "What gjobs does on your database"
    async with drive(size=(80, 24)) as dashboard:
        await dashboard.press("question_mark", dialog="Manual: tour")
        await dashboard.press("slash", dialog="Find in the manual")
        await dashboard.type("leases", shows="… events, leases, budgets")
        await dashboard.press("enter", dialog="Manual: connecting")
        await dashboard.until(lambda: is_at_top(dashboard, heading))
        await dashboard.press("t", until=lambda: is_at_top(dashboard, heading))
        await dashboard.resize(60, 20)
        await dashboard.until(lambda: is_at_top(dashboard, heading))
        manual(dashboard).query_one(MarkdownViewer).scroll_home(animate=False)
        await dashboard.settle()
        await dashboard.resize(100, 30)
        assert not is_at_top(dashboard, heading)


def kinds_of(kind: type[Screen[Any]]) -> Iterator[type[Screen[Any]]]:
    for below in kind.__subclasses__():
        yield below
        yield from kinds_of(below)


def test_help_of_each_screen_is_a_page_of_the_manual() -> None:
    topics = {kind.help_topic for kind in kinds_of(Screen) if issubclass(kind, ClosesOnce)}

    assert len(topics) > 10
    assert topics <= set(TOPICS)
