"""Keys of the app and the dashboard, each declared once; remapped keys."""

from collections.abc import Collection, Iterable, Iterator, Mapping
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
    KEY_ONLY = auto()
    """The palette leaves it out, because it would be useless there, as keys of the cursor are."""


PLAIN, HINT, PRESENT, WRITES, DIALOG = Trait.PLAIN, Trait.HINT, Trait.PRESENT, Trait.WRITES, Trait.DIALOG
KEY_ONLY = Trait.KEY_ONLY
SELECTED = Trait.ROWS | Trait.JOBS
CHANGES = SELECTED | WRITES
"""It acts only on jobs that the screen showed when it was typed."""


@dataclass(frozen=True, kw_only=True)
class Key(Binding):
    """A key of the app, the dashboard or a dialog, or a command of the palette."""

    id: str
    traits: Trait
    needs: Capability | None
    """The capability without which the key is refused."""
    acts_on: Collection[JobStatus] | None
    """The statuses of the jobs that it can change. None for all statuses."""


def bind(
    name: str,
    keys: str,
    label: str,
    tooltip: str,
    traits: Trait = PLAIN,
    action: str = "",
    *,
    needs: Capability | None = None,
    acts_on: Collection[JobStatus] | None = None,
    priority: bool = False,
) -> Key:
    """Declare a key. Without `action`, a table in `key_functions.py` has its function."""
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
        acts_on=acts_on,
    )


def moment_bindings(group: str) -> list[Key]:
    steps = (
        ("left_square_bracket", "earlier", "event", "of the event before"),
        ("right_square_bracket", "later", "event", "of the next event"),
        ("left_parenthesis", "earlier", "minute", "a minute earlier"),
        ("right_parenthesis", "later", "minute", "a minute later"),
        ("left_curly_bracket", "earlier", "hour", "an hour earlier"),
        ("right_curly_bracket", "later", "hour", "an hour later"),
    )
    what = "Show jobs and numbers as they were at a moment"
    return [
        bind(f"{group}.moment", "at", "moment", what, HINT | DIALOG, "app.run('app.moment')"),
        *(
            bind(
                f"{group}.{way}_{unit}",
                key,
                f"{way.capitalize()} {unit}",
                f"Show the moment {where}",
                action=f"app.step_moment('{unit}', {way == 'later'})",
            )
            for key, way, unit, where in steps
        ),
    ]


APP_BINDINGS = [
    bind("app.user", "u", "user", "Act as a user or as the operator", HINT | DIALOG),
    bind("app.isolation", "i", "Isolation", "Check whether users can reach each other's rows", PRESENT | DIALOG),
    bind("app.times", "t", "Times", "Show how long jobs wait and run, and how many fail", PRESENT | DIALOG),
    bind("app.errors", "E", "errors", "Group the failed jobs by their error", HINT | PRESENT | DIALOG),
    bind("app.workers", "w", "Workers", "Show workers and their jobs", PRESENT | DIALOG, needs=Capability.MIGRATED),
    bind("app.database", "D", "Database", "Switch to another database profile", DIALOG),
    bind("app.write", "W", "Write", "Allow writes for some minutes, or end the write permit", DIALOG),
    bind(
        "app.presenter",
        "B",
        "Present",
        "Show the state machine on the whole screen, for an audience",
        DIALOG,
        "present",
    ),
    bind("app.refresh", "f5,ctrl+r", "Refresh", "Refresh now", action="refresh"),
    bind("app.pause", "z", "Pause", "Pause or resume refreshing", action="pause"),
    bind("app.zone", "Z", "time zone", "Show times in UTC, in local time or in the profile's time zone", HINT, "zone"),
    *moment_bindings("app"),
    bind("app.faster", "plus", "Faster", "Refresh more often"),
    bind("app.slower", "minus", "Slower", "Refresh less often"),
    bind("app.load", "L", "Load", "Show the load on the network, the database and this machine"),
    bind("app.messages", "m", "messages", "Show the last 200 messages of this run", HINT | DIALOG, "messages"),
    bind("app.help", "question_mark,f1", "help", "Show these keys and the manual", HINT | DIALOG, "help"),
    bind("app.lens", "v", "visibility", "Show which jobs are hidden from the user, and why", HINT | PRESENT | DIALOG),
    bind("app.quit", "q", "quit", "Quit gjobs", HINT, "quit"),
    bind("app.quit_anywhere", "ctrl+q", "Quit", "Quit gjobs, even from a dialog", KEY_ONLY, "quit", priority=True),
    bind(
        "app.suspend",
        "ctrl+z",
        "Suspend",
        "Return to the shell. Its command fg resumes gjobs",
        action="suspend_process",
        priority=True,
    ),
]


def _job_key(
    action: JobAction, keys: str, tooltip: str, needs: Capability, traits: Trait, acts_on: Collection[JobStatus] | None
) -> Key:
    traits |= HINT | CHANGES
    return bind(f"job.{action}", keys, action.value, tooltip, traits, f"act('{action}')", needs=needs, acts_on=acts_on)


