"""Jobs are found by a filter: typed, completed, weighed, and in force until another is right."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Static

from store.configuration.saved_views import SavedViews, View
from store.errors import TimedOut
from store.filters.filter_terms import KEYS, Key
from store.job_list.index_advice import IndexAdvice
from store.job_list.list_cost import ListCost
from store.job_list.list_query import ListingQuery, ListQuery
from store.job_list.listing import Listing
from store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.tui.driving import Driver, FrozenStore, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import BEN, JobsDatabase, short
from tui.dashboard.job_list.filter_bar import FilterBar
from tui.dashboard.job_list.filter_field import CompletionList
from tui.dashboard.keys.help import help_entries
from tui.dashboard.setup import DashboardSetup

SQL = "create index concurrently jobs_error on generation_jobs (error)"


def text(driver: Driver) -> str:
    return driver.app.dashboard.query_one(FilterBar).text


def note(driver: Driver) -> str:
    line = driver.app.dashboard.query_one("#mistake", Static)
    return " ".join(str(line.render()).split()) if line.display else ""


def hints(driver: Driver) -> str:
    """What the keys do at present."""
    return driver.text.splitlines()[-1]


async def lists(driver: Driver, *rows: int) -> None:
    await driver.until(lambda: driver.rows == list(rows))


async def test_filter_applies_while_typing_enter_keeps_it_and_escape_clears_it(dashboard: Driver) -> None:
    await dashboard.press("slash", *"timeo")
    await lists(dashboard, 4)
    assert dashboard.cursor == 4, "the cursor goes to what is found"
    await dashboard.press("enter")
    assert dashboard.app.focused is dashboard.table
    await dashboard.press("escape")
    await lists(dashboard, 1, 2, 3, 4, 5, 6)
    assert dashboard.cursor == 4
    assert not dashboard.app.dashboard.query_one(FilterBar).display
    assert dashboard.toasts == []


async def test_keys_typed_right_after_slash_go_into_the_filter(dashboard: Driver) -> None:
    """As a person does who is quick, or a terminal that was slow: nothing waits for the bar to be there."""
    for key, character in (("slash", "/"), *((letter, letter) for letter in "sdf")):
        dashboard.app.post_message(events.Key(key, character))
    await dashboard.until(lambda: text(dashboard) == "sdf")
    assert (dashboard.toasts, dashboard.dialog) == ([], "")


@pytest.mark.parametrize(
    ("typed", "rows"),
    [
        ("status:failed,running", [2, 4, 6]),
        ("cost:$3", [3]),
        ("PACK", [2]),
        (short(5), [5]),
        ("-status:queued mode:packaging", [2]),
        ("timeout status:queued", []),
    ],
)
async def test_filter_bar_accepts_the_whole_grammar(dashboard: Driver, typed: str, rows: list[int]) -> None:
    await dashboard.press("slash")
    await dashboard.type(typed)
    await lists(dashboard, *rows)
    await dashboard.shows(*["No job matches. Press esc to show all jobs again."] * (not rows))


async def test_filter_bar_completes_project_names(dashboard: Driver) -> None:
    await dashboard.press("slash", *"project:sp")
    assert dashboard.app.dashboard.query_one(CompletionList).is_open
    await dashboard.press("tab")
    assert text(dashboard) == 'project:"Spring lookbook"'


async def test_filter_bar_completes_user_emails_for_the_operator(jobs_db: JobsDatabase, database: Conninfo) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, actor=OPERATOR))) as driver:
        await driver.press("slash", *"user:be")
        await driver.shows("ben@example.com")
        await driver.press("tab")
        assert text(driver) == "user:ben@example.com"

        await driver.type("user:")
        await driver.shows("ben@example.com")
        driver.app.dashboard.forget()
        await driver.shows_no_longer("ben@example.com")
        assert text(driver) == "user:", "what was typed is the person's"


async def test_last_valid_filter_stays_active_while_the_text_is_invalid(dashboard: Driver) -> None:
    await dashboard.press("slash")
    await dashboard.type("status:failed")
    await lists(dashboard, 4)
    await dashboard.type("status:failed cots:>5")
    await dashboard.shows("'cots' is no key. Did you mean cost?", "Until then “status:failed” holds.")
    before = dashboard.app.looks
    dashboard.app.action_refresh()
    await dashboard.until(lambda: dashboard.app.looks > before)
    assert dashboard.rows == [4]
    assert text(dashboard) == "status:failed cots:>5"


async def test_filter_is_kept_when_the_project_changes(dashboard: Driver) -> None:
    await dashboard.press("slash")
    await dashboard.type("status:queued,succeeded")
    await lists(dashboard, 1, 3, 5)
    await dashboard.press("enter")
    await dashboard.show_project("Spring lookbook")
    await lists(dashboard, 7)
    assert text(dashboard) == "status:queued,succeeded"


async def test_filter_bar_reports_a_key_that_the_acting_user_may_not_use(dashboard: Driver) -> None:
    await dashboard.press("slash")
    await dashboard.type("user:ben@example.com")
    await dashboard.until(lambda: "Only the operator may read the users." in note(dashboard))
    assert dashboard.rows == [1, 2, 3, 4, 5, 6]
    assert dashboard.banner == ""
    await dashboard.type(f"user:{BEN}")
    await lists(dashboard)
    assert note(dashboard) == ""


class WronglyDearStore(FrozenStore):
    """Whose database's planner takes every filter for dear."""

    async def get_list_cost(self, query: ListQuery) -> ListCost:
        return ListCost(cost=1e6, seconds=10.0, reads_all=True, advice=IndexAdvice(columns="error", sql=SQL))


