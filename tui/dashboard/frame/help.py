"""Help: all keys as remapped, the manual page for each screen, and the manual on screen."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from itertools import chain, groupby, zip_longest
from operator import attrgetter
from pathlib import PurePath
from textwrap import wrap
from typing import Any, ClassVar

from rich.text import Text
from textual import actions, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Markdown, MarkdownViewer, Static, Tree
from textual.widgets.markdown import MarkdownTableOfContents, TableOfContentsType

from gjobs.tui.dashboard.actions.action_host import modules
from gjobs.tui.dashboard.bindings import APP_BINDINGS, DIALOG, bind, inherited_bindings, own_bindings, shown_keys
from gjobs.tui.dashboard.dialogs.dialog import Dialog
from gjobs.tui.dashboard.dialogs.pick import Choice, PickDialog
from gjobs.tui.dashboard.list.filter_bar import FilterField
from gjobs.tui.dashboard.panels.screen import DashboardScreen
from gjobs.tui.dashboard.presenter import Presenter
from gjobs.tui.dashboard.widgets.message_board import show_warning
from gjobs.tui.dashboard.widgets.widgets import ClosesOnce, hidden_keys
from gjobs.tui.manual.pages import TOPICS, anchor, page_source, readable, search, summary, with_generated
from gjobs.tui.text.clean_text import shorten


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpEntry:
    group: str
    keys: str
    what: str
    binding_id: str


GROUPS = {
    "job": "The job under the cursor, or the marked jobs",
    "jobs": "Job table",
    "list": "Filter and order",
    "numbers": "Counts",
    "find": "Find field",
    "project": "Projects",
    "projects": "Project list",
    "demo": "The demo",
    "app": "gjobs",
    "details": "Job details",
    "dialog": "Dialogs",
    "first": "The first question",
    "confirm": "Confirmations",
    "progress": "During a write",
    "quit": "Quitting during a write",
    "mode": "Mode of a new job",
    "export": "Export",
    "case": "Case",
    "pick": "Pick lists",
    "acting": "Acting as",
    "isolation": "Isolation check",
    "sql": "SQL",
    "times": "Times",
    "errors": "Errors",
    "waste": "Waste",
    "budgets": "Budgets",
    "archive": "Archived jobs",
    "workers": "Workers",
    "presenter": "Presenter view",
    "messages": "Messages",
    "help": "Manual",
}
"""Titles by the first part of a binding id."""


@cache
def owners() -> list[type[Widget]]:
    """Return the widgets and screens that declare keys, in the order of GROUPS. The presenter view of a demo declares
    only keys of its app, so it is left out.
    """
    for name in modules():
        import_module(name)
    groups = {kind: group for kind in _below(Widget) if (group := _group_of(kind)) not in ("", "demo")}
    order = list(GROUPS)
    return sorted(groups, key=lambda kind: (order.index(groups[kind]), kind.__name__))


def _below(kind: type[Widget]) -> Iterator[type[Widget]]:
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)


def _group_of(kind: type[Widget]) -> str:
    """Return the group of the first key that the class declares. Empty if there is none."""
    return next((binding.id.partition(".")[0] for binding in own_bindings(kind) if binding.id), "")


def topic_of(screen: Screen[Any]) -> str:
    """Return the page of the focused filter, or else of the screen."""
    if isinstance(screen.focused, FilterField):
        return "filters"
    if isinstance(screen, ClosesOnce):
        return screen.help_topic
    return "visibility" if isinstance(screen, DashboardScreen) and screen.listing_query.with_visibility else "tour"


_PLACES = {"demo": -2, "dialog": 1, "app": 2}
"""Groups listed above or below those of the screen itself. What only a demo has comes first."""
_FOCUSED = -1


def all_entries(app: App[Any]) -> list[HelpEntry]:
    return _entries(app, chain(chain.from_iterable(map(own_bindings, owners())), APP_BINDINGS, _of_a_demo(app)))


def _of_a_demo(app: App[Any]) -> Iterator[Binding]:
    """Yield the keys that only the app of a demo has."""
    return (binding for binding in inherited_bindings(type(app)) if (binding.id or "").startswith("demo."))


def screen_entries(screen: Screen[Any]) -> list[HelpEntry]:
    """Return the keys that work on the screen, without those that a read-only session refuses.

    The find field takes nearly all keys as characters.
    """
    is_typing = isinstance(screen.focused, FilterField)
    nodes = [node for node in (screen, *screen.walk_children()) if isinstance(node, FilterField) is is_typing]
    kinds = [kind for kind in owners() if any(isinstance(node, kind) for node in nodes)]
    of_app = (
        one for one in APP_BINDINGS if one.priority or (one.id == "app.help" if is_typing else not screen.is_modal)
    )
    takes_demo_keys = isinstance(screen, Presenter) or not (screen.is_modal or is_typing)
    is_possible = screen.app.check_action
    of_demo = (one for one in _of_a_demo(screen.app) if takes_demo_keys and is_possible(*actions.parse(one.action)[1:]))
    entries = _entries(screen.app, chain(chain.from_iterable(map(own_bindings, kinds)), of_demo, of_app))
    hidden = hidden_keys(screen)
    entries = [entry for entry in entries if entry.binding_id not in hidden]
    of_focused = own_bindings(type(screen.focused)) if screen.focused is not None else ()
    focused = {(one.id or "").partition(".")[0] for one in of_focused}

    def place(entry: HelpEntry) -> int:
        group, _, _ = entry.binding_id.partition(".")
        # The keys of a project act on the focused list of projects.
        return _FOCUSED if group in focused or f"{group}s" in focused else _PLACES.get(group, 0)

    return sorted(entries, key=place)


def _entries(app: App[Any], bindings: Iterable[Binding]) -> list[HelpEntry]:
    """Return the entries in the order of the groups."""
    listed: dict[str, Binding] = {}
    for binding in bindings:
        if binding.id:
            # If a screen also has a key of the app, the key is listed with the app's keys.
            listed.pop(binding.id, None)
            listed[binding.id] = binding
    of_demo = {key for binding in _of_a_demo(app) for key in shown_keys(app, binding)}

    def keys(binding: Binding, name: str) -> str:
        taken = of_demo if name.startswith("app.") else ()
        return " ".join(key for key in shown_keys(app, binding) if key not in taken)

    return [
        HelpEntry(group=title, keys=keys(binding, name), what=binding.tooltip, binding_id=name)
        for group, title in GROUPS.items()
        for name, binding in listed.items()
        if name.partition(".")[0] == group
    ]


_TWO_COLUMNS_FROM = 96
_SHORT_LINES = 14
"""A list of up to this many lines has one column on any screen."""
_GAP = 3
_NARROWEST = 10
"""Minimum cells for the action, even on a narrow screen."""


def key_list(entries: Sequence[HelpEntry], *, width: int) -> str:
    """Return Markdown with one heading for each group, and the binding ids."""
    parts = [f"### {group}\n\n{_block(_lines(members, width, has_ids=True))}" for group, members in _grouped(entries)]
    return "\n\n".join(parts)


def short_key_list(entries: Sequence[HelpEntry], *, width: int) -> str:
    """Return one compact block of Markdown. A long list has two columns if there is enough room."""
    lines = _column(_titled_groups(entries, width))
    if width < _TWO_COLUMNS_FROM or len(lines) <= _SHORT_LINES:
        return _block(lines)
    room = (width - _GAP) // 2
    groups = _titled_groups(entries, room)
    left, right = min(
        ((_column(groups[:place]), _column(groups[place:])) for place in range(len(groups) + 1)),
        key=lambda columns: max(map(len, columns)),
    )
    return _block([f"{one:<{room + _GAP}}{other}".rstrip() for one, other in zip_longest(left, right, fillvalue="")])


def _titled_groups(entries: Sequence[HelpEntry], width: int) -> list[list[str]]:
    return [
        [f"{group}:", *(f"  {line}" for line in _lines(members, width - 2, has_ids=False))]
        for group, members in _grouped(entries)
    ]


def _column(groups: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of the groups with a blank line between them."""
    return [line for group in groups for line in ("", *group)][1:]


