"""Starts the action of each request or key."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

from gjobs.store.users.actor import ActingUser
from gjobs.tui.dashboard import task_groups
from gjobs.tui.dashboard.actions.action_context import ActionContext, context_for
from gjobs.tui.dashboard.bindings import DASHBOARD_BINDINGS, KEYS, PRESENT, WRITES, Key
from gjobs.tui.dashboard.events import JobCopy, copy_jobs
from gjobs.tui.dashboard.features.archive import clean_up, show_archive
from gjobs.tui.dashboard.features.budgets import show_budgets
from gjobs.tui.dashboard.features.case import show_case
from gjobs.tui.dashboard.features.databases import (
    may_write,
    pick_database,
    show_load,
    step_interval,
    toggle_write_permit,
)
from gjobs.tui.dashboard.features.errors import show_errors
from gjobs.tui.dashboard.features.export import export_list
from gjobs.tui.dashboard.features.isolation import show_isolation
from gjobs.tui.dashboard.features.jobs import (
    JobActions,
    apply_filter,
    choose_all_matching,
    count_exactly,
    order_by,
    show_users,
)
from gjobs.tui.dashboard.features.moments import ask_moment, refuse_in_past, step_moment
from gjobs.tui.dashboard.features.navigation import (
    compare_visibility,
    create_project,
    open_by_id,
    pick_acting_user,
    pick_project,
    report_if_deleted,
)
from gjobs.tui.dashboard.features.row_notes import RowNotesReader, load_pane, tell_history, tell_names
from gjobs.tui.dashboard.features.statistics import show_timings
from gjobs.tui.dashboard.features.workers import show_workers
from gjobs.tui.text.status_text import JobAction

if TYPE_CHECKING:
    from gjobs.store.filters.filter_terms import JobFilter
    from gjobs.store.job_list.list_query import ListOrder
    from gjobs.store.jobs.job import GenerationJob
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.actions.action_host import ActionHost
    from gjobs.tui.dashboard.events import DetailsPart, JobDetailsView
    from gjobs.tui.dashboard.memory import ObservedHistories


Question = Coroutine[Any, Any, None]

_RUN: "Mapping[str, Callable[[ActionHost], Question | None]]" = {
    "app.user": pick_acting_user,
    "app.isolation": show_isolation,
    "app.times": show_timings,
    "app.errors": show_errors,
    "app.workers": show_workers,
    "app.database": pick_database,
    "app.write": toggle_write_permit,
    "app.moment": ask_moment,
    "app.faster": lambda host: step_interval(host, -1),
    "app.slower": lambda host: step_interval(host, 1),
    "app.load": show_load,
    "app.lens": compare_visibility,
}
"""The functions of keys that need no list. They work even for a user who may read nothing."""

_RUN_WITH_LIST: "Mapping[str, Callable[[ActionHost, ActionContext], Question | None]]" = {
    "job.undo": lambda _, context: JobActions(context).undo(),
    "list.choose_all": choose_all_matching,
    "list.export": export_list,
    "list.archive": show_archive,
    "list.clean_up": clean_up,
    "numbers.exact": count_exactly,
    "project.pick": pick_project,
    "project.new": create_project,
    "project.budgets": show_budgets,
}

_NEEDS = {action: key.needs for key in DASHBOARD_BINDINGS for action in JobAction if key.action == f"act('{action}')"}

if unknown := {key.id for key in KEYS.values() if key.action == f"app.run('{key.id}')"} ^ {*_RUN, *_RUN_WITH_LIST}:
    raise LookupError(f"The tables of functions and of keys differ: {unknown}")


class Actions:
    def __init__(self, host: "ActionHost") -> None:
        self._host = host
        self._row_notes = RowNotesReader(host)

    def run(self, key: Key) -> None:
        """Run the function of the key, unless the key is refused."""
        host = self._host
        if PRESENT in key.traits and refuse_in_past(host):
            return
        if (run := _RUN.get(key.id)) is not None:
            question = run(host)
        else:
            context = context_for(host, key.needs)
            if context is None or (WRITES in key.traits and not may_write(host)):
                return
            question = _RUN_WITH_LIST[key.id](host, context)
        if question is not None:
            host.tasks.ask(question)

    def step_moment(self, unit: str, *, is_later: bool) -> None:
        self._host.tasks.step(partial(step_moment, self._host, unit, is_later=is_later))

    def change_jobs(self, action: "JobAction", jobs: "Sequence[GenerationJob]") -> None:
        host, context = self._host, context_for(self._host, _NEEDS[action])
        if context is not None and may_write(host):
            JobActions(context).act(action, jobs, host.dashboard.listed.project_id)

    def filter_by(self, job_filter: "JobFilter", *, is_forced: bool) -> None:
        """Estimate the cost first, unless the user has confirmed it or the filter is empty."""
        host, group = self._host, task_groups.FILTER
        if is_forced or not job_filter:
            host.app.workers.cancel_group(host.app, group)
            host.dashboard.ask(replace(host.dashboard.listed, job_filter=job_filter))
        else:
            host.app.run_worker(apply_filter(host, job_filter), group=group, exclusive=True)

    def order_by(self, order: "ListOrder") -> None:
        self._host.app.run_worker(order_by(self._host, order), group=task_groups.ORDER, exclusive=True)

    def show_users(self) -> None:
        self._host.app.run_worker(show_users(self._host), group=task_groups.USERS, exclusive=True)

    def open_by_id(self, text: str) -> None:
        self._host.tasks.ask(open_by_id(self._host, text))

    def copy(self, what: JobCopy, jobs: "Sequence[GenerationJob]") -> None:
        app, store = self._host.app, self._host.poller.store
        app.run_worker(copy_jobs(app, store, what, jobs), group="copy", exclusive=True)

    def show_case(self, job: "GenerationJob | None") -> None:
        self._host.tasks.ask(show_case(self._host, job))

    def load_details(self, details: "JobDetailsView", part: "DetailsPart", observed: "ObservedHistories") -> None:
        app, poller = self._host.app, self._host.poller
        match part:
            case "names":
                app.run_worker(tell_names(poller, details), group=task_groups.NAMES, exclusive=True)
            case "history":
                app.run_worker(tell_history(poller, observed, details), group=task_groups.HISTORY, exclusive=True)
            case "pane":
                app.run_worker(load_pane(poller, observed, details), group=task_groups.DETAILS_PANE, exclusive=True)
            case _:
                assert_never(part)

    def read_row_notes(self) -> None:
        """Read the owners and stuck jobs of the rows, unless a reading is already in progress."""
        is_reading = any(one.group == task_groups.ROW_NOTES and not one.is_finished for one in self._host.app.workers)
        if not is_reading and self._row_notes.is_needed:
            # As a function: a worker that is cancelled before its first step never awaits a coroutine.
            self._host.app.run_worker(self._row_notes.read, group=task_groups.ROW_NOTES)  # type: ignore[arg-type]

    async def finish_row_notes(self) -> None:
        """Read the owners and stuck jobs of the rows, and return once they are shown."""
        if self._row_notes.is_needed:
            await self._row_notes.read()

    def report_if_deleted(self, store: "Store", user: ActingUser) -> None:
        self._host.app.run_worker(report_if_deleted(self._host, store, user), group=task_groups.DELETED_USER)
