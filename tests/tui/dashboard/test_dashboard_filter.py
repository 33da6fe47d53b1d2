"""The filter of the dashboard: typing, completions, cost estimates and saved views."""

from datetime import datetime
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Static

from gjobs.store.configuration.saved_views import FILE, KnownViews, View, read_saved
from gjobs.store.configuration.settings import Configuration
from gjobs.store.errors import TimedOut
from gjobs.store.filters.filter_terms import Key
from gjobs.store.job_list.list_query import Listing, ListingQuery, ListQuery
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.list.filter_bar import CompletionList, FilterBar
from gjobs.tui.dashboard.session.setup import DashboardSetup
from tests.tui.dashboard.dashboard_driver import (
    AS_ADA,
    Drive,
    Driver,
    ExpensiveStore,
)
from tests.tui.jobs_database import BEN


def text(driver: Driver) -> str:
    return driver.app.dashboard.query_one(FilterBar).text


def note(driver: Driver) -> str:
    line = driver.app.dashboard.query_one("#mistake", Static)
    return " ".join(str(line.render()).split()) if line.display else ""


def hints(driver: Driver) -> str:
    return driver.text.splitlines()[-1]


async def test_filter_applies_while_typing_enter_keeps_it_and_escape_clears_it(dashboard: Driver) -> None:
    await dashboard.shows("1 all 6", "4 ✓ succeeded 1 ")
    await dashboard.press("slash", *"timeo", rows=[4])
    assert dashboard.cursor == 4, "the cursor moves to the match"
    await dashboard.press("enter")
    assert dashboard.app.focused is dashboard.table
    await dashboard.press("escape", rows=[1, 2, 3, 4, 5, 6])
    assert dashboard.cursor == 4
    assert not dashboard.app.dashboard.query_one(FilterBar).display

    await dashboard.press("slash", *"failed", shows=("the failed jobs, not the word", "⏎ accept"))
    await dashboard.press("enter", rows=[4], shows=("status: failed", "1 all 1 ", "4 ✓ succeeded 0 "))
    assert dashboard.app.focused is dashboard.table
    await dashboard.press("escape", rows=[1, 2, 3, 4, 5, 6], shows="1 all 6")

    for key, character in (("slash", "/"), *((letter, letter) for letter in "sdf")):
        dashboard.app.post_message(events.Key(key, character))
    await dashboard.until(lambda: text(dashboard) == "sdf")
    assert (dashboard.warnings, dashboard.dialog) == ([], "")


async def test_filter_bar_accepts_the_whole_grammar_reports_mistakes_and_completes_names(dashboard: Driver) -> None:
    await dashboard.press("slash")
    for typed, rows in (
        ("cost:$3", [3]),
        ("-status:queued mode:packaging", [2]),
        ("timeout status:queued", []),
    ):
        await dashboard.type(typed, rows=rows)
        if not rows:
            await dashboard.shows("No job matches. Press esc to show all jobs again.")
    await dashboard.press("escape")
    await dashboard.filter("status:failed", rows=[4])
    await dashboard.type("status:failed cots:>5")
    await dashboard.shows("Unknown key 'cots'. Did you mean cost?", "Still showing results for “status:failed”.")
    await dashboard.refreshes_behind()
    assert text(dashboard) == "status:failed cots:>5"
    await dashboard.press("escape")

    await dashboard.filter("user:ben@example.com")
    await dashboard.until(lambda: "Only the operator may read the users." in note(dashboard))
    assert dashboard.rows == [1, 2, 3, 4, 5, 6]
    assert dashboard.banner == ""
    await dashboard.type(f"user:{BEN}", rows=[])
    assert note(dashboard) == ""

    await dashboard.type("status:queued,succeeded", "enter", rows=[1, 3, 5])
    await dashboard.show_project("Spring lookbook")
    await dashboard.until(lambda: dashboard.rows == [7])
    assert text(dashboard) == "status:queued,succeeded"

    await dashboard.press("escape", "slash", *"project:sp")
    assert dashboard.app.dashboard.query_one(CompletionList).offered
    await dashboard.press("tab")
    assert text(dashboard) == 'project:"Spring lookbook"'
    await dashboard.press("escape")

    await dashboard.act_as(OPERATOR, shows="as the operator")
    await dashboard.press("slash", *"user:be", shows="ben@example.com")
    await dashboard.press("tab")
    assert text(dashboard) == "user:ben@example.com"
    await dashboard.type("user:", shows="ben@example.com")
    dashboard.app.dashboard.forget()
    await dashboard.shows_no_longer("ben@example.com")
    assert text(dashboard) == "user:", "forgetting the data keeps the typed text"


