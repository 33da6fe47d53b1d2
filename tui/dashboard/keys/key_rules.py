"""Which keys wait: those for a dialog that is not ready, for rows that are still loading, and for a job whose last
change is not listed yet.
"""

from typing import Any

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.screen import Screen

from gjobs.tui.dashboard.job_list.job_table import JobTable
from gjobs.tui.dashboard.keys.bindings import TOGGLES, acts_on_rows, changes_jobs, own_bindings, presses
from gjobs.tui.dashboard.screen import DashboardScreen
from gjobs.tui.dashboard.widgets import ClosesOnce
from gjobs.tui.text.format import jobs_name

UNSEEN = "The selection changed before you could see it. gjobs ignored the keys that you typed meanwhile."
STILL_CHANGING = "The list did not show the last change of {} in time. gjobs ignored the keys that you typed after it."


class KeyRules:
    def __init__(self, app: App[Any], dashboard: DashboardScreen) -> None:
        self._app = app
        self._dashboard = dashboard

    def is_taken(self, event: events.Event) -> bool:
        """Return whether the top dialog, if any, is ready for the key."""
        screen = self._app.screen
        return screen.takes_key(event) if isinstance(screen, ClosesOnce) else True

    def is_early(self, event: events.Event) -> bool:
        """Return whether the key acts on rows while the requested list is still awaited, or changes jobs whose last
        change is not listed yet.
        """
        if self.changes_jobs(event) and self._dashboard.jobs.is_changing_selected:
            return True
        return self._dashboard.awaits_list and self.is_for_rows(event)

    def refusal(self, event: events.Event) -> str:
        """Return why a key that changes jobs may not act. Empty if it may.

        It acts only on jobs that the screen showed when it was typed, as selected or in the details. Jobs that the user
        has just made are exempt.
        """
        panel, details = self._dashboard.jobs, self._dashboard.details
        if details is not None and details is self._app.screen:
            binding = self._binding(event, details)
            if binding is None or not binding.action.startswith("answer(") or details.was_drawn(event.time):
                return ""
            is_selected = [job.id for job in panel.selected] == [details.job.id]
            return "" if is_selected and panel.showed_selected(at=event.time) else UNSEEN
        if not self.changes_jobs(event):
            return ""
        if not panel.showed_selected(at=event.time):
            return UNSEEN
        return STILL_CHANGING.format(jobs_name(panel.selected)) if panel.is_changing_selected else ""

    def changes_jobs(self, event: events.Event) -> bool:
        """Return whether the key changes the selected jobs."""
        binding = self._binding(event, self._dashboard)
        return binding is not None and changes_jobs(binding)

    def is_for_rows(self, event: events.Event) -> bool:
        """Return whether the key moves in the list or acts on its jobs."""
        binding = self._binding(event, self._dashboard)
        return binding is not None and acts_on_rows(binding)

    def _binding(self, event: events.Event, screen: Screen[Any]) -> Binding | None:
        """Return the screen's binding of the key. None if another screen is open."""
        if self._app.screen is not screen or not isinstance(event, events.Key):
            return None
        active = screen.active_bindings.get(event.key)
        return None if active is None else active.binding

    def is_toggle(self, event: events.Key) -> bool:
        """Return whether the key opens a dialog over the list and also closes that dialog."""
        from gjobs.tui.dashboard.keys import help as key_help

        active = self._app.screen.active_bindings
        # While the dashboard closes, its table may be gone.
        if not isinstance(self._app.focused, JobTable) or event.key not in active:
            return False
        closing = TOGGLES.get(active[event.key].binding.id or "")
        bindings = (binding for owner in key_help.OWNERS for binding in own_bindings(owner))
        return any(binding.id == closing and presses(self._app, binding, event.key) for binding in bindings if closing)