class DearStore(WronglyDearStore):
    """And is right."""

    async def comes_at_once(self, query: ListQuery) -> bool:
        return False


async def test_fast_filter_runs_at_once_despite_a_high_planner_estimate(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, make=WronglyDearStore))) as driver:
        await driver.press("slash")
        await driver.type("timeout")
        await lists(driver, 4)
        assert note(driver) == ""


async def test_expensive_filter_runs_only_after_enter_confirms_it(jobs_db: JobsDatabase, database: Conninfo) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, make=DearStore))) as driver:
        await driver.press("slash")
        await driver.type("timeout")
        await driver.until(lambda: note(driver))
        assert "up to 10.0 s by the planner's estimate" in note(driver)
        assert SQL in note(driver)
        assert driver.rows == [1, 2, 3, 4, 5, 6]
        assert "⏎ list all the same" in hints(driver)
        await driver.press("enter")
        await lists(driver, 4)
        assert note(driver) == ""
        assert driver.app.focused is driver.table
        await driver.press("slash")
        assert "⏎ keep" in hints(driver)


async def test_operator_sees_the_planner_estimate_of_an_expensive_filter(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, make=WronglyDearStore, actor=OPERATOR))) as driver:
        await driver.press("slash")
        await driver.type("timeout")
        await driver.until(lambda: note(driver))
        assert "up to 10.0 s by the planner's estimate" in note(driver)


async def test_expensive_filter_entered_before_its_estimate_reopens_the_filter_bar(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, make=DearStore))) as driver:
        await driver.press("slash")
        await driver.type("timeout")
        await driver.press("enter")
        await driver.until(lambda: note(driver))
        assert driver.rows == [1, 2, 3, 4, 5, 6]
        assert driver.app.focused is driver.app.dashboard.query_one("#find")


@pytest.fixture
async def keeping(jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path) -> AsyncIterator[Driver]:
    """One view is configured, and others are kept."""
    setup = DashboardSetup(views={"cheap": View(name="cheap", text="cost:<=50")}, views_directory=tmp_path)
    async with drive_dashboard(WatchedApp(opener_of(database), setup=setup)) as driver:
        yield driver


