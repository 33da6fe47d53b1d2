"""What a scenario does to the dashboard: captions, the acting user and the cursor."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import events
from textual.widgets import Input

from gjobs.store.configuration.settings import OPERATOR_NAME
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.users.actor import ActingUser
from gjobs.tui.dashboard.keys.bindings import inherited_bindings, key_of, presses
from gjobs.tui.dashboard.keys.key_queue import every_key
from gjobs.tui.dashboard.message_board import drop_message, show_warning
from gjobs.tui.dashboard.messages import ProjectChosen
from gjobs.tui.dashboard.stage.presenter import Presenter
from gjobs.tui.text.format import job_name

if TYPE_CHECKING:
    from gjobs.tui.dashboard.app import GjobsApp
    from gjobs.tui.dashboard.keys.key_queue import KeyQueue

_OWNER = "scenario"
_MOVED = "The scenario moved the cursor. gjobs ignored the keys that you typed before."
_OTHER_USER = "The scenario changed the user. gjobs ignored the keys that you typed before."
_POINTS_AT = "The scenario points at {}."
AWAITS_WORKERS = "The scenario waits for the workers."
_PATIENCE_SECONDS, _POLL_SECONDS = 5.0, 0.02


class ScenarioStage:
    def __init__(self, app: "GjobsApp", keys: "KeyQueue") -> None:
        self._app = app
        self._keys = keys
        bindings = inherited_bindings(type(app))
        self._continue_binding = next(binding for binding in bindings if binding.id == "demo.continue")

    def close(self) -> None:
        self._app.messages.unpin(_OWNER)

    def show_caption(self, text: str, *, continues: str = "") -> None:
        drop_message(self._app, AWAITS_WORKERS)  # It would hide the caption.
        if not text:
            self.close()
            return
        space = key_of(self._app, inherited_bindings(type(self._app)), "demo.continue")
        keys = f"{space}: {continues}" if continues else ""
        self._app.messages.pin(text, owner=_OWNER, keys=keys, has_keys_on_stage=True)

    def report(self, text: str) -> None:
        show_warning(self._app, text)

    def refresh(self) -> None:
        self._app.poller.refresh()

    async def act_as(self, who: str) -> None:
        """Act as another user. Dialogs of the former user close, and their running writes open no others."""
        session = self._app.poller.session
        if session is None:
            return
        operator = session.operator
        store = operator if who == OPERATOR_NAME else operator.acting_as(await operator.find_actor(who))
        self._app.tasks.stop_opening(above=Presenter)
        with self._keys.dropping(_OTHER_USER, drops=self._is_for_rows):
            self._app.act_as(store)
            if who == OPERATOR_NAME:
                # For the operator, list all projects instead of only the first one.
                dashboard = self._app.dashboard
                dashboard.ask(replace(dashboard.listed, project_id=None))
                dashboard.post_message(ProjectChosen())
            await self.wait_for_list()

    async def point_at(self, job: GenerationJob) -> None:
        """Move the cursor to the job, in the list of its project or of all projects."""
        dashboard = self._app.dashboard
        if self._is_hidden(job):
            user = key_of(self._app, inherited_bindings(type(self._app)), "app.user")
            self.report(f"{_POINTS_AT.format(job_name(job))} It belongs to another user. Press {user} to switch.")
            return
        shown = dashboard.listed.project_id
        wanted = ListQuery(project_id=job.project_id if shown is not None else None)
        # Keys typed for the filter would act on the list once the filter is gone.
        is_typing = self._app.screen is dashboard and isinstance(dashboard.focused, Input)
        with self._keys.dropping(_MOVED, drops=every_key if is_typing else self._is_for_rows):
            if dashboard.jobs.is_finding:
                dashboard.jobs.leave_find()
            if dashboard.listed != wanted:
                dashboard.ask(wanted)
            self._app.poller.refresh()
            await self.wait_for_list()
            if problem := await self._app.go_to_job(job):
                self.report(f"{_POINTS_AT.format(job_name(job))} {problem}")

    def _is_for_rows(self, event: events.Event) -> bool:
        """Return whether the key acts on rows. The key that continues the scenario does not count as one."""
        continues = isinstance(event, events.Key) and presses(self._app, self._continue_binding, event.key)
        return not continues and self._app.key_rules.is_for_rows(event)

    async def show_new(self, job: GenerationJob) -> None:
        """Move the cursor to a new job, unless the list is of another project or user."""
        shown = self._app.dashboard.listed.project_id
        if not self._is_hidden(job) and shown in (None, job.project_id):
            await self.point_at(job)

    def _is_hidden(self, job: GenerationJob) -> bool:
        store = self._app.poller.store
        return store is not None and isinstance(store.actor, ActingUser) and store.actor.id != job.user_id

    async def wait_for_list(self) -> None:
        """Wait until the requested list is shown, at most for some seconds."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        dashboard = self._app.dashboard
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
            if dashboard.listing is not None and not dashboard.awaits_list:
                return
