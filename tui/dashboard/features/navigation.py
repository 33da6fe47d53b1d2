"""Pick or create a project, pick the user to act as, and find an entity by its id."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, assert_never
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from gjobs.store.capabilities.capability import USERS, Capability
from gjobs.store.errors import NoPrivilege, RowMissing, StoreError
from gjobs.store.filters.filter_terms import NO_FILTER
from gjobs.store.job_list.list_query import Listing, ProjectName
from gjobs.store.jobs.job import Asset, GenerationJob, Project
from gjobs.store.moments.past_store import past_store
from gjobs.store.search import IdMatches
from gjobs.store.statistics.statistics import ProjectTotals
from gjobs.store.store import Store
from gjobs.store.users.actor import ANON, OPERATOR, ActingUser, Actor, Anon, Operator, actor_name
from gjobs.store.users.user_sql import FoundUser
from gjobs.store.values.formats import id_range, money
from gjobs.tui.dashboard.actions.action_context import ActionContext, remark_on_acting
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import DIALOG, bind, key_of
from gjobs.tui.dashboard.dialogs.form import TextPrompt
from gjobs.tui.dashboard.dialogs.pick import Choice, PickDialog, SearchDialog
from gjobs.tui.dashboard.features.case import show_case_of
from gjobs.tui.dashboard.panels.dashboard_state import ProjectChosen
from gjobs.tui.dashboard.panels.screen import DashboardScreen
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.dashboard.widgets.widgets import SteadyText
from gjobs.tui.session import Session
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import Message
from gjobs.tui.text.format import age, counted_jobs, job_name, jobs_count, user_name
from gjobs.tui.text.write_text import where


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundItem:
    what: GenerationJob | Project | Asset | ActingUser
    is_hidden: bool = False
    """Whether the operator sees it and the actor does not."""


def found_items(seen: IdMatches, everything: IdMatches) -> list[FoundItem]:
    """Return what was found. The actor sees `seen`. The operator sees `everything`, which includes users."""
    visible: list[GenerationJob | Project | Asset] = [*seen.jobs, *seen.projects, *seen.assets]
    known: list[GenerationJob | Project | Asset] = [*everything.jobs, *everything.projects, *everything.assets]
    ids = {what.id for what in visible}
    return [
        *(FoundItem(what=what) for what in visible),
        *(FoundItem(what=what, is_hidden=True) for what in known if what.id not in ids),
        *(FoundItem(what=user) for user in everything.users),
    ]


def item_name(what: GenerationJob | Project | Asset | ActingUser) -> str:
    match what:
        case GenerationJob():
            return f"job {job_name(what)}"
        case Project():
            return f"project “{clean(what.name, limit=40)}”"
        case Asset():
            return f"asset {clean(what.storage_path, limit=60)}"
        case ActingUser():
            return f"user {clean(user_name(what), limit=60)}"


def item_choice(item: FoundItem, actor: str) -> Choice[FoundItem]:
    detail = str(item.what.id)
    name = item_name(item.what)
    hidden = f"hidden from {actor}, " if item.is_hidden else ""
    return Choice(value=item, label=f"{name[:1].upper()}{name[1:]}", detail=f"{hidden}{detail}")


def hidden_words(item: FoundItem, actor: str, *, visibility_key: str, user_key: str) -> str:
    """Return a warning about a hidden entity. The visibility view shows only jobs."""
    how = (
        f"Press {visibility_key} to see why"
        if isinstance(item.what, GenerationJob)
        else f"Press {user_key} to act as the operator"
    )
    name = item_name(item.what)
    return f"The {name} exists, but {actor} does not see it. {how}."


def nothing_words(text: str, actor: str | None) -> str:
    """Return a warning. `actor` is a user's name, or None if the operator searched."""
    nobody = "" if actor is None else f", neither for {actor} nor for the operator"
    return f"No job, project, asset or user has the id {clean(text, limit=40)}{nobody}."


async def show_job(dashboard: DashboardScreen, job: GenerationJob, project: Project | None) -> None:
    """Show the details at once, because the job may not be listed. In the dashboard below the details, list the job's
    project and move the cursor to the job.
    """
    _show(dashboard, job.project_id, project, lambda _: dashboard.jobs.table.move_to(job.id))
    await dashboard.show_details_of(job, is_listed=False)


