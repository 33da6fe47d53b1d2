"""Scenes of the dashboard, of its main screens and of the manual."""

from textual.containers import VerticalScroll
from textual.widgets import Input, MarkdownViewer, OptionList, Select, Static
from textual.widgets.markdown import MarkdownTableOfContents

from gjobs.store.configuration.settings import EMBEDDED_USER
from gjobs.store.jobs.job import JobStatus
from gjobs.tui.dashboard.details.details_pane import DetailsPane
from gjobs.tui.dashboard.frame.help import Location, ManualDialog
from gjobs.tui.dashboard.list.filter_bar import CompletionList
from screenshots.stage import Stage


async def dashboard(stage: Stage) -> None:
    await stage.press("down", "down")


async def dashboard_with_pane(stage: Stage) -> None:
    await stage.go_to(lambda job: (job.error or "").startswith("{"))
    pane = stage.app.screen.query_one(DetailsPane)
    await stage.wait_for(lambda: EMBEDDED_USER in str(pane.render()) and "running → failed" in str(pane.render()))


async def details(stage: Stage) -> None:
    await stage.go_to(lambda job: (job.error or "").startswith("{"))
    await stage.open("enter", "#facts")
    await has_details(stage, "running → failed")


async def timeline(stage: Stage) -> None:
    await stage.go_to(lambda job: job.status is JobStatus.SUCCEEDED)
    await stage.open("enter", "#facts")
    await has_details(stage, "step 3 of 4")


async def has_details(stage: Stage, event: str) -> None:
    """Wait for both the names and the events, because they arrive separately."""
    facts, events = (stage.app.screen.query_one(name, Static) for name in ("#facts", "#events"))
    await stage.wait_for(lambda: EMBEDDED_USER in str(facts.render()) and event in str(events.render()))


async def workers(stage: Stage) -> None:
    await stage.open("w", "#summary")
    summary = stage.app.screen.query_one("#summary", Static)
    await stage.wait_for(lambda: "alive" in str(summary.render()))


async def visibility(stage: Stage) -> None:
    await stage.press("v")
    await stage.wait_for(lambda: bool(stage.app.dashboard.listing and stage.app.dashboard.listing.hidden))
    await stage.go_to(lambda job: job.status is JobStatus.FAILED)


async def moment(stage: Stage) -> None:
    """Show the jobs as they were eight hours earlier."""
    await stage.open("at", "#text")
    stage.app.screen.query_one("#text", Input).value = "8h"
    await stage.press("enter")
    await stage.wait_for(lambda: stage.app.dashboard.has_all and "as of" in stage.app.dashboard.heading)
    await stage.press("down")


async def new_job(stage: Stage) -> None:
    await stage.open("n", "#asset OptionList")
    asset = stage.app.screen.query_one("#asset", Select)
    await stage.wait_for(lambda: asset.query_one(OptionList).option_count > 1)
    asset.focus()
    await stage.press("enter", "end", "enter")


async def confirmation(stage: Stage) -> None:
    await stage.go_to(lambda job: job.status is JobStatus.RUNNING)
    await stage.open("d", "#dialog")


async def budgets(stage: Stage) -> None:
    await stage.open("b", "#rows")
    listed = stage.app.screen.query_one("#rows", OptionList)
    await stage.wait_for(lambda: listed.option_count > 0)


async def errors(stage: Stage) -> None:
    await stage.open("E", "#groups")
    group = stage.app.screen.query_one("#group", Static)
    await stage.wait_for(lambda: "Example" in str(group.render()))


async def case(stage: Stage) -> None:
    await stage.go_to(lambda job: (job.error or "").startswith("{"))
    await stage.open("C", "#redaction")
    redaction = stage.app.screen.query_one("#redaction", Static)
    await stage.wait_for(lambda: "Redact" in str(redaction.render()))
    # The scroll bar appears after the text, and narrows it.
    text = stage.app.screen.query_one(VerticalScroll)
    await stage.wait_for(lambda: text.show_vertical_scrollbar and text.max_scroll_y > 0)


async def waste(stage: Stage) -> None:
    await errors(stage)
    await stage.open("w", "#options")
    await stage.press("left", "left")
    table = stage.app.screen.query_one("#table", Static)
    await stage.wait_for(lambda: "ERROR" in str(table.render()))


async def manual_of_keys(stage: Stage) -> None:
    await stage.press("question_mark")
    await has_page(stage, "tour")
    if isinstance(stage.app.screen, ManualDialog):
        stage.app.screen.go(Location(topic="keys", anchor="all-keys"))
    await has_page(stage, "keys", is_scrolled=True)


async def manual_of_budgets(stage: Stage) -> None:
    await budgets(stage)
    await stage.press("question_mark")
    await has_page(stage, "budgets")


async def manual_of_workers(stage: Stage) -> None:
    await workers(stage)
    await stage.press("question_mark")
    await has_page(stage, "workers")


async def has_page(stage: Stage, topic: str, *, is_scrolled: bool = False) -> None:
    """The page is loaded in parts, and laid out again when its width is known."""
    await stage.wait_for(lambda: isinstance(stage.app.screen, ManualDialog))
    dialog = stage.app.screen
    viewer, contents = dialog.query_one(MarkdownViewer), dialog.query_one(MarkdownTableOfContents)

    def is_drawn() -> bool:
        is_busy = any(work.node is dialog and not work.is_finished for work in stage.app.workers)
        is_titled = str(dialog.query_one("#dialog").border_title).endswith(f" {topic}")
        is_there = (viewer.scroll_offset.y > 0) is is_scrolled
        return is_titled and is_there and not is_busy and bool(contents.table_of_contents)

    await stage.wait_for(is_drawn)
    await stage.press()
    await stage.wait_for(is_drawn)


async def first_question(stage: Stage) -> None:
    await stage.wait_for(lambda: bool(stage.app.screen.query("#choices")))
    await stage.press()


async def suggestions(stage: Stage) -> None:
    """Type the first letter of a filter. Besides the suggestions, the screen then shows the jobs with this letter."""
    await stage.press("slash", "s")
    await is_filtered(stage)
    await stage.wait_for(lambda: bool(stage.app.screen.query_one(CompletionList).offered))


async def find(stage: Stage) -> None:
    await stage.press("slash")
    await stage.type_into("#find", "status:failed cost:>$1")
    await stage.press("enter")
    await is_filtered(stage)


async def is_filtered(stage: Stage) -> None:
    dashboard = stage.app.dashboard
    await stage.wait_for(
        lambda: dashboard.has_all and bool(dashboard.listing and dashboard.listing.query.window.listed.job_filter)
    )


async def as_opened(stage: Stage) -> None:
    await stage.press()


async def presenter(stage: Stage) -> None:
    await stage.press("B")
    await stage.wait_for(lambda: bool(stage.app.screen.query("#transitions")))
    await stage.has_drawn("#transitions", " ago")
