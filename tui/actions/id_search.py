"""From an id, or its beginning, to the thing: typed or pasted wherever something is looked for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, assert_never

from store.actor import ActingUser, Operator
from store.errors import NoPrivilege, StoreError
from store.finding.id_prefix import id_range
from store.model import Asset, GenerationJob, Located, Project
from tui.actions.things import (
    Thing,
    UnseenJob,
    hidden_project_toast,
    hidden_toast,
    nothing_toast,
    thing_choice,
    things,
    unused_asset_toast,
)
from tui.keys.app_bindings import APP_BINDINGS
from tui.keys.moved_keys import key_of
from tui.say import say
from tui.screens.pick import Choice, PickDialog
from tui.words.eyes import eyes_name
from tui.words.text import clean
from tui.words.toast import Toast, error_toast

if TYPE_CHECKING:
    from store.store import Store
    from tui.app import GjobsApp

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


async def lead_to(app: "GjobsApp", text: str) -> None:
    """Shows what has the id. Several are listed first; what the present eyes do not see is told, and not shown."""
    session, store = app.connection.session, app.connection.store
    if session is None or store is None:
        say(app, Toast(text="Not possible yet: there is no database.", severity="warning"))
        return
    is_operator = isinstance(store.actor, Operator)
    try:
        everything = await session.operator.locate(text)
        seen = everything if is_operator else await _seen(store, text)
        found = things(seen, everything)
        if not found:
            say(app, nothing_toast(text, None if is_operator else eyes_name(store.actor)))
            return
        thing = found[0] if len(found) == 1 else await _pick(app, found, everything, eyes_name(store.actor))
        if thing is not None:
            await _show(app, store, session.operator, thing)
    except StoreError as error:
        say(app, error_toast(error))


async def _seen(store: "Store", text: str) -> Located:
    try:
        return await store.locate(text)
    except NoPrivilege:
        return Located()


async def _pick(app: "GjobsApp", found: Sequence[Thing], everything: Located, eyes: str) -> Thing | None:
    title = "Which one? There are more: type more of the id" if everything.is_more else "Which one?"
    picked = await app.push_screen_wait(PickDialog(title=title, choices=[thing_choice(thing, eyes) for thing in found]))
    return next((thing for thing in found if thing.key == picked), None)


async def _show(app: "GjobsApp", store: "Store", operator: "Store", thing: Thing) -> None:
    sees = operator if thing.is_hidden else store
    project = await _project_of(sees, thing.what)
    if app.connection.store is not store:
        return  # Somebody else looks by now.
    if thing.is_hidden:
        _tell_hidden(app, eyes_name(store.actor), thing, project)
        return
    match thing.what:
        case GenerationJob() as job:
            await app.dashboard.leads.show_job(job, project)
        case Project() as itself:
            app.dashboard.leads.show_project(itself)
        case Asset() as asset if project is not None:
            unused = unused_asset_toast(asset)
            app.dashboard.leads.show_project(project, using=asset.id, otherwise=lambda: say(app, unused))
        case Asset() as asset:
            say(app, hidden_project_toast(asset, eyes_name(store.actor)))
        case ActingUser() as user:
            app.dashboard.jobs.leave_find()
            app.look_with(operator.acting_as(user))
        case _:
            assert_never(thing.what)


async def _project_of(store: "Store", what: GenerationJob | Project | Asset | ActingUser) -> Project | None:
    return await store.get_project(what.project_id) if isinstance(what, (GenerationJob, Asset)) else None


def _tell_hidden(app: "GjobsApp", eyes: str, thing: Thing, project: Project | None) -> None:
    if isinstance(thing.what, GenerationJob):
        app.dashboard.leads.point_lens_at(UnseenJob(job=thing.what, project=project))
    lens_key, eyes_key = (key_of(app, APP_BINDINGS, binding) for binding in ("app.lens", "app.user"))
    say(app, hidden_toast(thing, eyes, lens_key=lens_key, eyes_key=eyes_key))
