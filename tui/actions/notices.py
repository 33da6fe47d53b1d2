"""What the dashboard tells of jobs that end out of sight, where the configuration asks for it."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from store.filters import NO_FILTER, JobFilter, parse
from store.watching.model import Transition
from tui.notifying.desktop import NOT_SHOWN, sequence
from tui.notifying.notifier import Notifier
from tui.say import say
from tui.words.toast import Toast

if TYPE_CHECKING:
    from store.configuration.notifications import Notifications
    from store.store import Store
    from tui.app import GjobsApp


class Notices:
    """Where the person is, and how they are told: a `tui.notifying.notifier.Place`."""

    def __init__(self, app: "GjobsApp", notifications: "Notifications") -> None:
        self._app = app
        self._view = notifications.view
        self._terminal = notifications.terminal
        self._is_unshown = notifications.desktop and self._sequence("", "") is None
        """Whether it has not been told yet that the desktop is not."""
        self.notifier = Notifier(notifications, self, interval=lambda: app.connection.interval)

    async def follow(self, store: "Store") -> None:
        if self._is_unshown:
            self._is_unshown = False
            self.tell(Toast(text=NOT_SHOWN))
        await self.notifier.follow(store, self._job_filter())

    def _job_filter(self) -> JobFilter:
        if self._view is None:
            return NO_FILTER
        return parse(self._app.views.known[self._view].text, now=datetime.now(UTC))

    def shows(self, transition: Transition) -> bool:
        return self._app.dashboard.listed.project_id in (None, transition.project_id)

    def tell(self, toast: Toast) -> None:
        say(self._app, toast)

    def ring(self) -> None:
        self._app.bell()

    def notify_desktop(self, body: str) -> None:
        written = self._sequence(f"gjobs {self._app.sub_title}".strip(), body)
        # Textual has no public way to send a terminal anything else than a bell.
        if written is not None and (driver := self._app._driver) is not None:  # noqa: SLF001
            driver.write(written)

    def _sequence(self, title: str, body: str) -> str | None:
        return sequence(os.environ, title, body, named=self._terminal)
