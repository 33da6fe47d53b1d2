"""The palette: what it offers, and the saved views in it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast
from uuid import UUID

from textual import events
from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode
from textual.fuzzy import Matcher
from textual.screen import Screen
from textual.widgets.option_list import Option
from textual.worker import WorkerState

from gjobs.store.configuration.saved_views import View, read_name
from gjobs.store.errors import Conflict, InvalidValue, StoreError
from gjobs.store.statistics.statistics import ProjectTotals
from gjobs.tui.dashboard.bindings import PALETTE_COMMANDS, PRESENT, Key
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog, Dialog
from gjobs.tui.dashboard.dialogs.form import TextPrompt
from gjobs.tui.dashboard.features.databases import full_name
from gjobs.tui.dashboard.panels.footer import KeyState, KeyStates
from gjobs.tui.dashboard.widgets.message_board import show_message
from gjobs.tui.dashboard.widgets.widgets import LEAVING_KEYS, ClosesOnce
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import error_message
from gjobs.tui.text.format import jobs_count
from gjobs.tui.text.write_text import Confirmation

if TYPE_CHECKING:
    from gjobs.tui.dashboard.actions.action_host import ActionHost


def show_view(host: "ActionHost", view: View) -> None:
    host.dashboard.jobs.show_view(view)


async def save_view(host: "ActionHost") -> None:
    """Save the filter and order in force. To replace another view, the user must confirm its name."""
    jobs = host.dashboard.jobs
    text, order = jobs.filter_text, jobs.order
    asked: list[View] = []

    async def submit(typed: str) -> View:
        try:
            view = View(name=read_name(typed), text=text, order=order)
        except ValueError as error:
            raise InvalidValue("view", f"The name {error}.") from None
        other = host.views.another(view)
        if other is not None and other.name in host.views.removable and other not in asked:
            asked.append(other)
            raise Conflict(
                f"The view {view.name!r} already exists. Its filter is “{clean(other.text, limit=80)}”.",
                hint="Save again to replace it.",
            )
        host.views.save(view, replaces=other)
        return view

    prompt = TextPrompt(
        title="Save this view",
        lines=(clean(text, limit=200),),
        label="Name",
        agree="Save",
        placeholder="For example: stuck overnight",
        submit=submit,
    )
    prompt.help_topic = "views"
    view = await host.app.push_screen_wait(prompt)
    if view is not None:
        jobs.show_title()
        show_message(host.app, f"Saved the view {clean(view.name)}. The command palette lists it.")


async def remove_view(host: "ActionHost", view: View) -> None:
    question = Confirmation(
        title="Remove this view?",
        lines=(clean(view.name), clean(view.text, limit=200)),
        agree="Remove",
        is_dangerous=True,
        declined="The view was kept. {key} removes it.",
    )
    dialog = ConfirmDialog(question)
    dialog.help_topic = "views"
    if not await host.app.push_screen_wait(dialog):
        return
    try:
        host.views.remove(view)
    except StoreError as error:
        show_message(host.app, error_message(error))
        return
    host.dashboard.jobs.show_title()
    show_message(host.app, f"Removed the view {clean(view.name)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundAction:
    binding_id: str
    keys: str
    """As shown and as remapped."""
    name: str
    what: str
    """The tooltip: a sentence."""
    action: str
    node: DOMNode
    """Where Textual resolves the action."""


def bound_actions(screen: Screen[Any]) -> list[BoundAction]:
    """Return the actions in the order of the bindings. Bindings without an id belong to Textual."""
    actions: dict[str, BoundAction] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if not binding.id:
            continue
        keys = screen.app.get_key_display(binding)
        before = actions.get(binding.id)
        actions[binding.id] = BoundAction(
            binding_id=binding.id,
            keys=f"{before.keys} {keys}" if before else keys,
            name=binding.description,
            what=binding.tooltip,
            action=binding.action,
            node=active.node,
        )
    return list(actions.values())


def hidden_keys(screen: Screen[Any], binding_ids: Sequence[str]) -> Set[str]:
    """Return the keys that the screen does not offer now, because it would refuse them."""
    if isinstance(screen, Dialog):
        return screen.hidden_keys
    if not isinstance(screen, KeyStates):
        return frozenset()
    states = zip(binding_ids, screen.key_states(binding_ids), strict=True)
    return {one for one, state in states if state is KeyState.HIDDEN}


_KEYS_ONLY = ("up", "down", "page_up", "page_down", "first", "last", "mark", "next_pane", "other", "quit_anywhere")
"""Second parts of ids of keys that are useless in a palette, such as cursor keys."""


_KEYS_RANK = 3.0


@dataclass(eq=False, kw_only=True)
class RankedHit(DiscoveryHit):
    """A command that is listed before the user types. Otherwise, the fastest provider would be listed first."""

    rank: float

    @property
    def score(self) -> float:
        return self.rank


class DashboardCommands(Provider):
    async def discover(self) -> Hits:
        for action in self._actions():
            title = _title(action)
            yield RankedHit(Content(title), self._run(action), text=title, help=action.what, rank=_KEYS_RANK)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._actions():
            score = max(matcher.match(_title(action)), matcher.match(action.what))
            if score > 0:
                yield Hit(score, highlighted(matcher, _title(action)), self._run(action), help=action.what)

    def _actions(self) -> Iterator[BoundAction]:
        actions = bound_actions(self.screen)
        hidden = hidden_keys(self.screen, [action.binding_id for action in actions])
        for action in actions:
            if action.binding_id not in hidden and action.binding_id.partition(".")[2] not in _KEYS_ONLY:
                yield action

    def _run(self, action: BoundAction) -> Callable[[], Awaitable[object]]:
        return partial(self.app.run_action, action.action, action.node)


class ProjectCommands(Provider):
    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        dashboard = cast("ActionHost", self.app).dashboard
        if self.screen is not dashboard or dashboard.listing is None:
            return
        for project in dashboard.listing.projects:
            title = f"Show project {clean(project.name, limit=60)}"
            score = matcher.match(title)
            if score > 0:
                show = partial(dashboard.choose_project, project.id)
                yield Hit(score, highlighted(matcher, title), show, help=_jobs_of(dashboard.project_totals, project.id))


class DatabaseCommands(Provider):
    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        host = cast("ActionHost", self.app)
        if self.screen is not host.dashboard:
            return
        for choice in host.database_choices:
            title = f"Switch to database {clean(full_name(choice), limit=60)}"
            score = matcher.match(title)
            if score > 0 and choice is not host.database_choice:
                go = partial(host.switch_to, choice)
                yield Hit(
                    score,
                    explained(highlighted(matcher, title), f"{choice.rule}  {clean(choice.detail, limit=60)}".rstrip()),
                    go,
                )


def _jobs_of(sums: Mapping[UUID, ProjectTotals], project_id: UUID) -> str | None:
    return jobs_count(sums[project_id].job_count) if project_id in sums else None


def highlighted(matcher: Matcher, title: str) -> Content:
    """Return the title with the matches marked. Textual's own method reads the title as markup."""
    _, offsets = matcher.fuzzy_search.match(matcher.query, title)
    content = Content(title)
    for offset in offsets:
        content = content.stylize(matcher.match_style, offset, offset + 1)
    return content


