"""The isolation check of one session, for its dialog."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import UUID

from store.capabilities import Feature
from store.isolation.model import Plan, Probe
from store.isolation.words import why_no_writes
from tui.actions.operator_only import is_operator
from tui.actions.pickers import pick_user
from tui.say import say
from tui.screens.isolation import IsolationDialog
from tui.words.toast import Toast

if TYPE_CHECKING:
    from tui.app import GjobsApp
    from tui.session import Session


async def show_isolation(app: "GjobsApp") -> None:
    """Only for the operator, who alone sees what there is to try."""
    session, store = app.connection.session, app.connection.store
    if session is None or store is None:
        say(app, Toast(text="Not possible yet: there is no database.", severity="warning"))
    elif not is_operator(app, store.actor, "sees what there is to try"):
        return
    elif session.capabilities and (off := session.capabilities.off(Feature.ACTING)):
        say(app, Toast(text=f"Nobody can try as a user here. {off.words}", severity="warning"))
    else:
        await app.push_screen_wait(IsolationDialog(SessionCheck(app, session)))


class SessionCheck:
    def __init__(self, app: "GjobsApp", session: "Session") -> None:
        self._app = app
        self._session = session

    @property
    def database(self) -> str:
        return self._session.full_name

    @property
    def why_no_writes(self) -> str | None:
        return why_no_writes(self._session.access)

    async def pick_user(self, title: str) -> UUID | None:
        return await pick_user(self._app, self._session.operator, title)

    async def prepare(self, owner_id: UUID | None, other_id: UUID | None) -> Plan:
        from store.isolation import check

        return await check.prepare(self._session.operator.database, owner_id=owner_id, other_id=other_id)

    def attempt(self, plan: Plan, *, tries_writes: bool) -> AsyncIterator[Probe]:
        from store.isolation import check

        return check.attempt(self._session.operator.database, plan, tries_writes=tries_writes)

    async def find_remedy(self, probe: Probe) -> str | None:
        from store.isolation.remedies import find_remedies

        return (await find_remedies(self._session.operator.database)).get((probe.thing, probe.verb))
