"""The function of each key, and the answers to requests of panels."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gjobs.store.jobs.job import GenerationJob
from gjobs.store.store import Store
from gjobs.tui.dashboard.actions.action_context import ActionContext, context_for
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import KEYS, PRESENT, WRITES, Key
from gjobs.tui.dashboard.features import databases, navigation
from gjobs.tui.dashboard.features.archive import clean_up, show_archive
from gjobs.tui.dashboard.features.budgets import show_budgets
from gjobs.tui.dashboard.features.case import show_case
from gjobs.tui.dashboard.features.errors import show_errors
from gjobs.tui.dashboard.features.export import copy_as_json, copy_ids, export_list
from gjobs.tui.dashboard.features.isolation import show_isolation
from gjobs.tui.dashboard.features.jobs import (
    JobActions,
    apply_filter,
    choose_all_matching,
    count_exactly,
    order_by,
)
from gjobs.tui.dashboard.features.moments import ask_moment, refuse_in_past
from gjobs.tui.dashboard.features.statistics import show_timings
from gjobs.tui.dashboard.features.workers import show_workers
from gjobs.tui.dashboard.list.filter_bar import FilterBar
from gjobs.tui.dashboard.list.job_table import OrderRequested
from gjobs.tui.dashboard.list.jobs_panel import JobsPanel
from gjobs.tui.dashboard.panels.dashboard_state import FILTER, ORDER
from gjobs.tui.dashboard.widgets.message_board import show_warning
from gjobs.tui.dashboard.widgets.widgets import Request
from gjobs.tui.session import Session
from gjobs.tui.text.status_text import JobAction

Question = Coroutine[Any, Any, None]

_RUN: Mapping[str, Callable[[ActionHost], Question | None]] = {
    "app.database": databases.pick_database,
    "app.faster": lambda host: databases.step_interval(host, -1),
    "app.slower": lambda host: databases.step_interval(host, 1),
    "app.load": databases.show_load,
    "job.copy_id": copy_ids,
    "job.copy_json": copy_as_json,
}
"""The functions of keys that need no database to answer. Without one, they may have nothing to do."""

_RUN_CONNECTED: Mapping[str, Callable[[ActionHost, Session, Store], Question | None]] = {
    "app.user": navigation.pick_acting_user,
    "app.isolation": show_isolation,
    "app.times": lambda host, _, store: show_timings(host, store),
    "app.errors": lambda host, _, store: show_errors(host, store),
    "app.write": databases.toggle_write_permit,
    "app.moment": lambda host, _, store: ask_moment(host, store),
    "app.lens": navigation.compare_visibility,
}
"""The functions of keys that need no list. They work even for a user who may read nothing."""

_RUN_WITH_LIST: Mapping[str, Callable[[ActionHost, ActionContext], Question | None]] = {
    "app.workers": show_workers,
    "job.case": show_case,
    "job.new": lambda _, context: JobActions(context).create(),
    "job.undo": lambda _, context: JobActions(context).undo(),
    "list.choose_all": choose_all_matching,
    "list.export": export_list,
    "list.archive": show_archive,
    "list.clean_up": clean_up,
    "numbers.exact": count_exactly,
    "project.pick": navigation.pick_project,
    "project.new": navigation.create_project,
    "project.budgets": show_budgets,
}

_FUNCTIONS = {*_RUN, *_RUN_CONNECTED, *_RUN_WITH_LIST}
if unknown := {key.id for key in KEYS.values() if key.action == f"app.run('{key.id}')"} ^ _FUNCTIONS:
    raise LookupError(f"The tables of functions and of keys differ: {unknown}")


def run(host: ActionHost, key: Key) -> None:
    """Run the function of the key, unless the key is refused."""
    question = None
    if _is_refused(host, key):
        return
    if key.id in _RUN:
        question = _RUN[key.id](host)
    elif key.id in _RUN_CONNECTED:
        if (connection := _connection(host)) is not None:
            question = _RUN_CONNECTED[key.id](host, *connection)
    elif (context := context_for(host)) is not None:
        question = _RUN_WITH_LIST[key.id](host, context)
    if question is not None:
        host.tasks.ask(question)


def _is_refused(host: ActionHost, key: Key) -> bool:
    """Return whether the key may not do now what it declares. If so, say why."""
    return (
        (PRESENT in key.traits and refuse_in_past(host, key))
        or (key.needs is not None and context_for(host, key.needs) is None)
        or (WRITES in key.traits and not databases.may_write(host))
    )


def _connection(host: ActionHost) -> tuple[Session, Store] | None:
    """Return the open session and the present actor's store. Without them, say so."""
    session, store = host.poller.session, host.poller.store
    if session is not None and store is not None:
        return session, store
    show_warning(host, "Not connected to a database yet.")
    return None


def change_jobs(host: ActionHost, action: JobAction, jobs: Sequence[GenerationJob]) -> None:
    if not _is_refused(host, KEYS[f"job.{action}"]) and (context := context_for(host)) is not None:
        JobActions(context).act(action, jobs)


def answer(host: ActionHost, request: Request) -> None:
    match request:
        case FilterBar.FilterRequested(job_filter, is_forced) if is_forced or not job_filter:
            host.workers.cancel_group(host, FILTER)
            host.dashboard.ask(replace(host.dashboard.listed, job_filter=job_filter))
        case FilterBar.FilterRequested(job_filter):
            # The cost is estimated first.
            host.run_worker(apply_filter(host, job_filter), group=FILTER, exclusive=True)
        case OrderRequested(order):
            host.run_worker(order_by(host, order), group=ORDER, exclusive=True)
        case JobsPanel.IdRequested(text):
            if (connection := _connection(host)) is not None:
                session, store = connection
                host.tasks.ask(navigation.open_by_id(host, store, session.operator, text))
        case _:
            raise TypeError(request)
