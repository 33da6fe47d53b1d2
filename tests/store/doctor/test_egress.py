"""The doctor's estimate of what an idle dashboard receives."""

import pytest

from store.database.database import Database
from store.doctor.egress import IdlePolls, measure_polls
from store.doctor.examine import examine
from store.job_list.list_query import ListingQuery
from store.statistics.totals import TotalsQuery
from store.store import Store
from tests.benchmarks.wire_proxy import WireProxy, wire_proxy
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import MakeJob


async def poll_twice(store: Store, proxy: WireProxy) -> tuple[int, int]:
    """Return the bytes of the second polls of the list and of the numbers beside it."""
    for _ in range(2):
        before = proxy.traffic
        await store.get_listing(ListingQuery())
        listed = proxy.traffic
        await store.get_totals_with_flow(TotalsQuery())
        counted = proxy.traffic
    return listed.since(before).received, counted.since(listed).received


@pytest.mark.parametrize("delay", [0.0, 0.15])
async def test_doctor_measures_all_polls_of_an_idle_dashboard_over_any_link(
    database: Conninfo, make_job: MakeJob, delay: float
) -> None:
    make_job()
    with wire_proxy(database) as proxy:
        proxy.delay = delay
        async with Store(Database(proxy.conninfo(database))) as store:
            list_bytes, count_bytes = await poll_twice(store, proxy)
        async with Store(Database(proxy.conninfo(database))) as store:
            measured = await measure_polls(store.database)
    assert measured is not None
    assert not measured.is_counting_slow
    assert measured.list_bytes == pytest.approx(list_bytes, rel=0.1)
    assert measured.count_bytes == pytest.approx(count_bytes, rel=0.1)


@pytest.mark.parametrize(
    ("is_woken", "is_counting_slow", "polls"),
    [
        (False, False, 6 * (300 + 1_800)),
        (False, True, 6 * 300 + 0.2 * 1_800),
        (True, False, 0.5 * (300 + 1_800)),
        (True, True, 0.5 * 300 + 0.2 * 1_800),
    ],
)
def test_month_has_as_many_polls_as_the_dashboard_makes(is_woken: bool, is_counting_slow: bool, polls: float) -> None:
    idle = IdlePolls(list_bytes=300, count_bytes=1_800, is_counting_slow=is_counting_slow)
    assert idle.bytes_of_month(is_woken=is_woken) == pytest.approx(polls * 60 * 24 * 30)


async def test_estimate_counts_frequent_polls_unless_triggers_announce_all_changes(
    migrated_copy: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assumed: list[bool] = []

    def bytes_of_month(_: IdlePolls, *, is_woken: bool) -> int:
        assumed.append(is_woken)
        return 0

    monkeypatch.setattr(IdlePolls, "bytes_of_month", bytes_of_month)
    with wire_proxy(migrated_copy) as proxy:
        for _ in range(2):
            examined = Database(proxy.conninfo(migrated_copy))
            await examine(examined, label="here")
            await examined.close()
            with connect(migrated_copy) as connection:
                connection.execute("alter table generation_jobs disable trigger gjobs_count_inserted")
    assert assumed == [True, False]