async def test_view_command_applies_the_filter_of_the_view(keeping: Driver) -> None:
    await keeping.command("View cheap")
    await lists(keeping, 4)
    await keeping.shows("Jobs · view cheap · 1")
    await keeping.press("slash", *" x")
    await keeping.shows_no_longer("view cheap")


async def test_saved_view_is_replaced_only_after_confirmation(keeping: Driver, tmp_path: Path) -> None:
    await keeping.press("slash")
    await keeping.type("status:failed")
    await lists(keeping, 4)
    await keeping.press("enter")
    await keeping.command("Save this view")
    for name, sentence in (("", "Name is empty."), ("cheap", "The configuration has a view 'cheap'.")):
        await keeping.type(name)
        await keeping.press("enter")
        await keeping.shows(sentence)
    await keeping.type("[/x]")
    await keeping.press("enter")
    await keeping.shows("Jobs · view [/x] · 1")
    saved = SavedViews(tmp_path)
    assert saved.read()["[/x]"].text == "status:failed"

    await keeping.press("slash")
    await keeping.type("status:queued")
    await lists(keeping, 1, 5)
    await keeping.command("Save this view")
    await keeping.type("[/x]")
    await keeping.press("enter")
    await keeping.shows("'[/x]' finds “status:failed”.")
    assert saved.read()["[/x]"].text == "status:failed"
    await keeping.press("enter")
    await keeping.until(lambda: saved.read()["[/x]"].text == "status:queued")


async def test_saved_view_is_removed_only_after_confirmation(keeping: Driver, tmp_path: Path) -> None:
    saved = SavedViews(tmp_path)
    saved.save(View(name="late", text="is:stuck"), replaces=None)
    await keeping.command("Remove the view late")
    await keeping.has_dialog("Remove this view?")
    await keeping.press("n")
    assert set(saved.read()) == {"late"}
    await keeping.command("Remove the view late")
    await keeping.press("y")
    await keeping.shows_toast("Removed the view late.")
    assert saved.read() == {}


async def test_view_name_and_filter_are_shown_as_plain_text(keeping: Driver, tmp_path: Path) -> None:
    hostile = 'error:"[/x][$y][@click=app.quit]z[/]"'
    name = "[red]\\[/a]"
    SavedViews(tmp_path).save(View(name=name, text=hostile), replaces=None)
    await keeping.press("ctrl+p")
    await keeping.type("View")
    await keeping.shows(f"View {name}  {hostile}")
    await keeping.press("escape")


async def test_filter_bar_stays_usable_after_a_filter_times_out(jobs_db: JobsDatabase, database: Conninfo) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, make=SlowStore))) as driver:
        await driver.press("slash")
        await driver.type("error:timeout")
        await driver.until(lambda: "What would help: an index." in driver.banner)
        assert driver.rows == [1, 2, 3, 4, 5, 6], "what was listed stays"
        await driver.type("status:failed")
        await lists(driver, 4)
        assert driver.banner == ""


class SlowStore(FrozenStore):
    """On which no list by an error comes in time."""

    async def get_listing(self, query: ListingQuery, *, at: datetime | None = None) -> Listing:
        if any(term.key is Key.ERROR for term in query.window.listed.job_filter.terms):
            raise TimedOut("The list took too long.", hint="What would help: an index.")
        return await super().get_listing(query, at=at)


async def test_unreadable_saved_views_are_reported(jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path) -> None:
    (tmp_path / "views.toml").write_text("[views]\nlate = 'statsu:x'\n")
    setup = DashboardSetup(views_directory=tmp_path)
    async with drive_dashboard(WatchedApp(opener_of(database), setup=setup)) as driver:
        await driver.shows_toast("views.late is no filter")
        assert driver.rows == [1, 2, 3, 4, 5, 6]


async def test_help_lists_the_filter_keys(dashboard: Driver) -> None:
    dashboard.app.action_help()
    await dashboard.has_dialog("Keys")
    entries = [(entry.keys, entry.what) for entry in help_entries(dashboard.app)]
    for key in KEYS.values():
        assert (key.example, key.words) in entries
