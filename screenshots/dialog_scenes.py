"""Scenes of the dialogs."""

from textual.widgets import OptionList

from gjobs.store.jobs.job import JobStatus
from gjobs.tui.dashboard.widgets.message_board import show_message
from gjobs.tui.text.error_text import Message
from screenshots.stage import Stage


async def messages(stage: Stage) -> None:
    kept = (
        Message(text="Started main_white 5f0c8d1e."),
        Message(text="Not possible now: The database is not reachable.", severity="error"),
        Message(text="Only a running job can be completed. This one is queued.", severity="warning"),
        Message(text="Deleted 3 jobs.", keys="U undo"),
    )
    for message in kept:
        show_message(stage.app, message)
    stage.app.messages.clear_passing()
    await stage.open("m", "RowList")


async def export(stage: Stage) -> None:
    await stage.open("e", "#agree")
    await stage.type_into("#file", "/home/ada/autumn.jsonl")


async def acting_user(stage: Stage) -> None:
    await stage.open("u", "#choices")
    choices = stage.app.screen.query_one("#choices", OptionList)
    await stage.wait_for(lambda: choices.option_count > 2)


async def projects(stage: Stage) -> None:
    await stage.open("p", "#choices")


async def databases(stage: Stage) -> None:
    await stage.open("D", "#choices")


async def timings(stage: Stage) -> None:
    await stage.open("t", "#table")
    await stage.has_drawn("#table", "MODE")


async def isolation(stage: Stage) -> None:
    """Confirm the check of a user, and wait for its last test."""
    await stage.open("i", "#dialog")
    await stage.press("y")
    await stage.wait_for(lambda: bool(stage.app.screen.query("#progress")))
    await stage.has_drawn("#progress", "17 kept")


async def archive(stage: Stage) -> None:
    """Mark two jobs in the archive of all projects."""
    stage.app.dashboard.choose_project(None)
    await stage.wait_for(lambda: stage.app.dashboard.has_all and stage.app.dashboard.listed_name == "all projects")
    await stage.run_command("Archived jobs")
    await stage.wait_for(lambda: bool(stage.app.screen.query("#rows")))
    archived = stage.app.screen.query_one("#rows", OptionList)
    await stage.wait_for(lambda: archived.option_count > 0)
    await stage.has_drawn("#count", "archived jobs")
    await stage.press("space", "space")


async def cleanup(stage: Stage) -> None:
    await stage.run_command("Clean up")
    await stage.wait_for(lambda: bool(stage.app.screen.query("#statuses")))


async def palette(stage: Stage) -> None:
    await stage.open_palette()


async def views(stage: Stage) -> None:
    await stage.open_palette("view")


async def marks(stage: Stage) -> None:
    """Mark some jobs, and ask to delete them."""
    await stage.go_to(lambda job: job.status is JobStatus.RUNNING)
    await stage.press("space", "space", "space")
    await stage.open("d", "#dialog")
