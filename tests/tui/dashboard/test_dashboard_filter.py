"""The filter of the dashboard: typing, completions, cost estimates and saved views."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Static

from gjobs.store.configuration.saved_views import FILE, KnownViews, View, read_saved
from gjobs.store.errors import TimedOut
from gjobs.store.filters.filter_terms import Key
from gjobs.store.job_list.list_query import Listing, ListingQuery, ListQuery
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.list.filter_bar import CompletionList, FilterBar
from gjobs.tui.dashboard.session.setup import DashboardSetup
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import (
    Drive,
    Driver,
    ExpensiveStore,
    FrozenStore,
    WatchedApp,
    drive_dashboard,
    opener_of,
)
from tests.tui.jobs_database import BEN, JobsDatabase, short


def text(driver: Driver) -> str:
    return driver.app.dashboard.query_one(FilterBar).text


def note(driver: Driver) -> str:
    line = driver.app.dashboard.query_one("#mistake", Static)
    return " ".join(str(line.render()).split()) if line.display else ""


def hints(driver: Driver) -> str:
    return driver.text.splitlines()[-1]


async def test_filter_applies_while_typing_enter_keeps_it_and_escape_clears_it(dashboard: Driver) -> None:
    await dashboard.press("slash", *"timeo", rows=[4])
    assert dashboard.cursor == 4, "the cursor moves to the match"
    await dashboard.press("enter")
    assert dashboard.app.focused is dashboard.table
    await dashboard.press("escape", rows=[1, 2, 3, 4, 5, 6])
    assert dashboard.cursor == 4
    assert not dashboard.app.dashboard.query_one(FilterBar).display

    for key, character in (("slash", "/"), *((letter, letter) for letter in "sdf")):
        dashboard.app.post_message(events.Key(key, character))
    await dashboard.until(lambda: text(dashboard) == "sdf")
    assert (dashboard.warnings, dashboard.dialog) == ([], "")


async def test_filter_bar_accepts_the_whole_grammar_and_completes_project_names(dashboard: Driver) -> None:
    await dashboard.press("slash")
    for typed, rows in (
        ("status:failed,running", [2, 4, 6]),
        ("cost:$3", [3]),
        ("PACK", [2]),
        (short(5), [5]),
        ("-status:queued mode:packaging", [2]),
        ("timeout status:queued", []),
    ):
        await dashboard.type(typed, rows=rows)
    await dashboard.shows("No job matches. Press esc to show all jobs again.")
    await dashboard.press("escape", "slash", *"project:sp")
    assert dashboard.app.dashboard.query_one(CompletionList).offered
    await dashboard.press("tab")
    assert text(dashboard) == 'project:"Spring lookbook"'


async def test_name_of_a_status_lists_its_jobs_and_the_tabs_show_the_filter(dashboard: Driver) -> None:
    await dashboard.shows("1 all 6", "4 ✓ succeeded 1 ")
    await dashboard.press("slash", *"failed", shows="the failed jobs, not the word")
    await dashboard.shows("⏎ accept")
    await dashboard.press("enter", rows=[4])
    await dashboard.shows("status: failed")
    assert "1 all 1 " in dashboard.text
    assert "4 ✓ succeeded 0 " in dashboard.text
    assert dashboard.app.focused is dashboard.table
    await dashboard.press("escape", rows=[1, 2, 3, 4, 5, 6], shows="1 all 6")


async def test_filter_bar_completes_user_emails_for_the_operator(drive: Drive) -> None:
    async with drive(actor=OPERATOR) as driver:
        await driver.press("slash", *"user:be", shows="ben@example.com")
        await driver.press("tab")
        assert text(driver) == "user:ben@example.com"

        await driver.type("user:", shows="ben@example.com")
        driver.app.dashboard.forget()
        await driver.shows_no_longer("ben@example.com")
        assert text(driver) == "user:", "forgetting the data keeps the typed text"


async def test_last_valid_filter_stays_active_while_the_text_is_invalid(dashboard: Driver) -> None:
    await dashboard.filter("status:failed", rows=[4])
    await dashboard.type("status:failed cots:>5")
    await dashboard.shows("Unknown key 'cots'. Did you mean cost?", "Still showing results for “status:failed”.")
    await dashboard.refreshes_behind()
    assert dashboard.rows == [4]
    assert text(dashboard) == "status:failed cots:>5"


async def test_filter_bar_reports_a_forbidden_key_and_keeps_the_filter_of_a_new_project(dashboard: Driver) -> None:
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


class SlowStore(ExpensiveStore):
    """A store whose lists are as slow as the planner estimates."""

    async def returns_quickly(self, query: ListQuery) -> bool:
        return False


async def test_fast_filter_runs_at_once_despite_a_high_planner_estimate(drive: Drive) -> None:
    async with drive(make=ExpensiveStore) as driver:
        await driver.filter("timeout", rows=[4])
        assert note(driver) == ""
        await driver.press("escape", rows=[1, 2, 3, 4, 5, 6])
        await driver.act_as("operator", shows="as the operator")
        await driver.filter("timeout", until=lambda: "up to 10.0 s by the planner's estimate" in note(driver))


@pytest.mark.parametrize("is_pressed_early", [False, True], ids=["after its estimate", "before its estimate"])
async def test_expensive_filter_runs_only_after_enter_confirms_it(drive: Drive, is_pressed_early: bool) -> None:
    async with drive(make=SlowStore) as driver:
        await driver.filter("timeout", *["enter"] * is_pressed_early, until=lambda: note(driver))
        assert "up to 10.0 s by the planner's estimate" in note(driver)
        assert ExpensiveStore.ADVICE.sql in note(driver)
        assert driver.rows == [1, 2, 3, 4, 5, 6]
        assert driver.app.focused is driver.app.dashboard.query_one("#find")
        assert "⏎ list anyway" in hints(driver)
        await driver.press("enter", rows=[4])
        assert note(driver) == ""
        assert driver.app.focused is driver.table
        await driver.press("slash")
        assert "⏎ keep" in hints(driver)


@pytest.fixture
async def with_views(jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path) -> AsyncIterator[Driver]:
    """A dashboard with one configured view and a directory of saved views."""
    setup = DashboardSetup(views={"cheap": View(name="cheap", text="cost:<=50")}, views_directory=tmp_path)
    async with drive_dashboard(WatchedApp(opener_of(database), setup=setup)) as driver:
        yield driver


async def test_view_command_applies_a_view_and_a_saved_view_is_replaced_only_after_confirmation(
    with_views: Driver, tmp_path: Path
) -> None:
    await with_views.command("View cheap", shows="Jobs · view cheap · 1", rows=[4])
    await with_views.press("slash", *" x", hides="view cheap")

    saved = tmp_path / FILE
    await with_views.type("status:failed", "enter", rows=[4])
    await with_views.command("Save this view")
    for name, sentence in (("", "Name is empty."), ("cheap", "The configuration has a view 'cheap'.")):
        await with_views.type(name, "enter", shows=sentence)
    await with_views.type("[/x]", "enter", shows="Jobs · view [/x] · 1")

    await with_views.filter("status:queued", rows=[1, 5])
    await with_views.command("Save this view")
    await with_views.type("[/x]", "enter", shows="The view '[/x]' already exists. Its filter is “status:failed”.")
    assert read_saved(saved)["[/x]"].text == "status:failed"
    await with_views.press("enter", until=lambda: read_saved(saved)["[/x]"].text == "status:queued")


async def test_saved_view_is_shown_as_plain_text_and_removed_only_after_confirmation(
    with_views: Driver, tmp_path: Path
) -> None:
    saved = tmp_path / FILE
    name, hostile = "[red]\\[/a]", 'error:"[/x][$y][@click=app.quit]z[/]"'
    KnownViews({}, tmp_path).save(View(name=name, text=hostile), replaces=None)
    await with_views.press("ctrl+p")
    await with_views.type("View", shows=(f"View {name}", hostile))
    await with_views.press("escape")
    for key in ("n", "y"):
        assert set(read_saved(saved)) == {name}
        await with_views.command("Remove the view", dialog="Remove this view?")
        await with_views.press(key)
    await with_views.shows_message(f"Removed the view {name}.")
    assert read_saved(saved) == {}


async def test_filter_bar_stays_usable_after_a_filter_times_out(drive: Drive) -> None:
    async with drive(make=ErrorsTimeOut) as driver:
        await driver.filter("error:timeout", until=lambda: "What would help: an index." in driver.banner)
        assert driver.rows == [1, 2, 3, 4, 5, 6], "the former rows stay"
        await driver.type("status:failed", rows=[4])
        assert driver.banner == ""


class ErrorsTimeOut(FrozenStore):
    async def get_listing(self, query: ListingQuery, *, at: datetime | None = None) -> Listing:
        if any(term.key is Key.ERROR for term in query.window.listed.job_filter.terms):
            raise TimedOut("The list took too long.", hint="What would help: an index.")
        return await super().get_listing(query, at=at)


async def test_unreadable_saved_views_are_reported(drive: Drive, tmp_path: Path) -> None:
    (tmp_path / "views.toml").write_text("[views]\nlate = 'statsu:x'\n")
    async with drive(setup=DashboardSetup(views_directory=tmp_path)) as driver:
        await driver.shows_message("views.late is not a filter")
        assert driver.rows == [1, 2, 3, 4, 5, 6]
