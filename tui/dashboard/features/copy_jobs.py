"""Copies of jobs, as ids or as JSON."""

import json
from collections.abc import Sequence
from typing import Any

from textual.app import App

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.moments.moment import job_row
from gjobs.store.store import Store
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.terminal.clipboard import copy_text
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.text.error_text import error_message
from gjobs.tui.text.format import jobs_name

_COPYING = "copy"
"""A later copy replaces one that still reads its jobs."""


def copy_ids(host: ActionHost) -> None:
    if jobs := host.dashboard.selected_jobs():
        host.app.workers.cancel_group(host.app, _COPYING)
        copied = f"the id {jobs[0].id}" if len(jobs) == 1 else f"the ids of {len(jobs)} jobs"
        copy_text(host.app, "\n".join(str(job.id) for job in jobs), f"Copied {copied}")


def copy_as_json(host: ActionHost) -> None:
    jobs, store = host.dashboard.selected_jobs(), host.poller.store
    if jobs and store is not None:
        host.app.run_worker(_copy_as_json(host.app, store, jobs), group=_COPYING, exclusive=True)


async def _copy_as_json(app: App[Any], store: Store, jobs: Sequence[GenerationJob]) -> None:
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
        missing = "the job: it is" if len(jobs) == 1 else f"{gone} of {len(jobs)} jobs: they are"
        show_warning(app, f"Did not copy {missing} deleted or hidden.")