def _grouped(entries: Sequence[HelpEntry]) -> Iterator[tuple[str, list[HelpEntry]]]:
    for group, members in groupby(entries, key=attrgetter("group")):
        yield group, list(members)


def _block(lines: Sequence[str]) -> str:
    return "\n".join(["```text", *lines, "```"])


def _lines(entries: Sequence[HelpEntry], width: int, *, has_ids: bool) -> list[str]:
    """Return aligned lines. Long texts wrap below their beginning."""
    indent = max(len(entry.keys) for entry in entries) + 2
    lines: list[str] = []
    for entry in entries:
        text = f"{entry.what} [{entry.binding_id}]" if has_ids else entry.what
        first, *further = wrap(text, max(width - indent, _NARROWEST), break_on_hyphens=False)
        lines += [f"{entry.keys:<{indent}}{first}", *(f"{'':<{indent}}{line}" for line in further)]
    return lines


KEYS_HEADING = "Keys that work here"
_CONTENTS_FROM = 150
"""Minimum screen width in cells for showing the contents beside the page at the start."""
_CONTENTS_CELLS = 38
_INDENT = 2
_FENCE_PADDING = 2
_MOST_FOUND = 100
_FIND_BORDERS = 10
"""Cells of a line in the find dialog that show neither a section nor its text."""
_LEAST_EXCERPT = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    topic: str
    anchor: str = ""


