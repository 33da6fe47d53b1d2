"""Cleaning up from the dashboard: it counts, asks, and goes on batch by batch until somebody stops it."""

from contextlib import aclosing
from typing import TYPE_CHECKING

from store.errors import OutcomeUnknown, StoreError
from store.retention import cleaning
from store.retention.model import Progress
from tui.actions.desk import Desk
from tui.clean_up import look_for_old
from tui.screens.clean_up import CleanUpDialog, WantedCleanUp
from tui.screens.progress import ProgressDialog, close
from tui.words.job_names import jobs_count
from tui.words.retention_words import (
    DOING,
    DONE,
    GOES_ON_HERE,
    CleanUp,
    Place,
    broken_off,
    result,
    stopped,
    why_left,
)
from tui.words.toast import Toast, error_words

if TYPE_CHECKING:
    from tui.app import GjobsApp


async def clean_up(app: "GjobsApp", desk: Desk) -> None:
    store = desk.store

    async def count(wanted: WantedCleanUp) -> CleanUp:
        name = desk.project_names[wanted.project_id] if wanted.project_id else None
        return await look_for_old(
            store,
            wanted.older_than,
            statuses=wanted.statuses,
            project_id=wanted.project_id,
            action=wanted.action,
            place=Place(actor=store.actor, database=desk.database, project_name=name),
            otherwise="Or delete them.",
        )

    dialog = CleanUpDialog(projects=desk.projects, project_id=app.dashboard.listed.project_id, count=count)
    found = await app.push_screen_wait(dialog)
    if found is not None:
        app.errands.write(_clean_up(app, desk, found))


async def _clean_up(app: "GjobsApp", desk: Desk, found: CleanUp) -> Toast:
    """Raises no StoreError, for what was done before one is told with it."""
    is_stopping = False

    def stop() -> None:
        nonlocal is_stopping
        is_stopping = True

    done, verb = Progress(), DONE[found.action]
    title = f"{DOING[found.action]} {jobs_count(found.found)}"
    dialog = ProgressDialog(title=title, total=found.found, stop=stop)
    await app.push_screen(dialog)
    try:
        async with aclosing(cleaning.clean_up(desk.store, found.expired, found.action)) as steps:
            async for done in steps:
                dialog.show_progress(done.done)
                if is_stopping:
                    break
        left = sum(row.count for row in await cleaning.count_expired(desk.store, found.expired))
    except StoreError as error:
        # A batch whose answer was lost may be sent again: what it took away is no longer found.
        why = error.message if isinstance(error, OutcomeUnknown) else error_words(error)
        return Toast(text=f"{why} {broken_off(verb, done, goes_on=GOES_ON_HERE)}", severity="error")
    finally:
        await close(dialog)
        desk.changed(())
    if is_stopping and left:
        return Toast(text=stopped(verb, done, left, goes_on=GOES_ON_HERE), severity="warning")
    sentences = [result(verb, done), *why_left(done, left, goes_on=GOES_ON_HERE)]
    return Toast(text=" ".join(sentences), severity="warning" if left else "information")
