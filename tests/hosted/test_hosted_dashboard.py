"""The dashboard on the app's own database with each login: polls and dialogs leave no trace."""

import pytest

from gjobs.store.users.actor import OPERATOR
from tests.hosted.access_routes import SOME_LOGINS, Login
from tests.hosted.statement_log import record_transcript
from tests.tui.dashboard.dashboard_driver import AS_ADA, WatchedApp, drive_dashboard, opener_of

CONNECTIONS = 2

OPENING = ("enter", "p", "u")
"""Keys that open a dialog on a queued job for each login."""

WRITING = ("n", "d")
"""Keys that open a dialog if the login can write jobs, and otherwise explain why not."""


@pytest.mark.parametrize("login", SOME_LOGINS, indirect=True)
async def test_dashboard_polls_and_dialogs_leave_no_trace(login: Login) -> None:
    actor = AS_ADA if login.is_owner else OPERATOR
    with record_transcript(login) as transcript:
        async with drive_dashboard(WatchedApp(opener_of(login.conninfo, actor=actor))) as driver:
            await driver.shows("Autumn catalog", "main_white", "API timeout")
            for key in (*OPENING, *WRITING) if login.writes else OPENING:
                await driver.press(key)
                await driver.until(lambda: driver.dialog)
                await driver.until(lambda: no_transaction_is_open(login))
                await driver.press("escape")
            await driver.has_dialog("")
            await driver.refreshes()
            assert driver.app.failures == 0
        recorded = transcript()

    assert (recorded.traces_of(login), recorded.problems, recorded.writes) == ([], [], 0)
    assert recorded.sessions_at_once <= CONNECTIONS


def no_transaction_is_open(login: Login) -> bool:
    sessions = login.sessions()
    return bool(sessions) and all(session == ("idle", False) for session in sessions)
