"""All bindings of app and dashboard; remapped keys; key hints."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import Any

from rich.cells import cell_len
from textual import events
from textual.app import App
from textual.binding import ActiveBinding, Binding, BindingType
from textual.content import Content
from textual.dom import DOMNode

from store.jobs.job import JobStatus
from tui.dashboard.widgets import FittedLine
from tui.text.status_text import STATUS_ACTIONS, STATUS_TEXTS

APP_BINDINGS: list[BindingType] = [
    Binding("u", "start('act_as')", "user", id="app.user", tooltip="Look with a user's eyes, or the operator's"),
    Binding(
        "i",
        "start('isolation')",
        "Isolation",
        show=False,
        id="app.isolation",
        tooltip="Try whether users reach others' rows",
    ),
    Binding(
        "t",
        "start('timings')",
        "Times",
        show=False,
        id="app.times",
        tooltip="How long jobs wait and run, how many fail",
    ),
    Binding("w", "start('workers')", "Workers", show=False, id="app.workers", tooltip="Who works, and what they hold"),
    Binding(
        "D",
        "start('database')",
        "Database",
        show=False,
        id="app.database",
        tooltip="Look at another database: a profile",
    ),
    Binding(
        "W", "start('write_permit')", "Write", show=False, id="app.write", tooltip="Write for some minutes, or end it"
    ),
    Binding("f5,ctrl+r", "refresh", "Refresh", show=False, id="app.refresh", tooltip="Look again at once"),
    Binding("z", "pause", "Pause", show=False, id="app.pause", tooltip="Pause the looking, or go on"),
    Binding("plus", "start('faster')", "Faster", show=False, id="app.faster", tooltip="Look more often"),
    Binding("minus", "start('slower')", "Slower", show=False, id="app.slower", tooltip="Look less often"),
    Binding(
        "L",
        "start('load')",
        "Load",
        show=False,
        id="app.load",
        tooltip="Say what this dashboard costs database and machine",
    ),
    Binding("question_mark,f1", "help", "help", id="app.help", tooltip="Show these keys and the manual"),
    Binding(
        "v",
        "start('visibility')",
        "lens",
        id="app.lens",
        tooltip="Show beside what a user sees what they do not, and why",
    ),
    Binding("q", "quit", "Quit", show=False, id="app.quit", tooltip="Leave gjobs"),
    Binding(
        "ctrl+q",
        "quit",
        "Quit",
        show=False,
        priority=True,
        id="app.quit_anywhere",
        tooltip="Leave gjobs, from a dialog, too",
    ),
]

DASHBOARD_BINDINGS: list[BindingType] = [
    *(
        Binding(
            text.key,
            f"act('{text.action}')",
            text.action.value,
            id=f"job.{text.action}",
            tooltip=f"{text.verb} the job, or the marked ones{', with a text' if text.asks_error else ''}",
        )
        for text in STATUS_TEXTS.values()
        if text.action
    ),
    Binding(
        "r",
        "act('retry')",
        "retry",
        show=False,
        id="job.retry",
        tooltip="Queue a failed job, or the marked ones, anew",
    ),
    Binding("n", "act('create')", "new", id="job.new", tooltip="Queue a new job"),
    Binding("d,delete", "act('delete')", "delete", id="job.delete", tooltip="Delete the job, or the marked ones"),
    Binding("U", "request('undo')", "Undo", show=False, id="job.undo", tooltip="Make again what was deleted last"),
    Binding(
        "A", "request('all')", "Choose all", show=False, id="list.choose_all", tooltip="Choose all jobs that match"
    ),
    Binding("y", "copy('id')", "Copy id", show=False, id="job.copy_id", tooltip="Copy the job's id"),
    Binding("Y", "copy('json')", "Copy JSON", show=False, id="job.copy_json", tooltip="Copy the job as JSON"),
    Binding("slash", "find", "find", id="list.find", tooltip="Find jobs by a filter"),
    Binding("escape", "leave_find", "Clear find", show=False, id="list.clear", tooltip="Show all rows again"),
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
    Binding("O", "reverse", "Reverse", show=False, id="list.reverse", tooltip="Turn the order around"),
    Binding(
        "equals_sign", "request('exact')", "Count", show=False, id="numbers.exact", tooltip="Count the jobs exactly"
    ),
    Binding(
        "p", "request('project')", "Project", show=False, id="project.pick", tooltip="Find a project by some letters"
    ),
    Binding("P", "request('new_project')", "New project", show=False, id="project.new", tooltip="Create a project"),
    Binding(
        "b",
        "request('budgets')",
        "Budgets",
        show=False,
        id="project.budgets",
        tooltip="Limit what jobs may cost, and see what is left",
    ),
    Binding("tab", "app.focus_next", "Next pane", show=False, id="app.next_pane", tooltip="Go to the next pane"),
]

_ASKS_ERROR = [text.action for text in STATUS_TEXTS.values() if text.asks_error]

ALWAYS_OPEN = frozenset(
    {
        *("act('create')", "act('delete')", "answer('delete')"),
        *(f"{method}('{action}')" for action in _ASKS_ERROR for method in ("act", "answer")),
        *("request('project')", "request('new_project')", "request('budgets')"),
        *("start('act_as')", "start('isolation')", "start('timings')", "start('workers')", "start('database')"),
        *("open", "help", "app.help", "command_palette", "app.command_palette"),
    }
)
"""Actions that open a dialog, or say why they do not."""

SEVERAL_OPEN = frozenset({*(f"act('{action}')" for action in STATUS_ACTIONS), "act('retry')"}) - ALWAYS_OPEN
"""Actions that open a question when more than one job is selected."""


def own_bindings(owner: type[DOMNode]) -> Iterator[Binding]:
    """Those that the class itself declares."""
    for binding in owner.__dict__.get("BINDINGS", ()):
        if isinstance(binding, Binding):
            yield binding


def shown_keys(app: App[Any], binding: Binding) -> list[str]:
    """What a binding's keys are called, the first one first."""
    # Textual has no public way to read the keymap.
    keymap = app._keymap  # noqa: SLF001
    keys = keymap.get(binding.id or "", binding.key).split(",")
    return [app.get_key_display(binding.with_key(key.strip())) for key in keys]


