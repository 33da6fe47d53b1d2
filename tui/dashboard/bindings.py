"""Bindings of the app and the dashboard; remapped keys."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from textual.app import App
from textual.binding import ActiveBinding, Binding, BindingType
from textual.dom import DOMNode

from gjobs.store.jobs.job import JobStatus
from gjobs.tui.text.status_text import STATUS_TEXTS


class DialogKey(Binding):
    """A key that opens a dialog, or explains why it does not. The keys after it may be text for the dialog."""


class BulkKey(Binding):
    """A key that acts at once on one job. For several jobs, it opens a dialog, or explains why it does not."""


def moment_bindings(group: str, *, namespace: str = "") -> list[BindingType]:
    """Return the bindings that show another moment. In a dialog, the namespace of their actions is `app.`."""
    steps = (
        ("left_square_bracket", "event", False, "of the event before"),
        ("right_square_bracket", "event", True, "of the next event"),
        ("left_parenthesis", "minute", False, "a minute earlier"),
        ("right_parenthesis", "minute", True, "a minute later"),
        ("left_curly_bracket", "hour", False, "an hour earlier"),
        ("right_curly_bracket", "hour", True, "an hour later"),
    )
    return [
        DialogKey(
            "at",
            f"{namespace}start('moment')",
            "moment",
            id=f"{group}.moment",
            tooltip="Show jobs and numbers as they were at a moment",
        ),
        *(
            Binding(
                key,
                f"{namespace}step_moment('{unit}', {is_later})",
                f"{'Later' if is_later else 'Earlier'} {unit}",
                show=False,
                id=f"{group}.{'later' if is_later else 'earlier'}_{unit}",
                tooltip=f"Show the moment {what}",
            )
            for key, unit, is_later, what in steps
        ),
    ]


APP_BINDINGS: list[BindingType] = [
    DialogKey("u", "start('act_as')", "user", id="app.user", tooltip="Act as a user or as the operator"),
    DialogKey(
        "i",
        "start('isolation')",
        "Isolation",
        show=False,
        id="app.isolation",
        tooltip="Check whether users can reach each other's rows",
    ),
    DialogKey(
        "t",
        "start('timings')",
        "Times",
        show=False,
        id="app.times",
        tooltip="Show how long jobs wait and run, and how many fail",
    ),
    DialogKey("E", "start('errors')", "errors", id="app.errors", tooltip="Group the failed jobs by their error"),
    DialogKey("w", "start('workers')", "Workers", show=False, id="app.workers", tooltip="Show workers and their jobs"),
    DialogKey(
        "D",
        "start('database')",
        "Database",
        show=False,
        id="app.database",
        tooltip="Switch to another database profile",
    ),
    DialogKey(
        "W",
        "start('write_permit')",
        "Write",
        show=False,
        id="app.write",
        tooltip="Allow writes for some minutes, or end the write permit",
    ),
    DialogKey(
        "B",
        "present",
        "Present",
        show=False,
        id="app.presenter",
        tooltip="Show the state machine on the whole screen, for an audience",
    ),
    Binding("f5,ctrl+r", "refresh", "Refresh", show=False, id="app.refresh", tooltip="Refresh now"),
    Binding("z", "pause", "Pause", show=False, id="app.pause", tooltip="Pause or resume refreshing"),
    Binding(
        "Z",
        "zone",
        "time zone",
        id="app.zone",
        tooltip="Show times in UTC, in local time or in the profile's time zone",
    ),
    *moment_bindings("app"),
    Binding("plus", "start('faster')", "Faster", show=False, id="app.faster", tooltip="Refresh more often"),
    Binding("minus", "start('slower')", "Slower", show=False, id="app.slower", tooltip="Refresh less often"),
    Binding(
        "L",
        "start('load')",
        "Load",
        show=False,
        id="app.load",
        tooltip="Show the load on the network, the database and this machine",
    ),
    DialogKey(
        "m",
        "messages",
        "messages",
        id="app.messages",
        tooltip="Show the last 200 messages of this run",
    ),
    DialogKey("question_mark,f1", "help", "help", id="app.help", tooltip="Show these keys and the manual"),
    DialogKey(
        "v",
        "start('visibility')",
        "visibility",
        id="app.lens",
        tooltip="Show which jobs are hidden from the user, and why",
    ),
    Binding("q", "quit", "quit", id="app.quit", tooltip="Quit gjobs"),
    Binding(
        "ctrl+q",
        "quit",
        "Quit",
        show=False,
        priority=True,
        id="app.quit_anywhere",
        tooltip="Quit gjobs, even from a dialog",
    ),
    Binding(
        "ctrl+z",
        "suspend_process",
        "Suspend",
        show=False,
        priority=True,
        id="app.suspend",
        tooltip="Return to the shell. Its command fg resumes gjobs",
    ),
]

DASHBOARD_BINDINGS: list[BindingType] = [
    *(
        (DialogKey if text.asks_error else BulkKey)(
            text.key,
            f"act('{text.action}')",
            text.action.value,
            id=f"job.{text.action}",
            tooltip=f"{text.verb} the job or the marked jobs{', with an error text' if text.asks_error else ''}",
        )
        for text in STATUS_TEXTS.values()
        if text.action
    ),
    BulkKey(
        "r",
        "act('retry')",
        "retry",
        id="job.retry",
        tooltip="Retry the failed job or the marked jobs, as new jobs",
    ),
    DialogKey("n", "act('create')", "new", id="job.new", tooltip="Queue a new job"),
    DialogKey("d,delete", "act('delete')", "delete", id="job.delete", tooltip="Delete the job or the marked jobs"),
    Binding("U", "request('undo')", "Undo", show=False, id="job.undo", tooltip="Restore the jobs deleted last"),
    Binding(
        "A",
        "request('all')",
        "Select all",
        show=False,
        id="list.choose_all",
        tooltip="Mark all jobs of the list, from any pane",
    ),
    Binding("y", "copy('id')", "Copy id", show=False, id="job.copy_id", tooltip="Copy the job's id"),
    Binding("Y", "copy('json')", "Copy JSON", show=False, id="job.copy_json", tooltip="Copy the job as JSON"),
    DialogKey(
        "C",
        "case",
        "case",
        id="job.case",
        tooltip="Create a case for a ticket: the job and its owner, or the user that you act as",
    ),
    DialogKey("e", "request('export')", "export", id="list.export", tooltip="Export the list to a file"),
    Binding("slash", "find", "find", id="list.find", tooltip="Find jobs by a filter"),
    Binding("escape", "leave_find", "Clear find", show=False, id="list.clear", tooltip="Clear the filter"),
    Binding("1", "status(0)", "All jobs", show=False, id="list.all", tooltip="List all statuses"),
    *(
        Binding(
            str(tab + 1),
            f"status({tab})",
            f"{status.capitalize()} jobs",
            show=False,
            id=f"list.{status}",
            tooltip=f"List the {status} jobs",
        )
        for tab, status in enumerate(JobStatus, 1)
    ),
    Binding("o", "sort", "Sort", show=False, id="list.sort", tooltip="Sort by the next column"),
    Binding("O", "reverse", "Reverse", show=False, id="list.reverse", tooltip="Reverse the order"),
    Binding(
        "equals_sign", "request('exact')", "Count", show=False, id="numbers.exact", tooltip="Count the jobs exactly"
    ),
    DialogKey("p", "request('project')", "project", id="project.pick", tooltip="Find a project by name"),
    DialogKey("P", "request('new_project')", "New project", show=False, id="project.new", tooltip="Create a project"),
    DialogKey(
        "b",
        "request('budgets')",
        "Budgets",
        show=False,
        id="project.budgets",
        tooltip="Limit the cost of jobs and show what is left",
    ),
    Binding(
        "tab",
        "next_pane",
        "Next pane",
        show=False,
        id="app.next_pane",
        tooltip="Go to the next pane; choose a project if no pane shows projects",
    ),
]

_NOT_ON_ROWS = frozenset({"job.new", "job.undo", "jobs.unmark"})
"""Bindings of the job list that do not need its rows."""

TOGGLES = {
    "jobs.open": "details.close",
    "app.help": "help.close",
    "app.workers": "workers.close",
    "app.messages": "messages.close",
    "app.errors": "errors.close",
    "app.presenter": "presenter.close",
}
"""Bindings of the job list that open a dialog, and the binding with the same key that closes it."""


def acts_on_rows(binding: Binding) -> bool:
    """Return whether the key moves in the list or acts on its jobs."""
    group, _, _ = (binding.id or "").partition(".")
    return group in ("job", "jobs") and binding.id not in _NOT_ON_ROWS


def changes_jobs(binding: Binding) -> bool:
    """Return whether the key changes the selected jobs."""
    return acts_on_rows(binding) and binding.action.startswith("act(")


def own_bindings(owner: type[DOMNode]) -> Iterator[Binding]:
    """Yield the bindings that the class itself declares."""
    for binding in owner.__dict__.get("BINDINGS", ()):
        if isinstance(binding, Binding):
            yield binding


def shown_keys(app: App[Any], binding: Binding) -> list[str]:
    """Return the display names of a binding's keys, first key first."""
    # Textual has no public way to read the keymap.
    keymap = app._keymap  # noqa: SLF001
    keys = keymap.get(binding.id or "", binding.key).split(",")
    return [app.get_key_display(binding.with_key(key.strip())) for key in keys]


def presses(app: App[Any], binding: Binding, key: str) -> bool:
    """Return whether the key belongs to the binding, as remapped."""
    return key in (one.strip() for one in app._keymap.get(binding.id or "", binding.key).split(","))  # noqa: SLF001


def inherited_bindings(owner: type[DOMNode]) -> Iterator[Binding]:
    """Yield the bindings of the class and of its base classes."""
    for parent in owner.__mro__:
        if issubclass(parent, DOMNode):
            yield from own_bindings(parent)


def key_of(app: App[Any], bindings: Iterable[BindingType], binding_id: str) -> str:
    """Return the display name of the first key of a binding."""
    binding = next(one for one in bindings if isinstance(one, Binding) and one.id == binding_id)
    return shown_keys(app, binding)[0]


NOTHING: Mapping[str, str] = MappingProxyType({})


class DynamicKeyText:
    """A widget whose key hints change. It refreshes its bindings after each change."""

    reworded: Mapping[str, str] = NOTHING
    """Hints by binding id. They replace the descriptions of the bindings."""


def key_words(active: ActiveBinding) -> str:
    binding, node = active.binding, active.node
    return (
        node.reworded.get(binding.id or "", binding.description)
        if isinstance(node, DynamicKeyText)
        else binding.description
    )