def explained(title: Content, about: str) -> Content:
    """Append a line below, like a hit's help. Textual parses the `help` argument of a hit as markup, so it is not
    used here."""
    return Content.assemble(title, (f"\n{about}", "$foreground-muted not bold")) if about else title


def _title(action: BoundAction) -> str:
    return f"{action.name[:1].upper()}{action.name[1:]} ({action.keys})"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaletteEntry:
    title: str
    about: str
    run: Callable[[], object]
    is_first_choice: bool = True
    """Whether it is listed before the user types."""


class OfferCommands(Provider):
    """Commands of the dashboard. Above a dialog there are none."""

    RANK: ClassVar[float]
    """The place of these commands before the user types. The greatest is the first."""

    def offers(self) -> Iterator[PaletteEntry]:
        """Yield entries. Their texts must be clean."""
        raise NotImplementedError

    async def discover(self) -> Hits:
        for offer in self._present():
            if offer.is_first_choice:
                shown = explained(Content(offer.title), offer.about)
                yield RankedHit(shown, offer.run, text=offer.title, rank=self.RANK)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for offer in self._present():
            score = max(matcher.match(offer.title), matcher.match(offer.about))
            if score > 0:
                yield Hit(score, explained(highlighted(matcher, offer.title), offer.about), offer.run)

    @property
    def host(self) -> "ActionHost":
        return cast("ActionHost", self.app)

    def _present(self) -> Iterator[PaletteEntry]:
        return self.offers() if self.screen is self.host.dashboard else iter(())


