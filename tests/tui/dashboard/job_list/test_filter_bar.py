"""The filter bar alone: completions, texts and messages."""

from collections.abc import AsyncIterator

import pytest
from textual import on
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input, Static

from gjobs.store.filters.filter_completion import CompletionValues
from gjobs.store.filters.filter_syntax import MOST_CHARACTERS, format_filter, parse
from gjobs.tui.dashboard.frame.run import frame_text
from gjobs.tui.dashboard.list.filter_bar import CompletionList, FilterBar
from tests.tui.app_waits import AppDriver


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
