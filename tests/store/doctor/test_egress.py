"""The doctor's estimate of what an idle dashboard receives."""

import pytest

from gjobs.store.database.database import Database
from gjobs.store.doctor.examine import IdlePolls, examine, measure_polls
from gjobs.store.job_list.list_query import ListingQuery
from gjobs.store.statistics import statistics
from gjobs.store.statistics.statistics import TotalsQuery
from gjobs.store.store import Store
from tests.benchmarks.wire_proxy import WireProxy, wire_proxy
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import Db, opened


async def poll_twice(store: Store, proxy: WireProxy, *, is_woken: bool) -> tuple[int, int, int]:
    """Return the bytes of the second polls of the list, of the counts, and of a separate flow."""
    for _ in range(2):
        before = proxy.traffic
        await store.get_listing(ListingQuery())
        listed = proxy.traffic
        await store.get_totals(TotalsQuery(), with_flow=is_woken)
        counted = proxy.traffic
        if not is_woken:
            await store.get_flow(TotalsQuery())
        flowed = proxy.traffic
    return listed.since(before).received, counted.since(listed).received, flowed.since(counted).received


@pytest.mark.parametrize(("delay", "is_woken"), [(0.0, False), (0.13, False), (0.0, True)])
async def test_doctor_measures_all_polls_of_an_idle_dashboard_over_any_link(
    database: Conninfo, db: Db, monkeypatch: pytest.MonkeyPatch, delay: float, is_woken: bool
) -> None:
    db.make_job()
    monkeypatch.setattr(statistics, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(statistics, "SHARE_OF_TIME", 0)
    with wire_proxy(database) as proxy:
        proxy.delay = delay
        async with Store(Database(proxy.conninfo(database))) as store:
            received = await poll_twice(store, proxy, is_woken=is_woken)
        async with Store(Database(proxy.conninfo(database))) as store:
            measured = await measure_polls(store.database, is_woken=is_woken)
    assert measured is not None
    assert not measured.is_counting_slow
    assert (measured.list_bytes, measured.count_bytes, measured.flow_bytes) == pytest.approx(received, rel=0.1)


@pytest.mark.parametrize(
    ("is_woken", "is_counting_slow", "flow_seconds", "polls"),
    [
        (False, False, 1.0, 6 * (300 + 800 + 1_000)),
        (False, False, 32.0, 6 * (300 + 800) + 1.5 * 1_000),
        (False, True, 60.0, 6 * 300 + 0.2 * (800 + 1_000)),
        (True, False, 0.0, 0.5 * (300 + 800)),
        (True, True, 0.0, 0.5 * 300 + 0.2 * 800),
    ],
)
def test_month_has_as_many_polls_as_the_dashboard_makes(
    is_woken: bool, is_counting_slow: bool, flow_seconds: float, polls: float
) -> None:
    idle = IdlePolls(
        is_woken=is_woken,
        list_bytes=300,
        count_bytes=800,
        flow_bytes=0 if is_woken else 1_000,
        flow_seconds=flow_seconds,
        is_counting_slow=is_counting_slow,
    )
    assert idle.bytes_of_month == pytest.approx(polls * 60 * 24 * 30)


async def test_estimate_counts_frequent_polls_unless_triggers_announce_all_changes(
    migrated_copy: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assumed: list[bool] = []

    def bytes_of_month(polls: IdlePolls) -> int:
        assumed.append(polls.is_woken)
        return 0

    monkeypatch.setattr(IdlePolls, "bytes_of_month", property(bytes_of_month))
    with wire_proxy(migrated_copy) as proxy:
        for _ in range(2):
            async with opened(proxy.conninfo(migrated_copy)) as examined:
                await examine(examined, label="here")
            with connect(migrated_copy) as connection:
                connection.execute("alter table generation_jobs disable trigger gjobs_created")
    assert assumed == [True, False]