class RetentionCommands(OfferCommands):
    RANK = 1.0

    def offers(self) -> Iterator[PaletteEntry]:
        is_past = self.host.dashboard.listing_query.moment is not None
        for key in PALETTE_COMMANDS:
            if not (is_past and PRESENT in key.traits):
                yield PaletteEntry(title=key.description, about=key.tooltip, run=partial(self._run, key))

    async def _run(self, key: Key) -> None:
        self.host.key_queue.expect_dialog()
        await self.app.run_action(key.action)


class ViewCommands(OfferCommands):
    RANK = 2.0

    async def startup(self) -> None:
        self.host.read_views()

    def offers(self) -> Iterator[PaletteEntry]:
        host = self.host
        for view in host.views.known.values():
            about = clean(view.text, limit=60)
            yield PaletteEntry(title=f"View {clean(view.name)}", about=about, run=partial(show_view, host, view))
        text = host.dashboard.jobs.filter_text
        if text:
            about = clean(text, limit=60)
            yield PaletteEntry(title="Save this view as …", about=about, run=lambda: host.tasks.ask(save_view(host)))
        for name in sorted(host.views.removable):
            view = host.views.known[name]
            yield PaletteEntry(
                title=f"Remove the view {clean(name)}",
                about=clean(view.text, limit=60),
                run=partial(_remove, host, name),
                is_first_choice=False,
            )


def _remove(host: "ActionHost", name: str) -> None:
    host.tasks.ask(remove_view(host, host.views.known[name]))


class Palette(CommandPalette, ClosesOnce[None]):
    """A palette that runs only commands that match the whole typed text."""

    DEFAULT_CSS = """
    Palette {
        & > Vertical { width: 100; max-width: 100%; }
        SearchIcon { display: none; }
    }
    """

    def takes_key(self, event: events.Event) -> bool:
        """Take text during a search. Keys that choose wait for the results."""
        if not isinstance(event, events.Key) or event.is_printable or event.key in {*LEAVING_KEYS, "backspace"}:
            return True
        return self.has_class("-ready") and not any(
            worker.group == self._GATHER_COMMANDS_GROUP and worker.state in (WorkerState.PENDING, WorkerState.RUNNING)
            for worker in self.app.workers
            if worker.node is self
        )

    def _action_command_list(self, action: str) -> None:
        """Skip paging before the first layout, when the list has no lines.

        Textual 8.2.8: `await pilot.press("ctrl+p"); palette._action_command_list("page_down")` before the first layout
        raises KeyError in OptionList.action_page_down, because `_index_to_line` is empty.
        """
        if not action.startswith("page_") or self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)

    def _start_no_matches_countdown(self, search_value: str) -> None:
        """Start the countdown as Textual does, but stop an earlier countdown first.

        Textual 8.2.8: two such countdowns add the option "--no-matches" twice, which raises DuplicateID.
        """
        self._stop_no_matches_countdown()
        self._no_matches_timer = self.set_timer(self._NO_MATCHES_COUNTDOWN, partial(self._show_none, search_value))

    def _show_none(self, search_value: str) -> None:
        commands = self.query_one(CommandList)
        if search_value and not commands.option_count:
            commands.add_option(Option("No matches found", disabled=True, id=self._NO_MATCHES))
        self._list_visible = bool(search_value)
