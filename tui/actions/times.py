"""How long the listed project's jobs take, in a dialog."""

from typing import TYPE_CHECKING

from tui.say import say
from tui.screens.times import TimesDialog
from tui.words.toast import Toast

if TYPE_CHECKING:
    from datetime import timedelta

    from store.monitoring.model import Monitoring
    from tui.app import GjobsApp


async def show_times(app: "GjobsApp") -> None:
    store = app.connection.store
    if store is None:
        say(app, Toast(text="Not possible yet: there is no database.", severity="warning"))
        return
    project_id = app.dashboard.listed.project_id

    async def ask(window: "timedelta") -> "Monitoring":
        return await store.get_monitoring(project_id, window=window)

    await app.push_screen_wait(TimesDialog(ask, of=app.dashboard.listed_name))
