"""The palette: what it offers, and the saved views in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from textual import events
from textual.binding import ActiveBinding
from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import Matcher
from textual.screen import Screen
from textual.widgets.option_list import Option

from gjobs.store.configuration.saved_views import View, read_name
from gjobs.store.errors import Conflict, InvalidValue
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import KEY_ONLY, PALETTE_COMMANDS, PRESENT, Key, keys_with
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog
from gjobs.tui.dashboard.dialogs.form import TextPrompt
from gjobs.tui.dashboard.features.databases import full_name
from gjobs.tui.dashboard.widgets.message_board import show_message
from gjobs.tui.dashboard.widgets.widgets import LEAVING_KEYS, ClosesOnce, hidden_keys
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.format import jobs_count
from gjobs.tui.text.write_text import Confirmation


async def save_view(host: ActionHost) -> None:
    """Save the filter and order in force. To replace another view, the user must confirm its name."""
    jobs = host.dashboard.jobs
    text, order = jobs.bar.kept_text, host.dashboard.listed.order
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
    view = await host.push_screen_wait(prompt)
    if view is not None:
        jobs.show_title()
        show_message(host, f"Saved the view {clean(view.name)}. The command palette lists it.")


async def remove_view(host: ActionHost, view: View) -> None:
    question = Confirmation(
        title="Remove this view?",
        lines=(clean(view.name), clean(view.text, limit=200)),
        agree="Remove",
        is_dangerous=True,
        declined="The view was kept. {key} removes it.",
    )
    dialog = ConfirmDialog(question)
    dialog.help_topic = "views"
    if not await host.push_screen_wait(dialog):
        return
    host.views.remove(view)
    host.dashboard.jobs.show_title()
    show_message(host, f"Removed the view {clean(view.name)}.")


def bound_actions(screen: Screen[Any]) -> dict[str, tuple[ActiveBinding, str]]:
    """Return the actions by binding id, with their keys as remapped, in the order of the bindings. Bindings without an
    id belong to Textual.
    """
    actions: dict[str, tuple[ActiveBinding, str]] = {}
    for active in screen.active_bindings.values():
        if name := active.binding.id:
            _, keys = actions.get(name, (active, ""))
            actions[name] = active, f"{keys} {screen.app.get_key_display(active.binding)}".lstrip()
    return actions


def highlighted(matcher: Matcher, title: str) -> Content:
    """Return the title with the matches marked. Textual's own method reads the title as markup."""
    _, offsets = matcher.fuzzy_search.match(matcher.query, title)
    content = Content(title)
    for offset in offsets:
        content = content.stylize(matcher.match_style, offset, offset + 1)
    return content


_ABOUT_KEYS, _ABOUT_OTHERS = "dim not bold", "$foreground-muted not bold"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaletteEntry:
    title: str
    run: Callable[[], object]
    about: str = ""
    """A line below, which is also searched."""
    detail: str = ""
    """A line below, which is not searched."""
    style: str = _ABOUT_OTHERS
    """The style of the line below."""
    must_type: bool = False
    """Whether it is listed only when the user has typed a part of it."""

    def shown(self, title: Content) -> Content:
        """Return the title with the line below. Textual parses the `help` argument of a hit as markup, so it is not
        used here.
        """
        about = self.about or self.detail
        return Content.assemble(title, (f"\n{about}", self.style)) if about else title


