"""Copies of jobs, as ids or as JSON."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import App

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.moments.moment import job_row
from gjobs.tui.dashboard.terminal.clipboard import copy_text
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.text.error_text import error_message
from gjobs.tui.text.format import jobs_name

if TYPE_CHECKING:
    from gjobs.store.store import Store


def copy_ids(app: App[Any], jobs: Sequence[GenerationJob]) -> None:
    copied = f"the id {jobs[0].id}" if len(jobs) == 1 else f"the ids of {len(jobs)} jobs"
    copy_text(app, "\n".join(str(job.id) for job in jobs), f"Copied {copied}")


async def copy_as_json(app: App[Any], store: "Store", jobs: Sequence[GenerationJob]) -> None:
    """Copy current rows, because the list may have cut some values. Like the command line, write one object for one
    job, and a list for several.
    """
    try:
        present = {job.id: job for job in await store.get_these_jobs([job.id for job in jobs])}
    except StoreError as error:
        show_message(app, error_message(error))
        return
    there = [present[job.id] for job in jobs if job.id in present]
    if there:
        rows = [job_row(job) for job in there]
        copy_text(app, json.dumps(rows[0] if len(rows) == 1 else rows, indent=2), f"Copied {jobs_name(there)} as JSON")
    if gone := len(jobs) - len(there):
        missing = "The job is" if len(jobs) == 1 else f"{gone} of the {len(jobs)} jobs are"
        show_warning(app, f"{missing} deleted or hidden, and not copied.")
