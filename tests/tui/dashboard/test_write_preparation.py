"""The spare connection for writes is opened while counts run, and retried some time after a failure."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gjobs.store.database.database import Database
from gjobs.store.errors import SignInRefused, StoreError, Unreachable
from gjobs.tui.dashboard.session import session_poller
from gjobs.tui.dashboard.session.session_poller import WritePreparation
from tests.tui.dashboard.dashboard_driver import Drive


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


async def test_counts_go_on_while_a_spare_connection_is_opened_once(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = SilentConnection()
    monkeypatch.setattr(Database, "prepare_write", silent.prepare_write)
    async with drive(interval=60.0) as driver:
        for _ in range(2):
            await driver.refreshes()
        assert (silent.attempts, silent.cancelled) == (1, 0)
    assert silent.cancelled == 1
