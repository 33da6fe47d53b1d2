"""Find an entity by its id and show it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, assert_never
from uuid import UUID

from gjobs.store.errors import NoPrivilege, StoreError
from gjobs.store.filters.job_filter import NO_FILTER
from gjobs.store.formats import id_range
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.moments.past_store import past_store
from gjobs.store.projects.project import Asset, Project
from gjobs.store.search import IdMatches
from gjobs.store.users.actor import ActingUser, Operator, actor_name
from gjobs.tui.dashboard.dialogs.pick import Choice, PickDialog
from gjobs.tui.dashboard.keys.bindings import APP_BINDINGS, key_of
from gjobs.tui.dashboard.message_board import show_message, show_warning
from gjobs.tui.dashboard.messages import ProjectChosen
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import error_message
from gjobs.tui.text.format import job_name, user_name

if TYPE_CHECKING:
    from gjobs.store.job_list.listing import Listing
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.action_host import ActionHost, DashboardView


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundItem:
    what: GenerationJob | Project | Asset | ActingUser
    is_hidden: bool = False
    """Whether the operator sees it and the actor does not."""

    @property
    def key(self) -> str:
        return f"{type(self.what).__name__} {self.what.id}"


def found_items(seen: IdMatches, everything: IdMatches) -> list[FoundItem]:
    """Return what was found. The actor sees `seen`. The operator sees `everything`, which includes users."""
    visible = list(_parts(seen))
    ids = {what.id for what in visible}
    return [
        *(FoundItem(what=what) for what in visible),
        *(FoundItem(what=what, is_hidden=True) for what in _parts(everything) if what.id not in ids),
        *(FoundItem(what=user) for user in everything.users),
    ]


def _parts(located: IdMatches) -> Iterator[GenerationJob | Project | Asset]:
    yield from located.jobs
    yield from located.projects
    yield from located.assets


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


def item_choice(item: FoundItem, actor: str) -> Choice:
    detail = str(item.what.id)
    name = item_name(item.what)
    hidden = f"hidden from {actor}, " if item.is_hidden else ""
    return Choice(key=item.key, label=f"{name[:1].upper()}{name[1:]}", detail=f"{hidden}{detail}")


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


def unused_asset_words(asset: Asset) -> str:
    return f"No listed job uses the asset {clean(asset.storage_path, limit=60)}. Showing its project."


def hidden_project_words(asset: Asset, actor: str) -> str:
    return f"The {item_name(asset)} is in a project that {actor} does not see."


async def show_job(dashboard: "DashboardView", job: GenerationJob, project: Project | None) -> None:
    """Show the details at once, because the job may not be listed. In the dashboard below the details, list the job's
    project and move the cursor to the job.
    """
    _show(dashboard, job.project_id, project, lambda _: dashboard.jobs.table.move_to(job.id))
    await dashboard.show_details_of(job, is_listed=False)


def show_project(
    dashboard: "DashboardView",
    project: Project,
    *,
    using: UUID | None = None,
    otherwise: Callable[[], object] = lambda: None,
) -> None:
    """List the jobs that use the asset. If there are none, list all jobs and call `otherwise`."""

    def arrived(listing: "Listing") -> None:
        if using is None:
            return
        if any(job.input_asset_id == using for job in listing.window.jobs):
            dashboard.jobs.find(f"asset:{using}")
        else:
            otherwise()

    _show(dashboard, project.id, project, arrived)


def toggle_visibility(dashboard: "DashboardView") -> None:
    """Show or leave the visibility view. If a hidden job was found by its id, show that job in the view."""
    found = dashboard.navigation.take_found()
    if found is None:
        query = dashboard.listing_query
        dashboard.ask(query.window.listed, compare_visibility=not query.with_visibility)
        return
    job, project = found

    def arrived(_: "Listing") -> None:
        if not dashboard.jobs.table.move_to(job.id):
            dashboard.navigation.hidden_detail = job.id
            dashboard.screen.call_later(dashboard.show_details_of, job, is_listed=False)

    _ask(dashboard, job.project_id, project, arrived, compare_visibility=True)


def _show(
    dashboard: "DashboardView", project_id: UUID, project: Project | None, arrived: "Callable[[Listing], object]"
) -> None:
    _ask(dashboard, project_id, project, arrived)
    dashboard.screen.post_message(ProjectChosen())


def _ask(
    dashboard: "DashboardView",
    project_id: UUID,
    project: Project | None,
    arrived: "Callable[[Listing], object]",
    *,
    compare_visibility: bool | None = None,
) -> None:
    """List all statuses without a filter, so that nothing hides the job."""
    dashboard.jobs.add_project_name(project, with_visibility=bool(compare_visibility))
    dashboard.jobs.leave_find()
    listed = replace(dashboard.listed, project_id=project_id, status=None, job_filter=NO_FILTER)
    dashboard.ask(listed, compare_visibility=compare_visibility)
    dashboard.navigation.expect(arrived)


_ID = "id "


def id_choices(needle: str) -> Sequence[Choice]:
    """If the typed text may be an id, return a choice that finds it."""
    if id_range(needle) is None:
        return ()
    return (
        Choice(
            key=_ID + needle, label=f"Find the id {clean(needle, limit=36)}", detail="a job, project, asset or user"
        ),
    )


def id_of(key: str) -> str | None:
    """Return the typed id if that choice was taken."""
    return key.removeprefix(_ID) if key.startswith(_ID) else None


async def open_by_id(host: "ActionHost", text: str) -> None:
    """Show the entity with the id, after a choice if there are several. Report hidden entities."""
    session, store = host.poller.session, host.poller.store
    if session is None or store is None:
        show_warning(host.app, "Not connected to a database yet.")
        return
    is_operator = isinstance(store.actor, Operator)
    try:
        moment = host.dashboard.listing_query.moment
        operator = session.operator if moment is None else past_store(session.operator, moment)
        everything = await operator.find_by_id(text)
        seen = everything if is_operator else await _find_as_actor(store, text)
        found = found_items(seen, everything)
        if not found:
            show_warning(host.app, nothing_words(text, None if is_operator else actor_name(store.actor)))
            return
        item = found[0] if len(found) == 1 else await _pick(host, found, everything, actor_name(store.actor))
        if item is not None:
            await _open(host, store, operator, item)
    except StoreError as error:
        show_message(host.app, error_message(error))


async def _find_as_actor(store: "Store", text: str) -> IdMatches:
    try:
        return await store.find_by_id(text)
    except NoPrivilege:
        return IdMatches()


async def _pick(host: "ActionHost", found: Sequence[FoundItem], everything: IdMatches, actor: str) -> FoundItem | None:
    title = "Which one? Type more of the id to narrow the list" if everything.is_more else "Which one?"
    dialog = PickDialog(title=title, choices=[item_choice(item, actor) for item in found])
    dialog.help_topic = "visibility"
    picked = await host.app.push_screen_wait(dialog)
    return next((item for item in found if item.key == picked), None)


async def _open(host: "ActionHost", store: "Store", operator: "Store", item: FoundItem) -> None:
    sees = operator if item.is_hidden else store
    project = await _project_of(sees, item.what)
    if host.poller.store is not store:
        return  # The actor has changed since.
    if item.is_hidden:
        _show_hidden(host, actor_name(store.actor), item, project)
        return
    match item.what:
        case GenerationJob() as job:
            await show_job(host.dashboard, job, project)
        case Project() as itself:
            show_project(host.dashboard, itself)
        case Asset() as asset if project is not None:
            unused = partial(show_message, host.app, unused_asset_words(asset))
            show_project(host.dashboard, project, using=asset.id, otherwise=unused)
        case Asset() as asset:
            show_warning(host.app, hidden_project_words(asset, actor_name(store.actor)))
        case ActingUser() as user:
            host.dashboard.jobs.leave_find()
            host.act_as(operator.acting_as(user))
        case _:
            assert_never(item.what)


async def _project_of(store: "Store", what: GenerationJob | Project | Asset | ActingUser) -> Project | None:
    return await store.get_project(what.project_id) if isinstance(what, (GenerationJob, Asset)) else None


def _show_hidden(host: "ActionHost", actor: str, item: FoundItem, project: Project | None) -> None:
    if isinstance(item.what, GenerationJob):
        host.dashboard.navigation.point_at(item.what, project)
    visibility_key, user_key = (key_of(host.app, APP_BINDINGS, binding) for binding in ("app.lens", "app.user"))
    show_warning(host.app, hidden_words(item, actor, visibility_key=visibility_key, user_key=user_key))
