"""Choosing all jobs that are looked for, beyond the rows shown: read from the server, counted, and frozen then."""

from typing import TYPE_CHECKING

from store.errors import StoreError
from store.writing.validation import MAX_LIMIT
from tui.say import say
from tui.words.job_names import jobs_count
from tui.words.toast import Toast, error_toast

if TYPE_CHECKING:
    from tui.actions.desk import Desk
    from tui.app import GjobsApp


async def choose_all_matching(app: "GjobsApp", desk: "Desk") -> None:
    dashboard, store = app.dashboard, desk.store
    query = dashboard.looked_for
    listed = query.window.listed
    if query.through_lens:
        text = "Leave the lens first: it shows jobs that these eyes do not see."
        say(app, Toast(text=text, severity="warning"))
        return
    try:
        page = await store.find_jobs(
            listed.job_filter, project_id=listed.project_id, status=listed.status, limit=MAX_LIMIT
        )
    except StoreError as error:
        say(app, error_toast(error))
        return
    if app.connection.store is not store or dashboard.looked_for.window.listed != listed:
        return
    dashboard.jobs.select(page.items)
    if not page.items:
        say(app, Toast(text="No job matches.", severity="warning"))
    elif page.next_key is not None:
        text = f"More match: chosen are the newest {jobs_count(len(page))}, the most that can be at once."
        say(app, Toast(text=text, severity="warning"))
