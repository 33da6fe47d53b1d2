"""The connection is cut during a write of the dashboard: the screen shows the true outcome of one write."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from gjobs.store.journal.journal import read_journal
from gjobs.store.journal.write_record import WriteOutcome
from tests.conftest import Conninfo
from tests.hosted.connection_cuts import MOMENTS
from tests.hosted.write_log import WriteLog, shown, stored
from tests.store.faulty_servers import Proxy, proxied
from tests.tui.dashboard.dashboard_driver import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.dashboard.keys.key_sending import rest
from tests.tui.jobs_database import JobsDatabase, short

QUICK = 0.05
"""Seconds between two polls or two attempts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    job: int
    """The row of the cursor."""
    keys: tuple[str, ...]
    verb: str
    message: str
    """Words that appear only in the message after a success."""
    mode: str
    """The name of the job in the message of an unknown outcome."""
    prepared_by: tuple[str, ...] = ()
    """Keys pressed before the connection is cut."""


WRITES = (
    Write(job=1, keys=("s",), verb="update", message="Started lifestyle", mode="lifestyle"),
    Write(job=2, keys=("f", "x", "enter"), verb="update", message="Failed packaging", mode="packaging"),
    Write(
        job=3,
        prepared_by=("d", "y"),
        keys=("U",),
        verb="insert",
        message=f"Restored main_white {short(3)}",
        mode="main_white",
    ),
    Write(job=5, keys=("d", "y"), verb="delete", message="Deleted feature_callout", mode="feature_callout"),
    Write(job=6, keys=("n", "X", "enter"), verb="insert", message="Queued X ", mode="X "),
)


@asynccontextmanager
async def behind_a_proxy(app_database: Conninfo, journal: Path) -> AsyncIterator[tuple[Driver, Proxy]]:
    async with (
        proxied(app_database) as (proxy, through_proxy),
        drive_dashboard(WatchedApp(opener_of(through_proxy, journal=journal), interval=QUICK)) as driver,
    ):
        yield driver, proxy


SHOWN = ("when the change has run", "before the commit is sent", "when the commit was made", "after its answer")
"""A moment of each outcome. The store reports every moment before the commit in the same way."""


@pytest.mark.parametrize("moment", SHOWN)
async def test_dashboard_shows_the_true_outcome_after_its_connection_is_cut(
    jobs_db: JobsDatabase, app_database: Conninfo, tmp_path: Path, moment: str
) -> None:
    cut, outcome, changes = MOMENTS[moment]
    write_log = WriteLog(jobs_db, app_database)
    done = 0
    async with behind_a_proxy(app_database, tmp_path) as (driver, proxy):
        # A write without a form, an undo and a form are enough where the outcome is known at once.
        for write in WRITES if outcome == "unknown" else WRITES[::2]:
            await driver.go_to(write.job)
            if write.prepared_by:
                await driver.press(*write.prepared_by)
                await driver.until(write_log.is_begun)
                await driver.until(lambda: shown(driver) == stored(jobs_db))
                done += 1
                write_log.clear()

            proxy.cut = cut
            await driver.press(*write.keys)
            await driver.until(lambda: proxy.cut is None and driver.banner)
            assert [verb for verb, _ in write_log.entries()] == [write.verb] * changes
            done += changes
            write_log.clear()

            proxy.come_back()
            if outcome == "unknown":
                learned = f"The change was {'made' if changes else 'not made'}: {write.mode}"
                await driver.until(partial(says, driver, learned))
            if outcome == "done":
                await driver.until(partial(says, driver, write.message))
            else:
                assert not says(driver, write.message)
            if driver.dialog:
                await driver.press("escape")
                await driver.has_dialog("")
            await driver.until(lambda: not driver.banner and shown(driver) == stored(jobs_db))
            # The cursor may still move to a restored job.
            await rest(driver)
            # The next messages are about the next form.
            driver.clear_messages()
        assert write_log.entries() == []
        assert driver.app.internal_error is None
    outcomes = Counter(entry.outcome for entry in read_journal(tmp_path).entries)
    assert (outcomes[WriteOutcome.DONE], outcomes[WriteOutcome.UNKNOWN]) == (done, 0)


def says(driver: Driver, text: str) -> bool:
    """Whether a message or a form shows the words."""
    return any(text in shown_text for shown_text in (*driver.messages, driver.text))
