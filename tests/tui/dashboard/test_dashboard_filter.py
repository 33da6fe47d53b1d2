"""The filter: the bar alone, typing, completions, cost estimates and saved views."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from textual import events, on
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input, Static

from gjobs.store.configuration.saved_views import FILE, KnownViews, View, read_saved
from gjobs.store.configuration.settings import Configuration
from gjobs.store.errors import TimedOut
from gjobs.store.filters.filter_syntax import MOST_CHARACTERS, CompletionValues, format_filter, parse
from gjobs.store.filters.filter_terms import Key
from gjobs.store.job_list.list_query import Listing, ListingQuery, ListQuery
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.list.filter_bar import CompletionList, FilterBar
from gjobs.tui.dashboard.session.setup import DashboardSetup
from gjobs.tui.dashboard.terminal.appearance import frame_text
from tests.tui.app_waits import AppDriver
from tests.tui.dashboard.dashboard_driver import AS_ADA, Drive, Driver, ExpensiveStore
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


async def test_filter_bar_reports_mistakes_and_completes_names(dashboard: Driver) -> None:
    await dashboard.filter("timeout status:queued", rows=[], shows="No job matches. Press esc to show all jobs again.")
    await dashboard.type("timeout cots:>5", shows="Unknown key 'cots'. Did you mean cost?")
    await dashboard.refreshes_behind()
    assert text(dashboard) == "timeout cots:>5"
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


class BarApp(App[None]):
    CSS = "Screen { layout: vertical; }"

    def __init__(self) -> None:
        super().__init__()
        self.known = CompletionValues()
        self.bar = FilterBar(known=lambda: self.known)
        self.messages: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.bar
        yield Static("rows " * 200)

    def on_mount(self) -> None:
        self.bar.open()

    @on(FilterBar.FilterRequested)
    @on(FilterBar.Kept)
    @on(FilterBar.Left)
    def _keep(self, message: Message) -> None:
        self.messages.append(message)


class Bar(AppDriver):
    app: BarApp

    def __init__(self, app: BarApp, pilot: Pilot[None]) -> None:
        super().__init__(app, pilot)
        self.bar = app.bar
        self.field = app.bar.query_one(Input)

    async def type(self, text: str, *keys: str) -> None:
        """Replace the text of the field and press the keys."""
        self.field.value = text
        self.field.cursor_position = len(text)
        await self.settle()
        await self.press(*keys)

    @property
    def offered_texts(self) -> list[str]:
        completions = self.app.query_one(CompletionList)
        return [str(option.prompt).split()[0] for option in completions.options] if completions.offered else []

    @property
    def mistake(self) -> list[str]:
        note = self.app.query_one("#mistake", Static)
        return str(note.render()).splitlines() if note.display else []

    @property
    def messages(self) -> list[Message]:
        return self.app.messages

    @property
    def filters(self) -> list[str]:
        return [
            format_filter(message.job_filter)
            for message in self.messages
            if isinstance(message, FilterBar.FilterRequested)
        ]


@pytest.fixture
async def bar() -> AsyncIterator[Bar]:
    app = BarApp()
    async with app.run_test(size=(80, 20)) as pilot:
        yield Bar(app, pilot)


async def test_filter_change_is_sent_after_typing_pauses_unless_the_filter_is_equivalent(bar: Bar) -> None:
    await bar.press(*"life")
    assert bar.messages == []
    await bar.until(lambda: bar.messages)
    (changed,) = bar.messages
    assert isinstance(changed, FilterBar.FilterRequested)
    assert changed.job_filter == parse("life")

    await bar.type(" life  ")
    bar.bar.settle()
    await bar.settle()
    assert (bar.filters, bar.bar.text) == (["life"], " life  ")


async def test_filter_bar_completes_keys_and_values(bar: Bar) -> None:
    await bar.press(*"st")
    assert bar.offered_texts == ["status:"]
    await bar.press("tab")
    assert bar.field.value == "status:"
    assert bar.offered_texts == ["queued", "running", "succeeded", "failed"]
    await bar.press("down", "down", "down", "up", "enter")
    assert bar.field.value == "status:running"
    assert bar.offered_texts == []
    await bar.press(*",fa", "right")
    assert bar.field.value == "status:running,failed"
    assert bar.app.focused is bar.field
    await bar.until(lambda: bar.filters == ["status:running,failed"])

    await bar.type("timeout ")
    assert bar.offered_texts == []
    await bar.press("tab")
    assert bar.offered_texts[:2] == ["status:", "mode:"]
    await bar.press("tab")
    assert bar.field.value == "timeout status:"


async def test_enter_replaces_the_name_of_a_status_by_its_term_unless_the_offer_is_closed(bar: Bar) -> None:
    await bar.press(*"failed")
    assert bar.offered_texts == ["status:failed"]
    await bar.press("enter")
    assert (bar.field.value, bar.filters) == ("status:failed", ["status:failed"])
    assert isinstance(bar.messages[-1], FilterBar.Kept)

    await bar.type("failed", "escape", "enter")
    assert (bar.field.value, bar.filters) == ("failed", ["status:failed", "failed"])


async def test_completions_show_hostile_database_values_as_plain_text(bar: Bar) -> None:
    hostile = "[red]x[/] \x1b[2J\u202e, y"
    bar.app.known = CompletionValues(projects=(hostile, "n" * 500), users=("ana@example.com",))
    bar.bar.complete_again()
    await bar.type("project:")
    frame = frame_text(bar.app)
    assert '"[red]x[/] ␛[2J␦, y"' in frame
    assert not set(frame) & {"\x1b", "\u202e"}
    await bar.press("tab")
    assert bar.bar.text == f'project:"{hostile}"'
    await bar.type("user:an", "tab")
    assert bar.bar.text == "user:ana@example.com"


@pytest.mark.parametrize("key", ["enter", "down"])
async def test_enter_and_down_keep_a_valid_filter(bar: Bar, key: str) -> None:
    await bar.type("status:failed", key)
    changed, kept = bar.messages
    assert isinstance(changed, FilterBar.FilterRequested)
    assert isinstance(kept, FilterBar.Kept)
    assert bar.bar.kept_text == "status:failed"


async def test_filter_mistake_is_marked_and_tab_applies_the_suggestion(bar: Bar) -> None:
    await bar.type("cost:>50")
    bar.bar.settle()
    await bar.type("cost:>50 statsu:failed")
    await bar.until(lambda: bar.mistake)
    assert bar.mistake == [
        "         ^^^^^^ Unknown key 'statsu'. Did you mean status?",
        "Still showing results for “cost:>50”.",
    ]
    assert bar.bar.job_filter == parse("cost:>50")
    await bar.press("tab")
    assert bar.field.value == "cost:>50 status:failed"
    assert bar.mistake == []
    await bar.until(lambda: bar.filters == ["cost:>$0.50", "cost:>$0.50 status:failed"])


async def test_enter_on_an_invalid_filter_shows_the_mistake_and_keeps_focus(bar: Bar) -> None:
    for text, mistake in (
        ("status:", "^ status: needs a value."),
        ("x" * (MOST_CHARACTERS + 1), "A filter can have 1,000 characters at most. This one has 1,001."),
    ):
        await bar.type(text, "enter")
        assert mistake in " ".join(bar.mistake)
        assert bar.app.focused is bar.field
        assert bar.bar.text == text
    assert not any(isinstance(message, FilterBar.Kept) for message in bar.messages)


async def test_completions_clear_their_lines_to_the_right_edge(bar: Bar) -> None:
    await bar.type("status:failed cost:>3")
    line = next(line for line in frame_text(bar.app).splitlines() if "the same in dollars" in line)
    assert line.startswith("rows")
    assert line.rstrip().endswith("the same in dollars")


async def test_filter_bar_fits_every_width(bar: Bar) -> None:
    bar.app.known = CompletionValues(projects=("秋 " * 100,))
    bar.bar.complete_again()
    for width in (40, 80, 120):
        await bar.resize(width, 20)
        for text in ("project:", "status:faild " + "cost:>5 " * 30, "-statsu:x", "秋" * 70 + " colour:red"):
            await bar.type(text)
            bar.bar.settle()
            await bar.settle()
            assert bool(bar.offered_texts) != bool(bar.mistake)
            for below in (bar.app.query_one("#mistake"), bar.app.query_one(CompletionList)):
                assert below.region.right <= width
                assert below.region.height <= 8
