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
from store.job_list.index_advice import Advice
from store.job_list.list_cost import ListCost
from store.job_list.list_query import ListingQuery, ListQuery
from store.job_list.listing import Listing
from store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.tui.driving import Driver, FrozenStore, WatchedApp, driving, opener_of
from tests.tui.world import BEN, World, short
from tui.dashboard.job_list.filter_bar import FilterBar
from tui.dashboard.job_list.filter_field import CompletionList
from tui.dashboard.keys.help import help_entries
from tui.dashboard.setup import Setup

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


async def test_slash_finds_while_one_types_enter_keeps_and_escape_clears(dashboard: Driver) -> None:
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


async def test_what_is_typed_at_once_is_no_command(dashboard: Driver) -> None:
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
async def test_the_whole_grammar_finds(dashboard: Driver, typed: str, rows: list[int]) -> None:
    await dashboard.press("slash")
    await dashboard.type(typed)
    await lists(dashboard, *rows)
    await dashboard.sees(*["No job matches. Press esc to show all jobs again."] * (not rows))


async def test_the_projects_that_are_there_are_offered(dashboard: Driver) -> None:
    await dashboard.press("slash", *"project:sp")
    assert dashboard.app.dashboard.query_one(CompletionList).is_open
    await dashboard.press("tab")
    assert text(dashboard) == 'project:"Spring lookbook"'


async def test_users_are_offered_to_the_operator(world: World, database: Conninfo) -> None:
    async with driving(WatchedApp(opener_of(database, actor=OPERATOR))) as driver:
        await driver.press("slash", *"user:be")
        await driver.sees("ben@example.com")
        await driver.press("tab")
        assert text(driver) == "user:ben@example.com"

        await driver.type("user:")
        await driver.sees("ben@example.com")
        driver.app.dashboard.forget()
        await driver.sees_no_more("ben@example.com")
        assert text(driver) == "user:", "what was typed is the person's"


async def test_the_last_that_was_right_holds_while_the_text_is_wrong(dashboard: Driver) -> None:
    await dashboard.press("slash")
    await dashboard.type("status:failed")
    await lists(dashboard, 4)
    await dashboard.type("status:failed cots:>5")
    await dashboard.sees("'cots' is no key. Did you mean cost?", "Until then “status:failed” holds.")
    before = dashboard.app.looks
    dashboard.app.action_refresh()
    await dashboard.until(lambda: dashboard.app.looks > before)
    assert dashboard.rows == [4]
    assert text(dashboard) == "status:failed cots:>5"


async def test_what_is_typed_outlives_another_project(dashboard: Driver) -> None:
    await dashboard.press("slash")
    await dashboard.type("status:queued,succeeded")
    await lists(dashboard, 1, 3, 5)
    await dashboard.press("enter")
    await dashboard.show_project("Spring lookbook")
    await lists(dashboard, 7)
    assert text(dashboard) == "status:queued,succeeded"


async def test_what_these_eyes_may_not_use_is_said_in_the_bar(dashboard: Driver) -> None:
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
        return ListCost(cost=1e6, seconds=10.0, reads_all=True, advice=Advice(columns="error", sql=SQL))


class DearStore(WronglyDearStore):
    """And is right."""

    async def comes_at_once(self, query: ListQuery) -> bool:
        return False


async def test_a_filter_that_only_the_planner_takes_for_dear_with_a_users_eyes_runs_at_once(
    world: World, database: Conninfo
) -> None:
    async with driving(WatchedApp(opener_of(database, make=WronglyDearStore))) as driver:
        await driver.press("slash")
        await driver.type("timeout")
        await lists(driver, 4)
        assert note(driver) == ""


async def test_a_dear_filter_runs_only_for_who_insists(world: World, database: Conninfo) -> None:
    async with driving(WatchedApp(opener_of(database, make=DearStore))) as driver:
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


async def test_an_operator_is_told_what_the_planner_says(world: World, database: Conninfo) -> None:
    async with driving(WatchedApp(opener_of(database, make=WronglyDearStore, actor=OPERATOR))) as driver:
        await driver.press("slash")
        await driver.type("timeout")
        await driver.until(lambda: note(driver))
        assert "up to 10.0 s by the planner's estimate" in note(driver)


