"""The dashboard on the app's own database, by each way in: every look and dialog leaves no trace."""

from store.users.actor import OPERATOR
from tests.hosted.transcript import transcribed
from tests.hosted.ways import Way
from tests.tui.driving import AS_ADA, WatchedApp, driving, opener_of

CONNECTIONS = 2

OPENING = ("enter", "p", "question_mark", "u")

"""Keys that open a dialog on a queued job, whoever looks."""

WRITING = ("n", "d")

"""Those that do so where jobs can be written; elsewhere they say why they do not."""


async def test_dashboard_polls_and_dialogs_leave_no_trace(way: Way) -> None:
    actor = AS_ADA if way.is_owner else OPERATOR
    with transcribed(way) as transcript:
        async with driving(WatchedApp(opener_of(way.conninfo, actor=actor))) as driver:
            await driver.sees("Autumn catalog", "main_white", "API timeout")
            for key in (*OPENING, *WRITING) if way.writes else OPENING:
                await driver.press(key)
                await driver.until(lambda: driver.dialog)
                await driver.until(lambda: no_transaction_is_open(way))
                await driver.press("escape")
            await driver.has_dialog("")
            await driver.looks_again()
            assert driver.app.failures == 0
        said = transcript()

    assert (said.traces, said.complaints, said.writes) == ([], [], 0)
    assert said.sessions_at_once <= CONNECTIONS


def no_transaction_is_open(way: Way) -> bool:
    sessions = way.sessions()
    return bool(sessions) and all(session == ("idle", False) for session in sessions)
