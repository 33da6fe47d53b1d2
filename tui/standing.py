"""How the dashboard stands to its database, for the line above all."""

from store.errors import NoPrivilege, SchemaMissing, SignInRefused, StoreError, TimedOut, Unreachable
from tui.connection import Connection
from tui.eyes import eyes_name
from tui.widgets.status_line import Standing


def standing_of(connection: Connection) -> Standing:
    session, store, failure = connection.session, connection.store, connection.failure
    return Standing(
        database=session.label if session else None,
        eyes=eyes_name(store.actor) if store else "",
        read_only=session is not None and not session.access.may_write,
        paused=connection.paused,
        interval=connection.interval,
        trouble=trouble(failure.error) if failure else None,
    )


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