class Commands(Provider):
    """Keys of the screen and themes. Above the job list also views, retention, projects and databases."""

    @property
    def _host(self) -> ActionHost:
        return cast(ActionHost, self.app)

    async def startup(self) -> None:
        self._host.read_views()

    async def discover(self) -> Hits:
        for one in self._entries():
            if not one.must_type:
                yield DiscoveryHit(one.shown(Content(one.title)), one.run, text=one.title)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for one in self._entries():
            score = max(matcher.match(one.title), matcher.match(one.about))
            if score > 0:
                yield Hit(score, one.shown(highlighted(matcher, one.title)), one.run)

    def _entries(self) -> Iterator[PaletteEntry]:
        yield from self._of_keys()
        is_on_list = self.screen is self._host.dashboard
        if is_on_list:
            yield from self._of_views()
            yield from self._of_retention()
        theme = "Change the current theme"
        yield PaletteEntry(title="Theme", run=self.app.action_change_theme, detail=theme, style=_ABOUT_KEYS)
        if is_on_list:
            yield from self._of_projects()
            yield from self._of_databases()

    def _of_keys(self) -> Iterator[PaletteEntry]:
        """Yield an entry for each key that the screen offers."""
        actions = bound_actions(self.screen)
        hidden = hidden_keys(self.screen)
        for name, (active, keys) in actions.items():
            binding = active.binding
            if name not in hidden and name not in keys_with(KEY_ONLY, type(active.node)):
                title = f"{binding.description[:1].upper()}{binding.description[1:]} ({keys})"
                run = partial(self.app.run_action, binding.action, active.node)
                yield PaletteEntry(title=title, about=binding.tooltip, run=run, style=_ABOUT_KEYS)

    def _of_views(self) -> Iterator[PaletteEntry]:
        """Yield entries with clean texts."""
        host = self._host

        def entry(title: str, text: str, run: Callable[[], object], *, must_type: bool = False) -> PaletteEntry:
            return PaletteEntry(title=title, about=clean(text, limit=60), run=run, must_type=must_type)

        for view in host.views.known.values():
            yield entry(f"View {clean(view.name)}", view.text, partial(host.dashboard.jobs.show_view, view))
        if text := host.dashboard.jobs.bar.kept_text:
            yield entry("Save this view as …", text, lambda: host.tasks.ask(save_view(host)))
        for name in sorted(host.views.removable):
            view = host.views.known[name]
            run = partial(lambda view: host.tasks.ask(remove_view(host, view)), view)
            yield entry(f"Remove the view {clean(name)}", view.text, run, must_type=True)

    def _of_retention(self) -> Iterator[PaletteEntry]:
        is_past = self._host.dashboard.listing_query.moment is not None
        for key in PALETTE_COMMANDS:
            if not (is_past and PRESENT in key.traits):
                run = partial(self._run, key)
                yield PaletteEntry(title=key.description, about=key.tooltip, run=run)

    def _of_projects(self) -> Iterator[PaletteEntry]:
        dashboard = self._host.dashboard
        totals = dashboard.project_totals
        for project in dashboard.listing.projects if dashboard.listing else ():
            count = jobs_count(totals[project.id].job_count) if project.id in totals else ""
            title = f"Show project {clean(project.name, limit=60)}"
            yield PaletteEntry(
                title=title, run=partial(dashboard.choose_project, project.id), detail=count, must_type=True
            )

    def _of_databases(self) -> Iterator[PaletteEntry]:
        host = self._host
        for choice in host.database_choices.all:
            if choice is not host.database_choice:
                detail = f"{choice.rule}  {clean(choice.detail, limit=60)}".rstrip()
                title = f"Switch to database {clean(full_name(choice), limit=60)}"
                yield PaletteEntry(title=title, run=partial(host.switch_to, choice), detail=detail, must_type=True)

    async def _run(self, key: Key) -> None:
        self._host.key_queue.expect_dialog()
        await self.app.run_action(key.action)


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
        is_searching = any(worker.node is self and not worker.is_finished for worker in self.app.workers)
        return self.has_class("-ready") and not is_searching

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Skip paging before the first layout, when the list has no lines.

        Textual 8.2.8: the key "pagedown" before the first layout raises KeyError in OptionList.action_page_down,
        because `_index_to_line` is empty.
        """
        is_paging = action == "command_list" and parameters in (("page_up",), ("page_down",))
        return not is_paging or all(commands.scrollable_content_region for commands in self.query(CommandList))

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
