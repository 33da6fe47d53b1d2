"""Which keys wait: those for a dialog that is not ready, and those for rows that are still loading."""

from typing import Any

from textual import events
from textual.app import App

from tui.dashboard.job_list.job_table import JobTable
from tui.dashboard.keys.bindings import TOGGLES, acts_on_rows, own_bindings, presses
from tui.dashboard.screen import DashboardScreen
from tui.dashboard.widgets import ClosesOnce


class KeyRules:
    def __init__(self, app: App[Any], dashboard: DashboardScreen) -> None:
        self._app = app
        self._dashboard = dashboard

    def is_taken(self, event: events.Event) -> bool:
        """Return whether the top dialog, if any, is ready for the key."""
        screen = self._app.screen
        return screen.takes_key(event) if isinstance(screen, ClosesOnce) else True

    def is_early(self, event: events.Event) -> bool:
        """Return whether the key acts on rows while the requested list is still awaited."""
        return self._dashboard.awaits_list and self.is_for_rows(event)

    def is_for_rows(self, event: events.Event) -> bool:
        """Return whether the key moves in the list or acts on its jobs."""
        if self._app.screen is not self._dashboard or not isinstance(event, events.Key):
            return False
        active = self._dashboard.active_bindings.get(event.key)
        return active is not None and acts_on_rows(active.binding)

    def is_toggle(self, event: events.Key) -> bool:
        """Return whether the key opens a dialog over the list and also closes that dialog."""
        from tui.dashboard.keys import help as key_help

        active = self._app.screen.active_bindings
        # While the dashboard closes, its table may be gone.
        if not isinstance(self._app.focused, JobTable) or event.key not in active:
            return False
        closing = TOGGLES.get(active[event.key].binding.id or "")
        bindings = (binding for owner in key_help.OWNERS for binding in own_bindings(owner))
        return any(binding.id == closing and presses(self._app, binding, event.key) for binding in bindings if closing)
