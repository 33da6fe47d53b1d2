"""A link dies under what a key of the dashboard writes: no crash, nothing lost or done twice, the truth on screen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.conftest import Conninfo
from tests.hosted.cutting import MOMENTS
from tests.hosted.ledger import Ledger, shown, stored
from tests.store.servers import Proxy, proxied
from tests.tui.driving import Driver, WatchedApp, driving, opener_of
from tests.tui.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    job: int
    """Where the cursor is put."""
    keys: tuple[str, ...]
    verb: str
    told: str
    """What the toast says of it when it is done, and only then."""


WRITES = (
    Write(job=1, keys=("s",), verb="update", told="Started lifestyle"),
    Write(job=2, keys=("f", "x", "enter"), verb="update", told="Failed packaging"),
    Write(job=5, keys=("d", "y"), verb="delete", told="Deleted feature_callout"),
    Write(job=6, keys=("n", "enter"), verb="insert", told="Queued main_white"),
)


@asynccontextmanager
async def behind_a_proxy(app_database: Conninfo) -> AsyncIterator[tuple[Driver, Proxy]]:
    async with (
        proxied(app_database) as (proxy, through_proxy),
        driving(WatchedApp(opener_of(through_proxy))) as driver,
    ):
        yield driver, proxy


@pytest.mark.parametrize("moment", MOMENTS)
async def test_in_the_end_the_screen_shows_what_was_done(world: World, app_database: Conninfo, moment: str) -> None:
    cut, outcome, changes = MOMENTS[moment]
    ledger = Ledger(world, app_database)
    async with behind_a_proxy(app_database) as (driver, proxy):
        for write in WRITES:
            await driver.go_to(write.job)
            proxy.cut = cut
            await driver.press(*write.keys)
            await driver.until(lambda: proxy.cut is None and driver.banner)
            assert [verb for verb, _ in ledger.entries()] == [write.verb] * changes
            ledger.clear()

            proxy.come_back()
            if driver.dialog:
                await driver.press("escape")
            await driver.press("r")
            await driver.until(lambda: not driver.banner)
            await driver.until(lambda: shown(driver) == stored(world))
            assert any(write.told in toast for toast in driver.toasts) == (outcome == "done")
        assert ledger.entries() == []
        assert driver.app.mistake is None
