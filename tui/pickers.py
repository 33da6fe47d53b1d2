"""Picking what to look at: a project, or whose eyes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from store.actor import OPERATOR, ActingUser
from store.errors import StoreError
from store.model import Project, User
from tui.format import age, money, short_id
from tui.outcomes import error_toast, jobs_count
from tui.say import say
from tui.screens.pick import Choice, PickDialog

if TYPE_CHECKING:
    from store.store import Store
    from tui.app import GjobsApp

_ALL = "all"
_OPERATOR = "operator"


async def pick_project(app: "GjobsApp", projects: Sequence[Project]) -> None:
    chosen = app.dashboard.looked_for.project_id
    everything = Choice(key=_ALL, label="All projects", detail="")
    choices = [everything, *(_project_choice(project) for project in projects)]
    dialog = PickDialog(title="Show which project?", choices=choices, chosen=str(chosen or _ALL))
    picked = await app.push_screen_wait(dialog)
    if picked is not None:
        app.dashboard.choose_project(None if picked == _ALL else UUID(picked))


async def pick_eyes(app: "GjobsApp", operator: "Store") -> None:
    """The users as the operator sees them; the operator is the role as connected."""
    users = await _users(app, operator)
    if users is None:
        return
    now = app.dashboard.now
    itself = Choice(key=_OPERATOR, label="the operator", detail="the role as connected")
    choices = [
        itself,
        *(_user_choice(user, f"last {age(user.last_job_at, now)}" if user.last_job_at else "") for user in users),
    ]
    store = app.connection.store
    chosen = str(store.actor.id) if store and isinstance(store.actor, ActingUser) else _OPERATOR
    picked = await app.push_screen_wait(PickDialog(title="Look with whose eyes?", choices=choices, chosen=chosen))
    if picked is None or picked == chosen:
        return
    emails = {str(user.id): user.email for user in users}
    actor = OPERATOR if picked == _OPERATOR else ActingUser(id=UUID(picked), email=emails[picked])
    app.look_with(operator.acting_as(actor))


async def pick_owner(app: "GjobsApp", operator: "Store") -> UUID | None:
    """For whom the operator creates a project; None where nobody was picked."""
    return await pick_user(app, operator, "Whose project?")


async def pick_user(app: "GjobsApp", operator: "Store", title: str) -> UUID | None:
    """None where nobody was picked."""
    users = await _users(app, operator)
    if users is None:
        return None
    choices = [_user_choice(user, "") for user in users]
    picked = await app.push_screen_wait(PickDialog(title=title, choices=choices))
    return UUID(picked) if picked else None


async def _users(app: "GjobsApp", operator: "Store") -> Sequence[User] | None:
    try:
        return await operator.get_users()
    except StoreError as error:
        say(app, error_toast(error))
        return None


def _project_choice(project: Project) -> Choice:
    return Choice(
        key=str(project.id),
        label=project.name,
        detail=f"{jobs_count(project.job_count)}, {money(project.total_cost_cents)}",
        keywords=str(project.id),
    )


def _user_choice(user: User, last: str) -> Choice:
    return Choice(
        key=str(user.id),
        label=user.email or f"no e-mail, {short_id(user.id)}",
        detail=jobs_count(user.job_count) + (f", {last}" if last else ""),
        keywords=str(user.id),
    )
