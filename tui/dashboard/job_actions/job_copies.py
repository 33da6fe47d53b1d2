"""Copies job ids and JSON to the clipboard."""

import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from textual.app import App

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.member_table import by_member
from gjobs.store.moments.moment import job_row
from gjobs.tui.dashboard.clipboard import copy_text
from gjobs.tui.dashboard.message_board import show_message, show_warning
from gjobs.tui.text.error_text import error_message
from gjobs.tui.text.format import jobs_name

if TYPE_CHECKING:
    from gjobs.store.store import Store


class JobCopy(StrEnum):
    ID = "id"
    JSON = "json"


def _ids(jobs: Sequence[GenerationJob]) -> str:
    """Return one id a line."""
    return "\n".join(str(job.id) for job in jobs)


def _json(jobs: Sequence[GenerationJob]) -> str:
    """Return JSON as the command line prints it: one object, or a list if there are several jobs."""
    documents = [job_row(job) for job in jobs]
    return json.dumps(documents[0] if len(jobs) == 1 else documents, indent=2)


_TEXTS: Mapping[JobCopy, Callable[[Sequence[GenerationJob]], str]] = by_member(
    JobCopy, {JobCopy.ID: _ids, JobCopy.JSON: _json}
)

_SEEN = frozenset({JobCopy.ID})
"""Copies that need only listed values. Other values may be cut in the list, so the rows are read first."""


async def copy_jobs(app: App[Any], store: "Store | None", what: JobCopy, jobs: Sequence[GenerationJob]) -> None:
    """Copy in the order of `jobs`. Rows that must be read are copied with their current values.

    `store` is None if rows cannot be read.
    """
    if what in _SEEN:
        copied = f"the id {jobs[0].id}" if len(jobs) == 1 else f"the ids of {len(jobs)} jobs"
        copy_text(app, _TEXTS[what](jobs), f"Copied {copied}")
    elif store is not None:
        await _copy_present(app, store, what, jobs)


async def _copy_present(app: App[Any], store: "Store", what: JobCopy, jobs: Sequence[GenerationJob]) -> None:
    try:
        present = {job.id: job for job in await store.get_these_jobs([job.id for job in jobs])}
    except StoreError as error:
        show_message(app, error_message(error))
        return
    there = [present[job.id] for job in jobs if job.id in present]
    if there:
        copy_text(app, _TEXTS[what](there), f"Copied {jobs_name(there)} as {what.upper()}")
    if gone := len(jobs) - len(there):
        missing = "The job is" if len(jobs) == 1 else f"{gone} of the {len(jobs)} jobs are"
        show_warning(app, f"{missing} deleted or hidden, and not copied.")
