"""Keys of the app and the dashboard, each declared once; remapped keys."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Flag, auto
from functools import cache
from types import MappingProxyType
from typing import Any

from textual.app import App
from textual.binding import ActiveBinding, Binding, BindingType
from textual.dom import DOMNode

from gjobs.store.capabilities.capability import Capability
from gjobs.store.jobs.job import JobStatus
from gjobs.tui.dashboard.widgets.message_board import MessageApp
from gjobs.tui.text.status_text import STATUS_TEXTS, JobAction


class Trait(Flag):
    """Decides when a key works, when it waits, and which keys after it are dropped."""

    PLAIN = 0
    HINT = auto()
    """The line of key hints has the key."""
    PRESENT = auto()
    """It shows or uses the present state of the database. It is refused while an earlier moment is shown."""
    ROWS = auto()
    """It moves in the list or acts on its jobs. It waits for the requested list."""
    JOBS = auto()
    """It acts on the selected jobs, or moves among them. Without any, it explains why it does nothing."""
    WRITES = auto()
    """A read-only session hides or refuses it."""
    DIALOG = auto()
    """It opens a dialog, or explains why it does not. The keys after it may be text for the dialog."""
    SEVERAL = auto()
    """It acts at once on one job. For several jobs, it opens a dialog, or explains why it does not."""


PLAIN, HINT, PRESENT, WRITES, DIALOG = Trait.PLAIN, Trait.HINT, Trait.PRESENT, Trait.WRITES, Trait.DIALOG
SELECTED = Trait.ROWS | Trait.JOBS
CHANGES = SELECTED | WRITES
"""It acts only on jobs that the screen showed when it was typed."""


@dataclass(frozen=True, kw_only=True)
class Key(Binding):
    """A key of the app or the dashboard."""

    id: str
    traits: Trait
    needs: Capability | None
    """The capability without which the key is refused."""


class DialogKey(Binding):
    """A key of a dialog that opens another dialog, or explains why it does not."""


def _key(
    name: str,
    keys: str,
    label: str,
    tooltip: str,
    traits: Trait,
    action: str = "",
    *,
    needs: Capability | None = None,
    priority: bool = False,
) -> Key:
    """Without `action`, the table in `key_functions.py` has the function of the key."""
    return Key(
        keys,
        action or f"app.run('{name}')",
        label,
        show=HINT in traits,
        priority=priority,
        tooltip=tooltip,
        id=name,
        traits=traits,
        needs=needs,
    )


def moment_bindings(group: str) -> list[Key]:
    steps = (
        ("left_square_bracket", "event", False, "of the event before"),
        ("right_square_bracket", "event", True, "of the next event"),
        ("left_parenthesis", "minute", False, "a minute earlier"),
        ("right_parenthesis", "minute", True, "a minute later"),
        ("left_curly_bracket", "hour", False, "an hour earlier"),
        ("right_curly_bracket", "hour", True, "an hour later"),
    )
    what = "Show jobs and numbers as they were at a moment"
    return [
        _key(f"{group}.moment", "at", "moment", what, HINT | DIALOG, "app.run('app.moment')"),
        *(
            _key(
                f"{group}.{'later' if is_later else 'earlier'}_{unit}",
                key,
                f"{'Later' if is_later else 'Earlier'} {unit}",
                f"Show the moment {where}",
                PLAIN,
                f"app.step_moment('{unit}', {is_later})",
            )
            for key, unit, is_later, where in steps
        ),
    ]


APP_BINDINGS = [
    _key("app.user", "u", "user", "Act as a user or as the operator", HINT | DIALOG),
    _key("app.isolation", "i", "Isolation", "Check whether users can reach each other's rows", PRESENT | DIALOG),
    _key("app.times", "t", "Times", "Show how long jobs wait and run, and how many fail", PRESENT | DIALOG),
    _key("app.errors", "E", "errors", "Group the failed jobs by their error", HINT | PRESENT | DIALOG),
    _key("app.workers", "w", "Workers", "Show workers and their jobs", PRESENT | DIALOG, needs=Capability.MIGRATED),
    _key("app.database", "D", "Database", "Switch to another database profile", DIALOG),
    _key("app.write", "W", "Write", "Allow writes for some minutes, or end the write permit", DIALOG),
    _key(
        "app.presenter",
        "B",
        "Present",
        "Show the state machine on the whole screen, for an audience",
        DIALOG,
        "present",
    ),
    _key("app.refresh", "f5,ctrl+r", "Refresh", "Refresh now", PLAIN, "refresh"),
    _key("app.pause", "z", "Pause", "Pause or resume refreshing", PLAIN, "pause"),
    _key("app.zone", "Z", "time zone", "Show times in UTC, in local time or in the profile's time zone", HINT, "zone"),
    *moment_bindings("app"),
    _key("app.faster", "plus", "Faster", "Refresh more often", PLAIN),
    _key("app.slower", "minus", "Slower", "Refresh less often", PLAIN),
    _key("app.load", "L", "Load", "Show the load on the network, the database and this machine", PLAIN),
    _key("app.messages", "m", "messages", "Show the last 200 messages of this run", HINT | DIALOG, "messages"),
    _key("app.help", "question_mark,f1", "help", "Show these keys and the manual", HINT | DIALOG, "help"),
    _key("app.lens", "v", "visibility", "Show which jobs are hidden from the user, and why", HINT | PRESENT | DIALOG),
    _key("app.quit", "q", "quit", "Quit gjobs", HINT, "quit"),
    _key("app.quit_anywhere", "ctrl+q", "Quit", "Quit gjobs, even from a dialog", PLAIN, "quit", priority=True),
    _key(
        "app.suspend",
        "ctrl+z",
        "Suspend",
        "Return to the shell. Its command fg resumes gjobs",
        PLAIN,
        "suspend_process",
        priority=True,
    ),
]


def _job_key(
    action: JobAction, keys: str, label: str, tooltip: str, needs: Capability, traits: Trait = CHANGES | DIALOG
) -> Key:
    return _key(f"job.{label}", keys, label, tooltip, HINT | traits, f"act('{action}')", needs=needs)


DASHBOARD_BINDINGS = [
    *(
        _job_key(
            text.action,
            text.key,
            text.action.value,
            f"{text.verb} the job or the marked jobs{', with an error text' if text.asks_error else ''}",
            Capability.CHANGING,
            CHANGES | (DIALOG if text.asks_error else Trait.SEVERAL),
        )
        for text in STATUS_TEXTS.values()
        if text.action
    ),
    _job_key(
        JobAction.RETRY,
        "r",
        "retry",
        "Retry the failed job or the marked jobs, as new jobs",
        Capability.RETRYING,
        CHANGES | Trait.SEVERAL,
    ),
    _job_key(JobAction.CREATE, "n", "new", "Queue a new job", Capability.CREATING, WRITES | DIALOG),
    _job_key(JobAction.DELETE, "d,delete", "delete", "Delete the job or the marked jobs", Capability.DELETING),
    _key("job.undo", "U", "Undo", "Restore the jobs deleted last", WRITES, needs=Capability.CREATING),
    _key("list.choose_all", "A", "Select all", "Mark all jobs of the list, from any pane", PLAIN),
    _key("job.copy_id", "y", "Copy id", "Copy the job's id", SELECTED),
    _key("job.copy_json", "Y", "Copy JSON", "Copy the job as JSON", SELECTED),
    _key(
        "job.case",
        "C",
        "case",
        "Create a case for a ticket: the job and its owner, or the user that you act as",
        HINT | PRESENT | Trait.ROWS | DIALOG,
    ),
    _key("list.export", "e", "export", "Export the list to a file", HINT | PRESENT | DIALOG),
    _key("list.find", "slash", "find", "Find jobs by a filter", HINT, "find"),
    _key("list.clear", "escape", "Clear find", "Clear the filter", PLAIN, "app.leave"),
    _key("list.all", "1", "All jobs", "List all statuses", PLAIN, "status(0)"),
    *(
        _key(f"list.{one}", str(tab + 1), f"{one.capitalize()} jobs", f"List the {one} jobs", PLAIN, f"status({tab})")
        for tab, one in enumerate(JobStatus, 1)
    ),
    _key("list.sort", "o", "Sort", "Sort by the next column", PLAIN, "sort"),
    _key("list.reverse", "O", "Reverse", "Reverse the order", PLAIN, "reverse"),
    _key("numbers.exact", "equals_sign", "Count", "Count the jobs exactly", PRESENT),
    _key("project.pick", "p", "project", "Find a project by name", HINT | DIALOG),
    _key("project.new", "P", "New project", "Create a project", WRITES | DIALOG, needs=Capability.CREATING_PROJECTS),
    _key(
        "project.budgets",
        "b",
        "Budgets",
        "Limit the cost of jobs and show what is left",
        PRESENT | DIALOG,
        needs=Capability.MIGRATED,
    ),
    _key(
        "app.next_pane",
        "tab",
        "Next pane",
        "Go to the next pane; choose a project if no pane shows projects",
        PLAIN,
        "next_pane",
    ),
]

PALETTE_COMMANDS = (
    _key("list.archive", "", "Archived jobs", "list and restore archived jobs", PRESENT, needs=Capability.MIGRATED),
    _key("list.clean_up", "", "Clean up", "archive or delete old jobs", PRESENT | WRITES, needs=Capability.DELETING),
)
"""Commands that only the palette has."""

KEYS = {one.id: one for one in (*APP_BINDINGS, *DASHBOARD_BINDINGS, *PALETTE_COMMANDS)}


def traits_of(binding_id: str) -> Trait:
    """Return the traits of a key. The keys of the job table move in the list or act on its jobs."""
    if binding_id in KEYS:
        return KEYS[binding_id].traits
    if binding_id == "jobs.unmark":
        return Trait.JOBS
    return SELECTED if binding_id.startswith("jobs.") else PLAIN


@cache
def keys_with(trait: Trait) -> frozenset[str]:
    return frozenset(name for name, key in KEYS.items() if trait in key.traits)


def own_bindings(owner: type[DOMNode]) -> Iterator[Binding]:
    """Yield the bindings that the class itself declares."""
    for binding in owner.__dict__.get("BINDINGS", ()):
        if isinstance(binding, Binding):
            yield binding


def _keys(app: App[Any], binding: Binding) -> list[str]:
    keymap = app.keymap if isinstance(app, MessageApp) else NOTHING
    return [key.strip() for key in keymap.get(binding.id or "", binding.key).split(",")]


def shown_keys(app: App[Any], binding: Binding) -> list[str]:
    """Return the display names of a binding's keys, first key first."""
    return [app.get_key_display(binding.with_key(key)) for key in _keys(app, binding)]


def presses(app: App[Any], binding: Binding, key: str) -> bool:
    """Return whether the key belongs to the binding, as remapped."""
    return key in _keys(app, binding)


def inherited_bindings(owner: type[DOMNode]) -> Iterator[Binding]:
    """Yield the bindings of the class and of its base classes."""
    for parent in owner.__mro__:
        if issubclass(parent, DOMNode):
            yield from own_bindings(parent)


def key_of(app: App[Any], binding_id: str, bindings: Iterable[BindingType] = tuple(KEYS.values())) -> str:
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
    reworded = node.reworded if isinstance(node, DynamicKeyText) else NOTHING
    return reworded.get(binding.id or "", binding.description)