def _show_users_of(dashboard: DashboardScreen, asset: Asset, project: Project) -> None:
    """List the jobs that use the asset. If there are none, list all jobs of its project."""

    def arrived(listing: Listing) -> None:
        if any(job.input_asset_id == asset.id for job in listing.window.jobs):
            dashboard.jobs.bar.set_text(f"asset:{asset.id}")
        else:
            show_message(dashboard.app, f"No listed job uses the {item_name(asset)}. Showing its project.")

    _show(dashboard, project.id, project, arrived)


def compare_visibility(host: ActionHost, session: Session, store: Store) -> Coroutine[Any, Any, None] | None:
    """Show or leave the visibility view at once. The operator sees everything, so return a question for a user."""
    if not isinstance(store.actor, ActingUser):
        return pick_acting_user(host, session, store, compare_visibility=True)
    toggle_visibility(host.dashboard)
    return None


def toggle_visibility(dashboard: DashboardScreen) -> None:
    """Show or leave the visibility view. If a hidden job was found by its id, show that job in the view."""
    found, dashboard.navigation.found = dashboard.navigation.found, None
    if found is None:
        query = dashboard.listing_query
        dashboard.ask(query.window.listed, compare_visibility=not query.with_visibility)
        return
    job, project = found

    def arrived(_: Listing) -> None:
        if not dashboard.jobs.table.move_to(job.id):
            dashboard.navigation.hidden_detail = job.id
            dashboard.call_later(dashboard.show_details_of, job, is_listed=False)

    _show(dashboard, job.project_id, project, arrived, compare_visibility=True)


def _show(
    dashboard: DashboardScreen,
    project_id: UUID,
    project: Project | None,
    arrived: Callable[[Listing], object] | None = None,
    *,
    compare_visibility: bool | None = None,
) -> None:
    """List all statuses without a filter, so that nothing hides the job. Remember the project if the user sees it."""
    dashboard.jobs.add_project_name(project, with_visibility=bool(compare_visibility))
    dashboard.jobs.leave_find()
    listed = replace(dashboard.listed, project_id=project_id, status=None, job_filter=NO_FILTER)
    dashboard.ask(listed, compare_visibility=compare_visibility)
    dashboard.navigation.on_arrival = arrived
    if compare_visibility is None:
        dashboard.post_message(ProjectChosen())


@dataclass(frozen=True, slots=True)
class TypedId:
    """A typed text that may be an id."""

    text: str


def id_choices(needle: str) -> Sequence[Choice[TypedId]]:
    """If the typed text may be an id, return a choice that finds it."""
    if id_range(needle) is None:
        return ()
    label = f"Find the id {clean(needle, limit=36)}"
    return (Choice(value=TypedId(needle), label=label, detail="a job, project, asset or user"),)


async def open_by_id(host: ActionHost, store: Store, operator: Store, text: str) -> None:
    """Show the entity with the id, after a choice if there are several. Report hidden entities."""
    is_operator = isinstance(store.actor, Operator)
    if (moment := host.dashboard.listing_query.moment) is not None:
        operator = past_store(operator, moment)
    everything = await operator.find_by_id(text)
    seen = everything if is_operator else IdMatches()
    if not is_operator:
        with suppress(NoPrivilege):
            seen = await store.find_by_id(text)
    found = found_items(seen, everything)
    if not found:
        show_warning(host, nothing_words(text, None if is_operator else actor_name(store.actor)))
        return
    item = found[0]
    if len(found) > 1:
        title = "Which one? Type more of the id to narrow the list" if everything.is_more else "Which one?"
        dialog = PickDialog(title=title, choices=[item_choice(one, actor_name(store.actor)) for one in found])
        dialog.help_topic = "visibility"
        picked = await host.push_screen_wait(dialog)
        if picked is None:
            return
        item = picked.value
    await _open(host, store, operator, item)


async def _open(host: ActionHost, store: Store, operator: Store, item: FoundItem) -> None:
    sees = operator if item.is_hidden else store
    what = item.what
    project = await sees.get_project(what.project_id) if isinstance(what, (GenerationJob, Asset)) else None
    if host.poller.store is not store:
        return  # The actor has changed since.
    if item.is_hidden:
        if isinstance(what, GenerationJob):
            host.dashboard.navigation.found = what, project
        visibility_key, user_key = (key_of(host, binding) for binding in ("app.lens", "app.user"))
        text = hidden_words(item, actor_name(store.actor), visibility_key=visibility_key, user_key=user_key)
        show_warning(host, text)
        return
    match item.what:
        case GenerationJob() as job:
            await show_job(host.dashboard, job, project)
        case Project() as itself:
            _show(host.dashboard, itself.id, itself)
        case Asset() as asset if project is not None:
            _show_users_of(host.dashboard, asset, project)
        case Asset() as asset:
            text = f"The {item_name(asset)} is in a project that {actor_name(store.actor)} does not see."
            show_warning(host, text)
        case ActingUser() as user:
            host.dashboard.jobs.leave_find()
            host.act_as(operator.acting_as(user))
        case _:
            assert_never(item.what)