def inherited_bindings(owner: type[DOMNode]) -> Iterator[Binding]:
    """Those that the class declares, or one that it inherits from."""
    for parent in owner.__mro__:
        if issubclass(parent, DOMNode):
            yield from own_bindings(parent)


def key_of(app: App[Any], bindings: Iterable[BindingType], binding_id: str) -> str:
    """What the first key is called of the binding with this id."""
    binding = next(one for one in bindings if isinstance(one, Binding) and one.id == binding_id)
    return shown_keys(app, binding)[0]


NOTHING: Mapping[str, str] = MappingProxyType({})


class DynamicKeyText:
    """A widget that says so itself. After a change it refreshes its bindings."""

    reworded: Mapping[str, str] = NOTHING
    """In place of what the bindings with these ids say."""


def key_words(active: ActiveBinding) -> str:
    binding, node = active.binding, active.node
    return (
        node.reworded.get(binding.id or "", binding.description)
        if isinstance(node, DynamicKeyText)
        else binding.description
    )


_GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHint:
    key: str
    """As it is pressed."""
    shown: str
    """As it is called."""
    what: str

    @property
    def width(self) -> int:
        return cell_len(self.shown) + 1 + cell_len(self.what)


class KeyHints(FittedLine):
    """Of the bindings that are active and shown. A click on one presses its key."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyHints {
        padding-left: 1;
        background: $footer-background;
        color: $footer-foreground;
    }
    """

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.follow())

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        start = 0
        for hint in self._hints(self.content_size.width):
            if offset is not None and start <= offset.x < start + hint.width:
                self.app.simulate_key(hint.key)
            start += hint.width + _GAP

    def words(self, room: int) -> Content:
        hints = (
            Content.assemble(
                (hint.shown, "bold $footer-key-foreground"), (f" {hint.what}", "$footer-description-foreground")
            )
            for hint in self._hints(room)
        )
        return Content(" " * _GAP).join(hints)

    def _hints(self, room: int) -> list[KeyHint]:
        """The first key of each action, as many as fit."""
        shown: dict[str, ActiveBinding] = {}
        for active in _in_declared_order(list(self.screen.active_bindings.values())):
            if active.binding.show and not self._is_typed(active):
                shown.setdefault(active.binding.action, active)
        hints = [
            KeyHint(key=one.binding.key, shown=self.app.get_key_display(one.binding), what=key_words(one))
            for one in shown.values()
        ]
        ends = accumulate(hint.width + _GAP for hint in hints)
        return [hint for hint, end in zip(hints, ends, strict=True) if end - _GAP <= room]

    def _is_typed(self, active: ActiveBinding) -> bool:
        """Whether what has the focus takes the key for a character. Textual leaves out those whose names it knows."""
        focused, shown = self.screen.focused, self.app.get_key_display(active.binding)
        return (
            focused is not None
            and focused is not active.node
            and len(shown) == 1
            and focused.check_consume_key(active.binding.key, shown)
        )


def _in_declared_order(active: Sequence[ActiveBinding]) -> list[ActiveBinding]:
    """Textual puts a key that was moved behind the others of its widget, where there may be no room."""
    nodes = list(dict.fromkeys(one.node for one in active))
    places = {node: [binding.id for binding in inherited_bindings(type(node))] for node in nodes}

    def place(one: ActiveBinding) -> tuple[int, int]:
        declared = places[one.node]
        name = one.binding.id
        return nodes.index(one.node), declared.index(name) if name in declared else len(declared)

    return sorted(active, key=place)
