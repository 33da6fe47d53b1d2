"""How the dashboard stands to its database, for the line above all."""

from typing import TYPE_CHECKING

from store.errors import NoPrivilege, SchemaMissing, SignInRefused, StoreError, TimedOut, Unreachable
from store.writing.write_access import WriteLease, WriteRule
from tui.connection import Connection
from tui.destinations import Destination
from tui.widgets.status_line import Standing
from tui.words.eyes import eyes_name

if TYPE_CHECKING:
    from tui.session import Session


def standing_of(connection: Connection, destination: Destination | None, *, lens: str | None = None) -> Standing:
    """`destination` is what is being opened, where that has a name before it is; `lens` what is seen through it."""
    session, store, failure = connection.session, connection.store, connection.failure
    return Standing(
        database=session.label if session else destination.label if destination else None,
        address=session.address if session else None,
        has_color=color_of(session, destination) is not None,
        origin=destination.origin if destination else None,
        is_exposed=session is not None and (link := session.operator.database.link) is not None and link.is_exposed,
        eyes=eyes_name(store.actor) if store else "",
        lens=lens,
        read_only=session is not None and not session.access.may_write,
        may_write=_is_open_to_writes(session),
        lease=_lease(session),
        paused=connection.paused,
        seen_within=connection.seen_within,
        trouble=trouble(failure.error) if failure else None,
        caution=session.capabilities.caution(store.actor) if session and session.capabilities and store else "",
    )


def _is_open_to_writes(session: "Session | None") -> bool:
    """Of a configured database, which others are read-only beside: gjobs' own has nothing to lose by accident."""
    if session is None or session.profile is None or session.profile.address is None:
        return False
    return session.access.rule is WriteRule.OPEN


def _lease(session: "Session | None") -> WriteLease | None:
    """A session that needs none may have one all the same: it says nothing of what may be done."""
    return session.access.lease if session and session.access.rule is WriteRule.LEASED else None


def color_of(session: "Session | None", destination: Destination | None) -> str | None:
    if session is not None:
        return session.profile.color if session.profile else None
    return destination.color if destination else None


def trouble(error: StoreError) -> str:
    """Why nothing is seen, in two or three words."""
    match error:
        case Unreachable():
            return "no connection"
        case SignInRefused():
            return "sign-in refused"
        case TimedOut():
            return "no answer in time"
        case NoPrivilege():
            return "no privilege"
        case SchemaMissing():
            return "no schema"
        case _:
            return "nothing read"