PLACEHOLDER = "Type part of the e-mail, or the beginning of an id"


def user_choice(user: FoundUser, now: datetime, present: Actor = OPERATOR) -> Choice[ActingUser]:
    """Return a choice of the user. The present actor stays as it is."""
    last = f", last {age(user.last_job_at, now)}" if user.last_job_at else ""
    is_present = isinstance(present, ActingUser) and present.id == user.id
    value = present if isinstance(present, ActingUser) and is_present else ActingUser(id=user.id, email=user.email)
    return Choice(value=value, label=user_name(user), detail=counted_jobs(user.job_count) + last)


def actor_choices(users: Sequence[FoundUser], present: Actor, needle: str, now: datetime) -> list[Choice[Actor]]:
    """Return the operator, then a visitor and the present user, then the users found.

    A visitor comes before matching users only if exactly `anon` was typed.
    """
    choices: dict[Actor, Choice[Actor]] = {
        choice.value: choice for choice in (user_choice(user, now, present) for user in users)
    }
    itself = Choice(value=OPERATOR, label=actor_name(OPERATOR), detail="the role in the database URL")
    first: list[Choice[Actor]] = [itself] if needle.casefold() in itself.label else []
    visitor = Choice(value=ANON, label=actor_name(ANON), detail="a visitor who has not signed in")
    if needle in ("", visitor.label):
        first.append(visitor)
    if not needle and isinstance(present, ActingUser):
        first.append(choices.pop(present, Choice(value=present, label=actor_name(present), detail="")))
    last = [visitor] if visitor not in first and needle.casefold() in visitor.label else []
    return [*first, *choices.values(), *last]


_LEVELS = {1: "one factor (aal1)", 2: "two factors (aal2)"}


@dataclass(frozen=True, slots=True)
class CaseOf:
    """The answer if the person wants the user's case instead of acting as that user."""

    user: ActingUser


class ActingDialog(SearchDialog[Actor | TypedId | CaseOf]):
    """Ask which user to act as, and the assurance level of their sign-in. It also leads to a user's case."""

    HINTS = ("acting.level", "acting.case", "dialog.leave")
    HINT_WORDS: ClassVar[Mapping[str, str]] = {"acting.level": "switch sign-in", "acting.case": "create a case"}
    BINDINGS: ClassVar[list[BindingType]] = [
        bind(
            "acting.level", "ctrl+l", "Level", "Switch the sign-in between one and two factors", action="change_level"
        ),
        bind("acting.case", "ctrl+t", "Case", "Create a case of this user, for a ticket", DIALOG, "case"),
    ]
    help_topic = "acting-as"

    aal = 1

    def further_parts(self) -> ComposeResult:
        yield SteadyText(id="level", classes="label")

    def on_mount(self) -> None:
        self._show_level()

    def action_change_level(self) -> None:
        self.aal = 3 - self.aal
        self._show_level()

    def action_case(self) -> None:
        """Answer with the user under the cursor, but only once the list belongs to the current text."""
        choice = self.highlighted
        if not self.is_answered:
            problem = "Still searching. Press the key again once the users are listed."
        elif choice is None or not isinstance(choice.value, ActingUser):
            problem = "No user under the cursor. Move to a user first."
        else:
            self.dismiss(replace(choice, value=CaseOf(choice.value)))
            return
        show_warning(self.app, problem)

    def _show_level(self) -> None:
        words = f"The sign-in of the user: {_LEVELS[self.aal]}"
        self.set_part("level", Content(words))


