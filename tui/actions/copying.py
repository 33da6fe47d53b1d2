"""Copying jobs to the clipboard. A terminal never says whether it took the text, so what was copied is always told."""

import json
from collections.abc import Sequence
from typing import Any

from textual.app import App

from store.model import GenerationJob
from tui.cli import jsonable
from tui.say import say
from tui.words.outcomes import Toast, jobs_name


def copy_ids(app: App[Any], jobs: Sequence[GenerationJob]) -> None:
    """A line each."""
    app.copy_to_clipboard("\n".join(str(job.id) for job in jobs))
    what = f"the id {jobs[0].id}" if len(jobs) == 1 else f"the ids of {len(jobs)} jobs"
    say(app, Toast(text=f"Copied {what}."))


def copy_json(app: App[Any], jobs: Sequence[GenerationJob]) -> None:
    """As the command line prints them: one object, or a list of several."""
    documents = jsonable.rows(jobs)
    app.copy_to_clipboard(json.dumps(documents[0] if len(jobs) == 1 else documents, indent=2))
    say(app, Toast(text=f"Copied {jobs_name(jobs)} as JSON."))
