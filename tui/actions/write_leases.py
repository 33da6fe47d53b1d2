"""Writing on purpose: a session that is read-only is opened for some minutes, with a reason, and closes by itself."""

from typing import TYPE_CHECKING

from store.writing.write_access import WriteAccess, WriteRule
from tui.keys.app_bindings import APP_BINDINGS
from tui.keys.moved_keys import key_of
from tui.say import say
from tui.words.eyes import eyes_name
from tui.words.text import clean
from tui.words.toast import Toast, error_words

if TYPE_CHECKING:
    from tui.app import GjobsApp

ENDED = "Writing has ended: this session is read-only again."


def may_write(app: "GjobsApp") -> bool:
    """Where it may not, says why, and what to press."""
    session = app.connection.session
    if session is None or session.access.may_write:
        return True
    say(app, Toast(text=_why_not(app, session.access), severity="warning"))
    return False


def _why_not(app: "GjobsApp", access: WriteAccess) -> str:
    if access.rule is WriteRule.CLOSED:
        return error_words(access.refusal())
    return f"This session is read-only. {opened_by(app)}"


def opened_by(app: "GjobsApp") -> str:
    """What to do about a session that takes a lease."""
    return f"Press {key_of(app, APP_BINDINGS, 'app.write')} to write for some minutes."


async def open_or_close(app: "GjobsApp") -> None:
    """An open lease is closed at once: what is safe needs no question."""
    session, store = app.connection.session, app.connection.store
    if session is None or store is None:
        say(app, Toast(text="Not possible yet: there is no database.", severity="warning"))
        return
    access = session.access
    if access.rule is WriteRule.OPEN:
        say(app, Toast(text="This session may write as it is: it needs no reason."))
    elif access.rule is WriteRule.CLOSED:
        say(app, Toast(text=error_words(access.refusal()), severity="warning"))
    elif access.lease is not None:
        access.close_lease()
        app.show_standing()
        say(app, Toast(text=ENDED))
    else:
        from tui.screens.write_lease import WriteLeaseDialog
        from tui.words.confirmations import where

        lines = (where(session.full_name), f"As: {clean(eyes_name(store.actor), limit=60)}")
        wanted = await app.push_screen_wait(WriteLeaseDialog(lines=lines))
        # Meanwhile another database may have been opened, or this one have turned out to be a replica.
        if wanted is not None and app.connection.session is session and access.rule is WriteRule.LEASED:
            access.open_lease(wanted.reason, wanted.minutes * 60)
            app.show_standing()
            key = key_of(app, APP_BINDINGS, "app.write")
            say(app, Toast(text=f"You may write for {wanted.minutes} minutes. {key} ends it.", severity="warning"))
