"""From an id to the thing it names, on screen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from store.errors import NoPrivilege, StoreError
from store.formats import id_range
from store.jobs.job import GenerationJob
from store.projects.project import Asset, Project
from store.search import IdMatches
from store.users.actor import ActingUser, Operator, actor_name
from tui.dashboard.dialogs.pick import Choice, PickDialog
from tui.dashboard.keys.bindings import APP_BINDINGS, key_of
from tui.dashboard.widgets import show_toast
from tui.text.clean_text import clean
from tui.text.error_text import Toast, error_toast
from tui.text.format import job_name, user_name

if TYPE_CHECKING:
    from store.store import Store
    from tui.dashboard.app import GjobsApp


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundItem:
    what: GenerationJob | Project | Asset | ActingUser
    is_hidden: bool = False
    """Whether the operator sees it, and the present eyes do not."""

    @property
    def key(self) -> str:
        return f"{type(self.what).__name__} {self.what.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenJob:
    """What an id led to and the present eyes do not see."""

    job: GenerationJob
    project: Project | None
    """As the operator sees it."""


def found_items(seen: IdMatches, everything: IdMatches) -> list[FoundItem]:
    """`seen` by the present eyes, `everything` by the operator's. Which users there are is the operator's to know."""
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


def item_choice(item: FoundItem, actor_label: str) -> Choice:
    detail = str(item.what.id)
    name = item_name(item.what)
    hidden = f"hidden from {actor_label}, " if item.is_hidden else ""
    return Choice(key=item.key, label=f"{name[:1].upper()}{name[1:]}", detail=f"{hidden}{detail}")


def hidden_toast(item: FoundItem, actor_label: str, *, visibility_key: str, actor_key: str) -> Toast:
    """Through the lens one sees jobs alone."""
    how = (
        f"press {visibility_key} for why"
        if isinstance(item.what, GenerationJob)
        else f"press {actor_key} for the operator"
    )
    name = item_name(item.what)
    return Toast(text=f"The {name} exists, but {actor_label} does not see it: {how}.", severity="warning")


def nothing_toast(text: str, actor_label: str | None) -> Toast:
    """`eyes` are a user's; None where the operator looked."""
    nobody = "" if actor_label is None else f", neither for {actor_label} nor for the operator"
    return Toast(text=f"No job, project, asset or user has the id {clean(text, limit=40)}{nobody}.", severity="warning")


def unused_asset_toast(asset: Asset) -> Toast:
    return Toast(text=f"No job listed uses the asset {clean(asset.storage_path, limit=60)}. Its project is shown.")


def hidden_project_toast(asset: Asset, actor_label: str) -> Toast:
    return Toast(text=f"The {item_name(asset)} is in a project that {actor_label} does not see.", severity="warning")


_ID = "id "


def id_choices(needle: str) -> Sequence[Choice]:
    """What a picker offers beside what it finds: to look up what was typed, where it may be an id."""
    if id_range(needle) is None:
        return ()
    return (
        Choice(
            key=_ID + needle, label=f"Look up the id {clean(needle, limit=36)}", detail="a job, project, asset or user"
        ),
    )


def id_of(key: str) -> str | None:
    """The id that was typed, where that choice was taken."""
    return key.removeprefix(_ID) if key.startswith(_ID) else None


async def open_by_id(app: "GjobsApp", text: str) -> None:
    """Shows what has the id. Several are listed first; what the present eyes do not see is told, and not shown."""
    session, store = app.connection.session, app.connection.store
    if session is None or store is None:
        show_toast(app, Toast(text="Not possible yet: there is no database.", severity="warning"))
        return
    is_operator = isinstance(store.actor, Operator)
    try:
        everything = await session.operator.find_by_id(text)
        seen = everything if is_operator else await _find_as_actor(store, text)
        found = found_items(seen, everything)
        if not found:
            show_toast(app, nothing_toast(text, None if is_operator else actor_name(store.actor)))
            return
        item = found[0] if len(found) == 1 else await _pick(app, found, everything, actor_name(store.actor))
        if item is not None:
            await _show(app, store, session.operator, item)
    except StoreError as error:
        show_toast(app, error_toast(error))


async def _find_as_actor(store: "Store", text: str) -> IdMatches:
    try:
        return await store.find_by_id(text)
    except NoPrivilege:
        return IdMatches()


async def _pick(
    app: "GjobsApp", found: Sequence[FoundItem], everything: IdMatches, actor_label: str
) -> FoundItem | None:
    title = "Which one? There are more: type more of the id" if everything.is_more else "Which one?"
    picked = await app.push_screen_wait(
        PickDialog(title=title, choices=[item_choice(item, actor_label) for item in found])
    )
    return next((item for item in found if item.key == picked), None)


async def _show(app: "GjobsApp", store: "Store", operator: "Store", item: FoundItem) -> None:
    sees = operator if item.is_hidden else store
    project = await _project_of(sees, item.what)
    if app.connection.store is not store:
        return  # Somebody else looks by now.
    if item.is_hidden:
        _show_hidden_toast(app, actor_name(store.actor), item, project)
        return
    match item.what:
        case GenerationJob() as job:
            await app.dashboard.pending_navigation.show_job(job, project)
        case Project() as itself:
            app.dashboard.pending_navigation.show_project(itself)
        case Asset() as asset if project is not None:
            unused = unused_asset_toast(asset)
            app.dashboard.pending_navigation.show_project(
                project, using=asset.id, otherwise=lambda: show_toast(app, unused)
            )
        case Asset() as asset:
            show_toast(app, hidden_project_toast(asset, actor_name(store.actor)))
        case ActingUser() as user:
            app.dashboard.jobs.leave_find()
            app.act_as(operator.acting_as(user))
        case _:
            assert_never(item.what)


async def _project_of(store: "Store", what: GenerationJob | Project | Asset | ActingUser) -> Project | None:
    return await store.get_project(what.project_id) if isinstance(what, (GenerationJob, Asset)) else None


def _show_hidden_toast(app: "GjobsApp", actor_label: str, item: FoundItem, project: Project | None) -> None:
    if isinstance(item.what, GenerationJob):
        app.dashboard.pending_navigation.remember_hidden_job(HiddenJob(job=item.what, project=project))
    visibility_key, actor_key = (key_of(app, APP_BINDINGS, binding) for binding in ("app.lens", "app.user"))
    show_toast(app, hidden_toast(item, actor_label, visibility_key=visibility_key, actor_key=actor_key))