def location_of(href: str) -> Location | None:
    """Return the page that a link names. Return None if the link leads out of the manual."""
    path, _, anchor = href.partition("#")
    topic = path.removesuffix(".md")
    if not path:
        return Location(topic="", anchor=anchor)
    return Location(topic=topic, anchor=anchor) if path.endswith(".md") and topic in TOPICS else None


class Contents(MarkdownTableOfContents):
    """The headings of a page, each indented by its level."""

    def rebuild_table_of_contents(self, table_of_contents: TableOfContentsType) -> None:
        tree = self.query_one(Tree)
        tree.show_guides, tree.guide_depth = False, _INDENT
        tree.clear()
        above = [tree.root]
        for level, name, block_id in table_of_contents:
            del above[level:]
            label = Text(shorten(name, _CONTENTS_CELLS - _INDENT * level))
            above.append(above[-1].add(label, {"block_id": block_id}, expand=True, allow_expand=False))


class ManualViewer(MarkdownViewer):
    """Textual's viewer. Its links lead only to manual pages, never to files."""

    def __init__(self, follow: Callable[[str], object]) -> None:
        super().__init__()
        self._follow = follow

    def compose(self) -> ComposeResult:
        document = Markdown(open_links=False)
        document.can_focus = True
        yield document
        yield Contents(document)

    def on_markdown_table_of_contents_selected(self, message: Markdown.TableOfContentsSelected) -> None:
        """Ignore a heading of an earlier page, which the contents may still show. Textual's handler would fail."""
        if not self.query(f"#{message.block_id}"):
            message.prevent_default().stop()

    async def go(self, location: str | PurePath) -> None:
        """Follow the link that was clicked."""
        self._follow(str(location))