async def test_a_filter_that_was_kept_too_soon_comes_back(world: World, database: Conninfo) -> None:
    async with driving(WatchedApp(opener_of(database, make=DearStore))) as driver:
        await driver.press("slash")
        await driver.type("timeout")
        await driver.press("enter")
        await driver.until(lambda: note(driver))
        assert driver.rows == [1, 2, 3, 4, 5, 6]
        assert driver.app.focused is driver.app.dashboard.query_one("#find")


@pytest.fixture
async def keeping(world: World, database: Conninfo, tmp_path: Path) -> AsyncIterator[Driver]:
    """One view is configured, and others are kept."""
    setup = Setup(views={"cheap": View(name="cheap", text="cost:<=50")}, views_directory=tmp_path)
    async with driving(WatchedApp(opener_of(database), setup=setup)) as driver:
        yield driver


async def test_a_view_is_shown_by_its_name(keeping: Driver) -> None:
    await keeping.command("View cheap")
    await lists(keeping, 4)
    await keeping.sees("Jobs · view cheap · 1")
    await keeping.press("slash", *" x")
    await keeping.sees_no_more("view cheap")


async def test_a_view_is_saved_and_replaced_only_by_who_says_so(keeping: Driver, tmp_path: Path) -> None:
    await keeping.press("slash")
    await keeping.type("status:failed")
    await lists(keeping, 4)
    await keeping.press("enter")
    await keeping.command("Save this view")
    for name, sentence in (("", "Name is empty."), ("cheap", "The configuration has a view 'cheap'.")):
        await keeping.type(name)
        await keeping.press("enter")
        await keeping.sees(sentence)
    await keeping.type("[/x]")
    await keeping.press("enter")
    await keeping.sees("Jobs · view [/x] · 1")
    saved = SavedViews(tmp_path)
    assert saved.read()["[/x]"].text == "status:failed"

    await keeping.press("slash")
    await keeping.type("status:queued")
    await lists(keeping, 1, 5)
    await keeping.command("Save this view")
    await keeping.type("[/x]")
    await keeping.press("enter")
    await keeping.sees("'[/x]' finds “status:failed”.")
    assert saved.read()["[/x]"].text == "status:failed"
    await keeping.press("enter")
    await keeping.until(lambda: saved.read()["[/x]"].text == "status:queued")


async def test_a_view_is_removed_by_who_says_yes(keeping: Driver, tmp_path: Path) -> None:
    saved = SavedViews(tmp_path)
    saved.save(View(name="late", text="is:stuck"), replaces=None)
    await keeping.command("Remove the view late")
    await keeping.has_dialog("Remove this view?")
    await keeping.press("n")
    assert set(saved.read()) == {"late"}
    await keeping.command("Remove the view late")
    await keeping.press("y")
    await keeping.is_told("Removed the view late.")
    assert saved.read() == {}


async def test_what_a_view_says_is_text(keeping: Driver, tmp_path: Path) -> None:
    hostile = 'error:"[/x][$y][@click=app.quit]z[/]"'
    name = "[red]\\[/a]"
    SavedViews(tmp_path).save(View(name=name, text=hostile), replaces=None)
    await keeping.press("ctrl+p")
    await keeping.type("View")
    await keeping.sees(f"View {name}  {hostile}")
    await keeping.press("escape")


async def test_a_filter_that_takes_too_long_leaves_the_bar_usable(world: World, database: Conninfo) -> None:
    async with driving(WatchedApp(opener_of(database, make=SlowStore))) as driver:
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


async def test_saved_views_that_cannot_be_read_are_told_of(world: World, database: Conninfo, tmp_path: Path) -> None:
    (tmp_path / "views.toml").write_text("[views]\nlate = 'statsu:x'\n")
    setup = Setup(views_directory=tmp_path)
    async with driving(WatchedApp(opener_of(database), setup=setup)) as driver:
        await driver.is_told("views.late is no filter")
        assert driver.rows == [1, 2, 3, 4, 5, 6]


async def test_the_help_has_the_keys_of_a_filter(dashboard: Driver) -> None:
    dashboard.app.action_help()
    await dashboard.has_dialog("Keys")
    entries = [(entry.keys, entry.what) for entry in help_entries(dashboard.app)]
    for key in KEYS.values():
        assert (key.example, key.words) in entries