class SlowStore(ExpensiveStore):
    """A store whose lists may be as slow as the planner estimates, or time out if they are filtered by an error."""

    is_quick = True

    async def returns_quickly(self, query: ListQuery) -> bool:
        return self.is_quick and await super().returns_quickly(query)

    async def get_listing(self, query: ListingQuery, *, at: datetime | None = None) -> Listing:
        if any(term.key is Key.ERROR for term in query.window.listed.job_filter.terms):
            raise TimedOut("The list took too long.", hint="What would help: an index.")
        return await super().get_listing(query, at=at)


async def test_expensive_filter_runs_only_after_enter_confirms_it_and_a_fast_one_of_a_user_at_once(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with drive(make=SlowStore) as driver:
        await driver.filter("timeout", rows=[4])
        assert note(driver) == ""
        await driver.type("error:timeout", "enter", until=lambda: "What would help: an index." in driver.banner)
        assert driver.rows == [4], "the former rows stay"
        await driver.filter("status:failed,running", rows=[2, 4, 6])
        assert driver.banner == ""
        await driver.press("escape", rows=[1, 2, 3, 4, 5, 6])

        await driver.act_as(OPERATOR, shows="as the operator")
        await driver.filter("timeout", until=lambda: "up to 10.0 s by the planner's estimate" in note(driver))
        await driver.press("escape")
        await driver.act_as(AS_ADA, rows=[1, 2, 3, 4, 5, 6])

        monkeypatch.setattr(SlowStore, "is_quick", False)
        for early in ([], ["enter"]):
            await driver.filter("timeout", *early, until=lambda: note(driver))
            assert "up to 10.0 s by the planner's estimate" in note(driver), early
            assert ExpensiveStore.ADVICE.sql in note(driver)
            assert driver.rows == [1, 2, 3, 4, 5, 6]
            assert driver.app.focused is driver.app.dashboard.query_one("#find")
            assert "⏎ list anyway" in hints(driver)
            await driver.press("enter", rows=[4])
            assert note(driver) == ""
            assert driver.app.focused is driver.table
            await driver.press("slash")
            assert "⏎ keep" in hints(driver)
            await driver.press("escape", rows=[1, 2, 3, 4, 5, 6])


async def test_views_are_applied_saved_replaced_and_removed_after_confirmation(drive: Drive, tmp_path: Path) -> None:
    saved = tmp_path / FILE
    saved.write_text("[views]\nlate = 'statsu:x'\n")
    configuration = Configuration(views={"cheap": View(name="cheap", text="cost:<=50")})
    setup = DashboardSetup(configuration=configuration, views_directory=tmp_path)
    async with drive(setup=setup) as driver:
        await driver.shows_message("views.late is not a filter")
        assert driver.rows == [1, 2, 3, 4, 5, 6]
        saved.unlink()
        await driver.command("View cheap", shows="Jobs · view cheap · 1", rows=[4])
        await driver.press("slash", *" x", hides="view cheap")

        await driver.type("status:failed", "enter", rows=[4])
        await driver.command("Save this view")
        for name, sentence in (("", "Name is empty."), ("cheap", "The configuration has a view 'cheap'.")):
            await driver.type(name, "enter", shows=sentence)
        await driver.type("[/x]", "enter", shows="Jobs · view [/x] · 1")

        await driver.filter("status:queued", rows=[1, 5])
        await driver.command("Save this view")
        await driver.type("[/x]", "enter", shows="The view '[/x]' already exists. Its filter is “status:failed”.")
        assert read_saved(saved)["[/x]"].text == "status:failed"
        await driver.press("enter", until=lambda: read_saved(saved)["[/x]"].text == "status:queued")

        saved.unlink()
        name, hostile = "[red]\\[/a]", 'error:"[/x][$y][@click=app.quit]z[/]"'
        KnownViews({}, tmp_path).save(View(name=name, text=hostile), replaces=None)
        await driver.press("ctrl+p")
        await driver.type("View", shows=(f"View {name}", hostile))
        await driver.press("escape")
        for key in ("n", "y"):
            assert set(read_saved(saved)) == {name}
            await driver.command("Remove the view", dialog="Remove this view?")
            await driver.press(key)
        await driver.shows_message(f"Removed the view {name}.")
        assert read_saved(saved) == {}
