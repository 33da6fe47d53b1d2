"""Copying jobs to the clipboard. A terminal never says whether it took the text, so what was copied is always told."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import App

from store.errors import StoreError
from store.model import GenerationJob
from tui.cli import jsonable
from tui.say import say
from tui.words.job_names import jobs_name
from tui.words.toast import Toast, error_toast

if TYPE_CHECKING:
    from store.store import Store


def copy_ids(app: App[Any], jobs: Sequence[GenerationJob]) -> None:
    """A line each."""
    app.copy_to_clipboard("\n".join(str(job.id) for job in jobs))
    what = f"the id {jobs[0].id}" if len(jobs) == 1 else f"the ids of {len(jobs)} jobs"
    say(app, Toast(text=f"Copied {what}."))


async def copy_whole_json(app: App[Any], store: "Store", jobs: Sequence[GenerationJob]) -> None:
    """As they are by now, in the order in which they were seen."""
    try:
        whole = {job.id: job for job in await store.get_these_jobs([job.id for job in jobs])}
    except StoreError as error:
        say(app, error_toast(error))
        return
    there = [whole[job.id] for job in jobs if job.id in whole]
    if there:
        _copy_json(app, there)
    if gone := len(jobs) - len(there):
        what = "The job is" if len(jobs) == 1 else f"{gone} of the {len(jobs)} jobs are"
        say(app, Toast(text=f"{what} gone, or hidden, and not copied.", severity="warning"))


def _copy_json(app: App[Any], jobs: Sequence[GenerationJob]) -> None:
    """As the command line prints them: one object, or a list of several."""
    documents = jsonable.rows(jobs)
    app.copy_to_clipboard(json.dumps(documents[0] if len(jobs) == 1 else documents, indent=2))
    say(app, Toast(text=f"Copied {jobs_name(jobs)} as JSON."))