async def pick_acting_user(
    host: ActionHost, session: Session, store: Store, *, compare_visibility: bool = False
) -> None:
    """Pick the operator or a user that the operator sees. For visibility, offer only users.

    If an id is given, open its job, project or asset instead.
    """
    operator, present = session.operator, store.actor

    async def search(needle: str) -> Sequence[Choice[Actor]]:
        users = await operator.find_users(needle)
        if compare_visibility:
            return [user_choice(user, host.dashboard.now, present) for user in users]
        return actor_choices(users, present, needle, host.dashboard.now)

    dialog = ActingDialog(
        title="Visibility: which user?" if compare_visibility else "Act as which user?",
        search=search,
        placeholder=PLACEHOLDER,
        chosen=present,
        beside=id_choices,
        remark=remark_on_acting(session.capabilities),
    )
    if isinstance(present, ActingUser):
        dialog.aal = present.aal
    if compare_visibility:
        dialog.help_topic = "visibility"
    picked = await host.push_screen_wait(dialog)
    match picked.value if picked else None:
        case None:
            return
        case TypedId(text):
            await open_by_id(host, store, operator, text)
            return
        case CaseOf(user):
            await show_case_of(host, user)
            return
        case ActingUser() as user:
            actor: Actor = replace(user, aal=dialog.aal)
        case (Anon() | Operator()) as actor:
            pass
    if actor != present:
        host.act_as(operator.acting_as(actor), compare_visibility=compare_visibility)


async def pick_user(host: ActionHost, operator: Store, title: str) -> UUID | None:
    """Return None if nobody was picked."""

    async def search(needle: str) -> Sequence[Choice[ActingUser]]:
        return [user_choice(user, host.dashboard.now) for user in await operator.find_users(needle)]

    picked = await host.push_screen_wait(SearchDialog(title=title, search=search, placeholder=PLACEHOLDER))
    return picked.value.id if picked else None


async def report_if_deleted(host: ActionHost, store: Store, user: ActingUser) -> None:
    """Report that `user` was deleted. Call it when `store` returns no rows for `user`."""
    session = host.poller.session
    if session is None:
        return
    operator = session.operator
    with suppress(StoreError):
        capabilities = await operator.capability_cache.get()
        if capabilities.missing(Capability.USERS, OPERATOR) is not None or capabilities.facts.may_hide(USERS):
            return  # Deletion can't be detected if users are unreadable or partly hidden.
        try:
            await operator.find_actor(str(user.id))
        except RowMissing:
            if store is not host.poller.store:
                return  # The actor has changed since.
            key = key_of(host, "app.user")
            text = f"{actor_name(user)} sees nothing, because the user was deleted. Press {key} to act as another user."
            show_warning(host, text)


async def pick_project(host: ActionHost, context: ActionContext) -> None:
    everything = Choice(value=None, label="All projects", detail="")
    totals = host.dashboard.project_totals
    dialog = PickDialog[UUID | TypedId | None](
        title="Show which project?",
        choices=[everything, *(_project_choice(project, totals) for project in context.projects)],
        chosen=host.dashboard.listed.project_id,
        placeholder="Type part of the name, or paste an id",
        beside=id_choices,
    )
    picked = await host.push_screen_wait(dialog)
    if picked is None:
        return
    if isinstance(picked.value, TypedId):
        await open_by_id(host, context.store, context.operator, picked.value.text)
    else:
        host.dashboard.choose_project(picked.value)


def _project_choice(project: ProjectName, totals: Mapping[UUID, ProjectTotals]) -> Choice[UUID]:
    """Return the choice. Projects without jobs are missing among known totals."""
    of_project = totals.get(project.id)
    without = jobs_count(0) if totals else ""
    return Choice(
        value=project.id,
        label=project.name,
        detail=f"{jobs_count(of_project.job_count)}, {money(of_project.total_cost_cents)}" if of_project else without,
        identifier=project.id,
    )


async def create_project(host: ActionHost, context: ActionContext) -> None:
    """Create a project and show it. A user owns their project. The operator picks the owner."""
    if context.store.actor == ANON:
        key = key_of(host, "app.user")
        show_warning(host, f"A project needs an owner. Press {key} to act as a user.")
        return
    owner_id: UUID | None = None
    if isinstance(context.store.actor, Operator):
        owner_id = await pick_user(host, context.operator, "Whose project?")
        if owner_id is None:
            return

    async def submit(name: str) -> Project:
        creating = context.resolve(context.store.create_project(name, owner_id=owner_id))
        return await host.tasks.run_form(creating, _created)

    prompt = TextPrompt(
        title="New project",
        lines=(where(context.database),),
        label="Name",
        agree="Create",
        placeholder="For example: Autumn catalog",
        submit=submit,
    )
    project = await host.push_screen_wait(prompt)
    if project is not None:
        show_message(host, _created(project))
        host.dashboard.jobs.add_created_project(project)
        host.dashboard.choose_project(project.id)


def _created(project: Project) -> Message:
    return Message(text=f"Created the project {clean(project.name, limit=60)}.")
