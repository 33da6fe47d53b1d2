"""A slow connection: pending changes in the rows, rare refreshes, and the spare connection for writes."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, make_number
from gjobs.store.database.wake_ups import WakeUp
from gjobs.store.errors import SignInRefused, StoreError, Unreachable
from gjobs.store.job_list.list_query import Listing, ListingQuery
from gjobs.store.statistics.statistics import JobFlow, TotalsQuery
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.list.loaded_rows import PendingChanges
from gjobs.tui.dashboard.session import session_poller
from gjobs.tui.dashboard.session.session_poller import SessionPoller, WritePreparation
from gjobs.tui.text.statistics_text import PaceCause
from tests.benchmarks.wire_proxy import wire_proxy
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Drive, Driver, FrozenStore, Gate, dashboard_on
from tests.tui.jobs_database import AUTUMN, JobsDatabase, short


def counted_jobs(driver: Driver) -> int:
    totals = driver.app.dashboard.totals
    return sum(count.number for count in totals.counts.values()) if totals else 0


def row_of_cursor(driver: Driver) -> str:
    return next(line for line in map(driver.row, range(1, 8)) if "›" in line)


def rows_with(driver: Driver, words: str) -> int:
    return sum(words in driver.row(place) for place in range(1, 8))


def gated(*gates: Gate) -> type[FrozenStore]:
    """Return a store that waits at each of the gates."""
    return type("GatedStore", tuple(gate.store for gate in gates), {})


async def test_deletions_retries_and_forms_show_what_is_not_answered_yet(drive: Drive, jobs_db: JobsDatabase) -> None:
    methods = ("delete_generation_jobs", "delete_jobs_as_seen", "restore_generation_jobs", "retry_generation_jobs")
    delete, delete_several, restore, retry = (Gate(method) for method in methods)
    create = Gate("create_generation_job")
    async with drive(make=gated(delete, delete_several, restore, retry, create), interval=60.0) as driver:

        async def waits_with(number: int, words: str, gate: Gate, message: str) -> None:
            """Wait until `number` rows show the words. With 0, another part of the screen must show them. Then go
            on."""
            await driver.until(lambda: rows_with(driver, words) == number and words in driver.text)
            await driver.refreshes_behind()
            assert rows_with(driver, words) == number, "a list that arrives meanwhile does not hide the change"
            assert words in driver.text
            gate.release()
            await driver.shows_message(message)
            # A restored job moves the cursor, which would then leave the next job of this test.
            await driver.until(lambda: words not in driver.text and not driver.app.tasks.is_writing)

        await driver.press("d", "y", on=2)
        await waits_with(1, "deleting …", delete, "Deleted packaging")
        await driver.press("U")
        await waits_with(0, f"Restoring packaging {short(2)} …", restore, f"Restored packaging {short(2)}.")
        await driver.until(lambda: 2 in driver.rows)
        await driver.press("asterisk", shows="6 marked")
        await driver.press("d", "y")
        await waits_with(6, "deleting …", delete_several, "Deleted 6 of 6 jobs.")
        await driver.press("U")
        await waits_with(0, "Restoring 6 jobs …", restore, "Restored 6 jobs.")
        await driver.press("r", on=4)
        await waits_with(1, "retrying …", retry, " as a retry of ")
        await driver.press("n", dialog="New job")
        await driver.press("enter", shows="Saving …")
        create.release()
        await driver.expects(dialog="", until=lambda: jobs_db.count() == 10)


async def test_undo_waits_for_the_answer_to_a_deletion(drive: Drive, jobs_db: JobsDatabase) -> None:
    delete = Gate("delete_generation_jobs")
    async with drive(make=delete.store, interval=60.0) as driver:
        for deleted in (2, 3):
            await driver.press("d", "y", "U", on=deleted)
            await driver.shows_message("The deletion was not confirmed when you pressed U. Press U again once it is.")
            driver.clear_messages()
            delete.release()
            await driver.shows_message("U undo")
            driver.clear_messages()
        assert (jobs_db.count(), delete.calls) == (6, 2), "undo restored no earlier deletion"
        await driver.press("U", message=f"Restored main_white {short(3)}.")


async def test_late_list_counts_as_requested_when_its_query_was_sent(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[float] = []
    requested: list[tuple[float, float]] = []

    class TimedStore(FrozenStore):
        async def get_listing(self, query: ListingQuery, **options: Any) -> Listing:
            sent.append(time.monotonic())
            return await super().get_listing(query, **options)

    monkeypatch.setattr(SessionPoller, "_note_answer", lambda *_: time.sleep(0.05))
    monkeypatch.setattr(PendingChanges, "settle", lambda _, at: requested.append((at, sent[-1])))
    async with drive(make=TimedStore, interval=60.0):
        requested_at, sent_at = requested[0]
    assert requested_at <= sent_at


async def test_row_is_updating_only_after_an_answer_and_until_a_later_list(drive: Drive, jobs_db: JobsDatabase) -> None:
    held: set[str] = set()
    change, lists = Gate("transition_jobs"), Gate("get_listing", lambda *_: "lists" in held, holds_answers=True)
    jobs_db.set_status(1, "queued")
    async with drive(make=gated(change, lists), interval=60.0) as driver:
        held.add("lists")
        driver.app.action_refresh()
        await driver.until(lambda: lists.calls == 1)
        await driver.press("s")
        change.release()
        await driver.shows_message("Started lifestyle")
        lists.release()
        await driver.polls_again()
        assert "updating …" in row_of_cursor(driver), "this list was read before the change"
        lists.fails = Unreachable("The connection was lost.")
        lists.release()
        await driver.until(lambda: driver.app.failures)
        assert "updating …" in row_of_cursor(driver), "the database has confirmed the change"
        lists.fails = None
        driver.app.action_refresh()
        lists.release()
        await driver.until(lambda: "running" in row_of_cursor(driver))

        polls, change.fails = driver.app.polls, Unreachable("The connection was lost. Nothing was changed.")
        await driver.press("c")
        change.release()
        await driver.shows_message("Nothing was changed.")
        assert "running" in row_of_cursor(driver)
        assert driver.app.polls == polls


async def test_tabs_add_up_before_the_totals_and_a_new_project_is_named_before_its_list(drive: Drive) -> None:
    is_slow = False
    totals = Gate("get_totals", lambda *_: is_slow)
    lists = Gate("get_listing", lambda _, query: query.window.listed.project_id not in (AUTUMN, None))
    async with drive(make=gated(totals, lists), interval=60.0) as driver:
        is_slow = True
        await driver.go_to(3)
        for keys, row_count, succeeded in (("dy", 5, 0), ("U", 6, 1)):
            await driver.press(*keys, until=lambda: len(driver.rows) == row_count)  # noqa: B023
            await driver.settle()
            tabs = " ".join(next(line for line in driver.text.splitlines() if "1 all" in line).split())
            assert f"1 all {row_count} 2 ◌ queued 2 3 ▸ running 2 4 ✓ succeeded {succeeded} 5 ✗ failed 1" in tabs
        is_slow = False
        totals.open()

        await driver.press("P", dialog="New project")
        await driver.type("Winter", "enter", dialog="", message="Created the project Winter.", shows="Counting …")
        assert lists.calls == 1
        assert "Costs · Winter" in driver.text
        lists.open()
        await driver.until(lambda: driver.costs != ["Counting …"])


def load_agrees_with_header(driver: Driver) -> bool:
    in_header = re.search(r"live every (\d+ s), answers take", driver.header)
    in_message = re.match(r"gjobs refreshes (?:every|within) (\d+ s)", driver.app.messages.kept[-1].text)
    return in_header is not None and in_message is not None and in_header[1] == in_message[1]


async def test_header_and_load_show_the_longer_interval_of_a_slower_link_which_does_not_stop_the_counts(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    with wire_proxy(database) as proxy:
        async with dashboard_on(proxy.conninfo(database), interval=2.0, size=(160, 36)) as driver:

            def shows_interval_from(least: int) -> bool:
                found = re.search(r"live every (\d+) s, answers take ([\d,]+) ms", driver.header)
                assert found is None or abs(int(found[1]) - int(found[2].replace(",", "")) / 100) <= 1, driver.header
                return found is not None and int(found[1]) >= least

            # On a busy machine, even the first answers can be slow.
            await driver.until(lambda: "live every 2 s" in driver.header and "answers" not in driver.header)
            proxy.delay = 0.15
            async with asyncio.timeout(30.0):
                await driver.until(lambda: shows_interval_from(3))
            assert driver.app.poller.pace_cause is PaceCause.SLOW
            await driver.press("L", until=lambda: load_agrees_with_header(driver))
            jobs_db.job(37)
            await driver.until(lambda: counted_jobs(driver) == 7)

            proxy.delay = 0.4
            for _ in range(2):
                driver.app.action_refresh()
                polls = driver.app.polls
                await driver.until(lambda: shows_interval_from(3) and driver.app.polls > polls)  # noqa: B023
            assert shows_interval_from(8)
            await driver.press("L", until=lambda: load_agrees_with_header(driver))


async def test_load_is_shown_and_a_change_during_a_refresh_waits_neither_for_the_list_nor_for_the_counts(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    jobs_db.set_status(1, "queued")
    with wire_proxy(database) as proxy:
        proxy.delay = 0.03
        async with dashboard_on(proxy.conninfo(database), size=(120, 36)) as driver:
            await driver.until(lambda: driver.session.operator.database.connections.has_spare)
            await driver.press("L", message=" Load in the first ")
            assert re.search(
                r"Received \d+ .* Sent \d+ .* Round trip at most \d+ ms", driver.app.messages.kept[-1].text
            )
            await driver.go_to(1)
            proxy.holds_reads = True
            driver.app.action_refresh()
            await driver.until(lambda: proxy.held == 2)
            await driver.press("s", message="Started lifestyle")
            assert jobs_db.status(1) == "running"
            assert "updating …" in row_of_cursor(driver), "this list was requested before the change"
            proxy.holds_reads = False
            await driver.until(lambda: "running" in row_of_cursor(driver))
            await driver.until(lambda: "3 ▸ running 3" in " ".join(driver.text.split()))


class SlowFlowStore(FrozenStore):
    """A store where the last query of each count runs long on the server."""

    async def get_flow(self, query: TotalsQuery, **options: Any) -> JobFlow:
        flow = await super().get_flow(query, **options)
        await self.database.read(OPERATOR, Query(text("select 1 from pg_sleep(0.4)"), make_number))
        return flow


async def test_slow_count_is_not_taken_for_a_slow_network(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gjobs.store.database.database.SLOW_ROUND_TRIP", 0.3)
    monkeypatch.setattr("gjobs.store.database.load_meter.RECENT", 0.0)
    async with drive(make=SlowFlowStore, interval=60.0) as driver:
        for _ in range(2):
            await driver.refreshes()
            assert not driver.session.operator.database.connections.has_spare


async def test_new_list_does_not_repeat_a_recent_count(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "_patience_with_counts", lambda _: 60.0)
    is_slow = False
    totals = Gate("get_totals", lambda *_: is_slow)
    async with drive(make=totals.store, interval=60.0) as driver:
        is_slow = True
        first, counted = driver.rows[0], driver.app.totals_polls
        driver.app.action_refresh()
        await driver.until(lambda: totals.calls == 1)
        await driver.press("O", until=lambda: driver.rows[-1] == first)
        totals.release()
        await driver.until(lambda: driver.app.totals_polls > counted)
        assert totals.calls == 1


async def test_header_of_an_idle_dashboard_shows_a_slower_and_a_faster_network_after_one_count(
    jobs_db: JobsDatabase, database: Conninfo, monkeypatch: pytest.MonkeyPatch, words: asyncio.Queue[WakeUp]
) -> None:
    monkeypatch.setattr("gjobs.tui.dashboard.session.session_poller.TOTALS_SHARE", 1)
    with wire_proxy(database) as proxy:
        async with dashboard_on(proxy.conninfo(database), interval=0.05, size=(120, 36)) as driver:
            app = driver.app

            async def list_and_count_once(delay_of_list: float, delay_of_count: float) -> None:
                proxy.delay, lists, counts = delay_of_list, app.polls, app.totals_polls
                words.put_nowait(WakeUp.SILENT)
                await driver.until(lambda: app.polls > lists)
                proxy.delay = delay_of_count
                words.put_nowait(WakeUp.SILENT)
                await driver.until(lambda: app.totals_polls > counts)

            words.put_nowait(WakeUp.PROVEN)
            await driver.until(lambda: app.poller.is_idle)
            for _ in range(2):
                await list_and_count_once(0.0, 0.0)
            assert app.poller.slow_answer is None
            await list_and_count_once(0.0, 0.2)
            await driver.until(lambda: re.search(r"live every \d+ s, answers take \d{3} ms", driver.header))
            await list_and_count_once(0.2, 0.0)
            await driver.until(lambda: "answers take" not in driver.header)


class FailingDatabase(Database):
    """A database that opens no spare connection."""

    def __init__(self, failure: Exception) -> None:
        super().__init__({})
        self.failure = failure
        self.attempts = 0

    async def prepare_write(self, network_time: float) -> None:
        self.attempts += 1
        raise self.failure


class SilentConnection:
    """A spare connection whose server never answers."""

    def __init__(self) -> None:
        self.attempts = self.cancelled = 0

    async def prepare_write(self, network_time: float) -> None:
        self.attempts += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


@pytest.fixture
async def preparation() -> AsyncIterator[WritePreparation]:
    preparation = WritePreparation()
    yield preparation
    await preparation.stop()


@pytest.mark.parametrize(
    ("failure", "retry_after", "attempts"),
    [
        (Unreachable("full"), 0.0, 2),
        (Unreachable("full"), session_poller.RETRY_AFTER, 1),
        (SignInRefused("refused"), 0.0, 1),
    ],
)
async def test_failed_preparation_is_tried_again_later_unless_the_sign_in_was_refused(
    preparation: WritePreparation,
    monkeypatch: pytest.MonkeyPatch,
    failure: StoreError,
    retry_after: float,
    attempts: int,
) -> None:
    monkeypatch.setattr(session_poller, "RETRY_AFTER", retry_after)
    database = FailingDatabase(failure)
    for _ in range(2):
        preparation.start(database, 0.1)
        await asyncio.sleep(0)
    assert database.attempts == attempts


async def test_unexpected_failure_of_a_preparation_is_raised_at_the_next_one(preparation: WritePreparation) -> None:
    preparation.start(FailingDatabase(ZeroDivisionError()), 0.1)
    await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError):
        preparation.start(FailingDatabase(Unreachable("full")), 0.1)


async def test_counts_go_on_while_a_spare_connection_is_opened(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = SilentConnection()
    monkeypatch.setattr(Database, "prepare_write", silent.prepare_write)
    async with drive(interval=60.0) as driver:
        for _ in range(2):
            await driver.refreshes()
        assert (silent.attempts, silent.cancelled) == (1, 0)
    assert silent.cancelled == 1
