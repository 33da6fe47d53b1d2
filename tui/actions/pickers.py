"""Picking what to look at: a project, or whose eyes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from store.actor import ActingUser
from store.listing.model import ProjectName
from store.model import FoundUser
from store.numbers.model import ProjectSums
from tui.actions.id_search import id_choices, id_of, lead_to
from tui.actions.user_choices import PLACEHOLDER, actor_of, eyes_choices, user_choice, user_key
from tui.say import say
from tui.screens.pick import Choice, PickDialog
from tui.screens.search import SearchDialog
from tui.words.format import money
from tui.words.job_names import jobs_count
from tui.words.offered import remark_on_users
from tui.words.toast import Toast

if TYPE_CHECKING:
    from store.store import Store
    from tui.app import GjobsApp

_ALL = "all"


async def pick_project(app: "GjobsApp", projects: Sequence[ProjectName]) -> None:
    chosen = app.dashboard.listed.project_id
    everything = Choice(key=_ALL, label="All projects", detail="")
    sums = app.dashboard.sums
    choices = [everything, *(_project_choice(project, sums.get(project.id)) for project in projects)]
    dialog = PickDialog(
        title="Show which project?",
        choices=choices,
        chosen=str(chosen or _ALL),
        placeholder="Type some letters of the name, or paste an id",
        beside=id_choices,
    )
    picked = await app.push_screen_wait(dialog)
    if picked is None:
        return
    if (text := id_of(picked)) is not None:
        await lead_to(app, text)
    else:
        app.dashboard.choose_project(None if picked == _ALL else UUID(picked))


async def pick_eyes(app: "GjobsApp", *, through_lens: bool = False) -> None:
    """A user's as the operator finds them, or the operator's; through the lens only a user's are of use.

    Where an id was given instead, it leads to its thing.
    """
    session = app.connection.session
    if session is None:
        say(app, Toast(text="Not possible yet: there is no database.", severity="warning"))
        return
    operator = session.operator
    present = (app.connection.store or session.store).actor
    found: dict[UUID, FoundUser] = {}

    async def search(needle: str) -> Sequence[Choice]:
        users = await operator.find_users(needle)
        found.update((user.id, user) for user in users)
        if through_lens:
            return [user_choice(user, app.dashboard.now) for user in users]
        return eyes_choices(users, present, needle, app.dashboard.now)

    dialog = SearchDialog(
        title="Lens: which user?" if through_lens else "Look with whose eyes?",
        search=search,
        placeholder=PLACEHOLDER,
        chosen=user_key(present),
        beside=id_choices,
        remark=remark_on_users(session.capabilities),
    )
    picked = await app.push_screen_wait(dialog)
    if picked is None:
        return
    if (text := id_of(picked)) is not None:
        await lead_to(app, text)
        return
    actor = actor_of(picked, list(found.values()), present)
    if actor != present:
        app.look_with(operator.acting_as(actor), through_lens=through_lens)


def look_through_lens(app: "GjobsApp") -> None:
    """Or without it again. The operator is asked at whose eyes first."""
    store = app.connection.store
    if store is not None and isinstance(store.actor, ActingUser):
        app.dashboard.leads.look_through_lens()
    else:
        app.errands.ask(pick_eyes(app, through_lens=True))


async def pick_owner(app: "GjobsApp", operator: "Store") -> UUID | None:
    """For whom the operator creates a project; None where nobody was picked."""
    return await pick_user(app, operator, "Whose project?")


async def pick_user(app: "GjobsApp", operator: "Store", title: str) -> UUID | None:
    """None where nobody was picked."""

    async def search(needle: str) -> Sequence[Choice]:
        return [user_choice(user, app.dashboard.now) for user in await operator.find_users(needle)]

    picked = await app.push_screen_wait(SearchDialog(title=title, search=search, placeholder=PLACEHOLDER))
    return UUID(picked) if picked else None


def _project_choice(project: ProjectName, sums: ProjectSums | None) -> Choice:
    return Choice(
        key=str(project.id),
        label=project.name,
        detail=f"{jobs_count(sums.job_count)}, {money(sums.total_cost_cents)}" if sums else "",
        identifier=project.id,
    )