class ManualDialog(Dialog[None]):
    DEFAULT_CSS = """
    ManualDialog {
        #dialog { width: 100%; max-width: 100%; height: 100%; max-height: 100%; padding: 0; overflow: hidden; }
        MarkdownViewer { background: $surface; scrollbar-size-vertical: 1; }
        Markdown { max-width: 108; padding: 0 1; }
        MarkdownTableOfContents { max-width: 38; }
        MarkdownH1 { content-align: left middle; margin: 1 0; }
        MarkdownH2 { margin: 1 0; }
        MarkdownH3 { margin: 1 0 0 0; }
        MarkdownFence { margin: 0 0 1 0; color: $foreground; background: $foreground 6%; }
        MarkdownFence > Label { padding: 0 1; }
        #foot { height: 1; padding: 0 1; color: $foreground-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("help.close", "q,question_mark,f1", "Close", "Close the manual", action="leave"),
        bind("help.find", "slash", "Find", "Find a key, a page, or words on any page", DIALOG, "find"),
        bind("help.contents", "t", "Contents", "Show or hide the table of contents", action="contents"),
        bind("help.back", "backspace,left", "Back", "Go back to the previous page", action="back"),
    ]
    HINTS = ("help.find", "help.contents", "help.back", "help.close")

    def __init__(self, topic: str, *, keys: Sequence[HelpEntry], all_keys: Sequence[HelpEntry]) -> None:
        """Open the page of a topic. `keys` are those of the screen below. They come first on that page."""
        super().__init__()
        self._first = topic
        self._keys = tuple(keys)
        self._all_keys = tuple(all_keys)
        self._visited = [Location(topic=topic)]
        self._width = 0
        self._is_outdated = False
        """Whether a page was requested that is not on screen yet."""
        self._is_loading = False
        self._must_scroll = False
        """Whether the requested section still has to be scrolled to."""
        self._section_y = 0
        """The scroll offset of the requested section when it was last scrolled to."""

    def compose(self) -> ComposeResult:
        with self.box(f"Manual: {self._first} · loading …"), Vertical():
            yield ManualViewer(self._follow)
            yield Static(self.keys_line(self.HINTS), id="foot", markup=False)

    def on_mount(self) -> None:
        self._viewer.show_table_of_contents = self.app.size.width >= _CONTENTS_FROM
        self._viewer.document.focus(scroll_visible=False)
        self.screen_layout_refresh_signal.subscribe(self, self._scroll_to_section, immediate=True)
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        """Wrap the keys to the new width of the page."""
        self.call_after_refresh(self._wrap_again)

    @property
    def _viewer(self) -> ManualViewer:
        return self.query_one(ManualViewer)

    @property
    def topic(self) -> str:
        """The topic of the page on screen."""
        return self._visited[-1].topic

    # Showing a page

    def _wrap_again(self) -> None:
        if self.is_open and self._width and self._width != self._room and self.topic in (self._first, "keys"):
            self._show()

    @property
    def _room(self) -> int:
        return self._viewer.document.content_size.width - _FENCE_PADDING

    def _show(self) -> None:
        """Show the last visited page."""
        self._is_outdated = True
        if not self._is_loading:
            self._is_loading = True
            self._load()

    @work
    async def _load(self) -> None:
        """Show the last requested page and its title in one frame.

        A running update is never cancelled, because it would leave a part of its page. A later request follows it.
        """
        with self.app.batch_update():
            while self._is_outdated and self.is_open:
                self._is_outdated = False
                self._width = self._room
                self.query_one("#dialog").border_title = Content(f"Manual: {self.topic}")
                await self._viewer.document.update(self._text(self.topic))
            self._is_loading = False

    def _scroll_to_section(self, _: object = None) -> None:
        """Scroll to the requested section once it is laid out. Follow it after each layout until the user scrolls."""
        if self._is_loading or not self.is_open:
            return
        viewer = self._viewer
        # A layout that makes the page shorter also moves the offset.
        is_there = viewer.scroll_y == self._section_y or viewer.scroll_y == viewer.max_scroll_y < self._section_y
        if not (self._must_scroll or is_there):
            return
        top = self._top_of_section()
        if top is None:
            return
        self._must_scroll = False
        self._section_y = min(top, viewer.max_scroll_y)
        if viewer.scroll_y != self._section_y:
            viewer.scroll_to(y=self._section_y, animate=False, immediate=True)

    def _top_of_section(self) -> int | None:
        """Return the line above the requested section, or None if it is not laid out yet."""
        document = self._viewer.document
        for _, title, block_id in document.table_of_contents:
            if anchor(title) == self._visited[-1].anchor:
                block = document.query_one(f"#{block_id}")
                return block.virtual_region_with_margin.y if block.virtual_region else None
        return 0

    def _text(self, topic: str) -> str:
        source = page_source(topic)
        if topic == "keys":
            source = with_generated(source, lambda _: key_list(self._all_keys, width=self._width))
        text = readable(source)
        if topic != self._first or not self._keys:
            return text
        title, _, rest = text.partition("\n\n")
        keys = short_key_list(self._keys, width=self._width)
        return f"# {KEYS_HEADING}\n\n{keys}\n\n{title}\n\n{rest}"

    # Keys and links

    def go(self, location: Location) -> None:
        topic = location.topic or self.topic
        location = Location(topic=topic, anchor=location.anchor)
        self._must_scroll = True
        if topic == self.topic:
            self._visited[-1] = location
            self._scroll_to_section()
        else:
            self._visited.append(location)
            self._show()

    def _follow(self, href: str) -> None:
        location = location_of(href)
        if location is None:
            show_warning(self.app, f"This link leads out of the manual: {href}")
        else:
            self.go(location)

    def action_back(self) -> None:
        if len(self._visited) > 1:
            self._visited.pop()
            self._must_scroll = True
            self._show()

    def action_contents(self) -> None:
        viewer = self._viewer
        viewer.show_table_of_contents = not viewer.show_table_of_contents
        if viewer.show_table_of_contents:
            viewer.query_one(MarkdownTableOfContents).query_one("Tree").focus()
        else:
            viewer.document.focus(scroll_visible=False)
        self.call_after_refresh(self._wrap_again)

    def action_find(self) -> None:
        dialog = PickDialog[Location](
            title="Find in the manual",
            choices=(),
            placeholder="Type words, what a key does, or the name of a page",
            beside=partial(
                found,
                topic=self.topic,
                keys=self._all_keys,
                cells=min(self.app.size.width * 96 // 100, 76) - _FIND_BORDERS,
            ),
        )
        self.app.push_screen(dialog, self._found)

    def _found(self, choice: Choice[Location] | None) -> None:
        if choice is not None:
            self.go(choice.value)


def found(text: str, *, topic: str, keys: Sequence[HelpEntry], cells: int) -> list[Choice[Location]]:
    """Return the keys and the sections that contain the words. Without words, return all pages, `topic` first.

    `cells` is the width of the list.
    """
    if not text:
        topics = sorted(TOPICS, key=lambda name: name != topic)
        return [Choice(value=Location(topic=name), label=name, detail=summary(name)) for name in topics]
    choices: list[Choice[Location]] = []
    for entry in keys:
        label = f"key {entry.keys}"
        if all(word in f"{label} {entry.what}".lower() for word in text.lower().split()):
            # It leads to the key's group on the page of all keys.
            place = Location(topic="keys", anchor=anchor(entry.group))
            choices.append(Choice(value=place, label=label, detail=entry.what))
    for hit in search(text)[:_MOST_FOUND]:
        section = hit.section
        place = Location(topic=section.topic, anchor=anchor(section.heading))
        label = shorten(f"{section.topic}: {section.heading}", cells - _LEAST_EXCERPT)
        choices.append(Choice(value=place, label=label, detail=hit.excerpt(cells - len(label))))
    return choices