DASHBOARD_BINDINGS = [
    *(
        _job_key(
            text.action,
            text.key,
            f"{text.verb} the job or the marked jobs{', with an error text' if text.asks_error else ''}",
            Capability.CHANGING,
            DIALOG if text.asks_error else Trait.SEVERAL,
            status.sources,
        )
        for status, text in STATUS_TEXTS.items()
        if text.action
    ),
    _job_key(
        JobAction.RETRY,
        "r",
        "Retry the failed job or the marked jobs, as new jobs",
        Capability.RETRYING,
        Trait.SEVERAL,
        (JobStatus.FAILED,),
    ),
    bind("job.new", "n", "new", "Queue a new job", HINT | WRITES | DIALOG, needs=Capability.CREATING),
    _job_key(JobAction.DELETE, "d,delete", "Delete the job or the marked jobs", Capability.DELETING, DIALOG, None),
    bind("job.undo", "U", "Undo", "Restore the jobs deleted last", WRITES, needs=Capability.CREATING),
    bind("list.choose_all", "A", "Select all", "Mark all jobs of the list, from any pane"),
    bind("job.copy_id", "y", "Copy id", "Copy the job's id", SELECTED),
    bind("job.copy_json", "Y", "Copy JSON", "Copy the job as JSON", SELECTED),
    bind(
        "job.case",
        "C",
        "case",
        "Create a case for a ticket: the job and its owner, or the user that you act as",
        HINT | PRESENT | Trait.ROWS | DIALOG,
    ),
    bind("list.export", "e", "export", "Export the list to a file", HINT | PRESENT | DIALOG),
    bind("list.find", "slash", "find", "Find jobs by a filter", HINT, "find"),
    bind("list.clear", "escape", "Clear find", "Clear the filter", action="app.leave"),
    bind("list.all", "1", "All jobs", "List all statuses", action="status(0)"),
    *(
        bind(f"list.{one}", str(tab + 1), f"{one.capitalize()} jobs", f"List the {one} jobs", action=f"status({tab})")
        for tab, one in enumerate(JobStatus, 1)
    ),
    bind("list.sort", "o", "Sort", "Sort by the next column", action="sort"),
    bind("list.reverse", "O", "Reverse", "Reverse the order", action="reverse"),
    bind("numbers.exact", "equals_sign", "Count", "Count the jobs exactly", PRESENT),
    bind("project.pick", "p", "project", "Find a project by name", HINT | DIALOG),
    bind("project.new", "P", "New project", "Create a project", WRITES | DIALOG, needs=Capability.CREATING_PROJECTS),
    bind(
        "project.budgets",
        "b",
        "Budgets",
        "Limit the cost of jobs and show what is left",
        PRESENT | DIALOG,
        needs=Capability.MIGRATED,
    ),
    bind(
        "app.next_pane",
        "tab",
        "Next pane",
        "Go to the next pane; choose a project if no pane shows projects",
        KEY_ONLY,
        "next_pane",
    ),
]

PALETTE_COMMANDS = (
    bind("list.archive", "", "Archived jobs", "list and restore archived jobs", PRESENT, needs=Capability.MIGRATED),
    bind("list.clean_up", "", "Clean up", "archive or delete old jobs", PRESENT | WRITES, needs=Capability.DELETING),
)
"""Commands that only the palette has."""

TABLE_BINDINGS = [
    bind("jobs.up", "up,k", "Up", "Go to the previous job", SELECTED | KEY_ONLY, "move(-1)"),
    bind("jobs.down", "down,j", "Down", "Go to the next job", SELECTED | KEY_ONLY, "move(1)"),
    bind("jobs.page_up", "pageup", "Page up", "Go up a page", SELECTED | KEY_ONLY, "move(0, -1)"),
    bind("jobs.page_down", "pagedown", "Page down", "Go down a page", SELECTED | KEY_ONLY, "move(0, 1)"),
    bind("jobs.first", "home,g", "First", "Go to the first job", SELECTED | KEY_ONLY, "first"),
    bind("jobs.last", "end,G", "Last", "Go to the last job", SELECTED | KEY_ONLY, "last"),
    bind("jobs.open", "enter", "details", "Show the details and events of this job", HINT | SELECTED | DIALOG, "open"),
    bind("jobs.mark", "space", "Mark", "Mark this job and go down", SELECTED | KEY_ONLY, "mark"),
    bind("jobs.mark_all", "asterisk,ctrl+a", "Mark all", "Mark all jobs of the list", SELECTED, "mark_all"),
    bind("jobs.unmark", "escape", "Unmark", "Remove all marks", Trait.JOBS, "unmark"),
]
"""The keys of the job table."""

KEYS = {one.id: one for one in (*APP_BINDINGS, *DASHBOARD_BINDINGS, *TABLE_BINDINGS, *PALETTE_COMMANDS)}


@cache
def keys_with(trait: Trait, owner: type[DOMNode] | None = None) -> frozenset[str]:
    """Return the ids of the dashboard's keys with the trait, or of those of the class and its base classes."""
    keys = KEYS.values() if owner is None else inherited_bindings(owner)
    return frozenset(key.id for key in keys if isinstance(key, Key) and trait in key.traits)


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
