"""Who works and on what, in a dialog, and from there to a job."""

from typing import TYPE_CHECKING
from uuid import UUID

from store.actor import ActingUser
from store.errors import StoreError
from tui.actions.desk import desk_for
from tui.say import say
from tui.screens.workers import WorkersDialog
from tui.words.eyes import eyes_name
from tui.words.toast import Toast, error_toast
from tui.words.workforce_lines import Eyes

if TYPE_CHECKING:
    from store.model.worker import Workforce
    from store.store import Store
    from tui.app import GjobsApp


async def show_workers(app: "GjobsApp") -> None:
    """Looked at as often as the list, for as long as the dialog is open."""
    desk = desk_for(app, "workers")
    if desk is None:
        return
    store, connection = desk.store, app.connection

    async def get_workforce(_: None) -> "Workforce":
        return await store.get_workforce()

    eyes = Eyes(
        name=eyes_name(store.actor),
        is_user=isinstance(store.actor, ActingUser),
        project=app.dashboard.project_name,
    )
    with connection.looking_beside(get_workforce) as feed:
        job_id = await app.push_screen_wait(WorkersDialog(feed, eyes, clock=connection.clock))
    if job_id is not None:
        await _lead_to(app, store, job_id)


async def _lead_to(app: "GjobsApp", store: "Store", job_id: UUID) -> None:
    """Where it is listed, there; else to its project."""
    dashboard = app.dashboard
    if (listed := dashboard.jobs.job(job_id)) is not None:
        dashboard.jobs.table.move_to(job_id)
        await dashboard.show_details_of(listed, is_listed=True)
        return
    try:
        job = await store.get_generation_job(job_id)
        project = await store.get_project(job.project_id) if job else None
    except StoreError as error:
        say(app, error_toast(error))
        return
    if job is None:
        say(app, Toast(text=f"The job {job_id} is gone, or hidden.", severity="warning"))
    elif app.connection.store is store:
        await dashboard.leads.show_job(job, project)
