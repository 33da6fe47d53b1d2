"""Counting what is shown exactly, because somebody asked for it: with how far it has come, and a way to stop it."""

import asyncio
from typing import TYPE_CHECKING

from store.errors import StoreError
from tui.say import say
from tui.screens.progress import ProgressDialog, close
from tui.words.job_names import jobs_count
from tui.words.toast import Toast, error_toast

if TYPE_CHECKING:
    from tui.actions.desk import Desk
    from tui.app import GjobsApp

_SOON = 0.3
"""Seconds. What takes no longer needs no dialog."""
_WHOLE = 100
"""Percent."""


async def count_exactly(app: "GjobsApp", desk: "Desk") -> None:
    """The numbers of what is looked at."""
    query = app.dashboard.numbers_looked_for

    def report(done: int, pages: int) -> None:
        dialog.show_progress(_WHOLE * done // max(pages, 1))

    counting = asyncio.ensure_future(desk.store.get_numbers_exactly(query, report))
    dialog = ProgressDialog(title="Counting exactly", total=_WHOLE, stop=counting.cancel, words=_percent)
    try:
        if not (await asyncio.wait({counting}, timeout=_SOON))[0]:
            await app.push_screen(dialog)
            await asyncio.wait({counting})
    finally:
        counting.cancel()
        await close(dialog)
    if counting.cancelled():
        say(app, Toast(text="Stopped counting: the numbers are as they were."))
        return
    try:
        numbers = counting.result()
    except StoreError as error:
        say(app, error_toast(error))
        return
    if app.connection.store is desk.store:
        app.dashboard.show_numbers(numbers)
        found = numbers.matching or numbers.count(None)
        say(app, Toast(text=f"Counted exactly: {jobs_count(found.number if found else 0)}."))


def _percent(done: int) -> str:
    return f"{done} % of the table read"
