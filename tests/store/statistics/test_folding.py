"""Sessions that may write as the operator fold events."""

import asyncio
import logging
from dataclasses import replace

import pytest
from sqlalchemy import text

from gjobs.store.configuration.settings import WriteAccess, WriteMode
from gjobs.store.database.database import Database
from gjobs.store.errors import Locked, SchemaMissing
from gjobs.store.statistics import read_totals
from gjobs.store.statistics.read_totals import Folder, fold_all, fold_events, fold_quietly, fold_until
from gjobs.store.store import Store
from tests.conftest import connect
from tests.store.store_fixtures import Db, until

UNFOLDED = """
select count(*)::int from gjobs.job_event_log e, gjobs.fold_state f
 where e.transaction_id >= f.next or e.transaction_id = any (f.open)"""


@pytest.fixture
async def jobs(db: Db) -> Db:
    """A database with one event that is not folded."""
    db.sql("select gjobs.count_again()")
    db.make_job()
    return db


async def test_fold_returns_the_number_of_events_also_after_a_truncate(jobs: Db) -> None:
    assert jobs.sql(UNFOLDED) == [(1,)]
    assert [await fold_events(jobs.operator.actor_database) for _ in range(2)] == [1, 0]
    assert jobs.sql(UNFOLDED) == [(0,)]

    jobs.sql("truncate generation_jobs")
    for _ in range(3):
        jobs.make_job()
    assert [await fold_events(jobs.operator.actor_database) for _ in range(2)] == [3, 0]


async def test_fold_all_ends_while_the_app_writes_on(jobs: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_totals, "MOST_AT_ONCE", 1)
    has_many = replace(read_totals._HAS_MANY, statement=text("SELECT unfolded > 1 FROM gjobs.fold_progress"))
    monkeypatch.setattr(read_totals, "_HAS_MANY", has_many)
    for _ in range(4):
        jobs.make_job()
    folded = []
    async for number in fold_all(jobs.operator.actor_database):
        folded.append(number)
        jobs.make_job()
    assert folded == [2, 2, 2, 2, 1]
    assert jobs.sql(UNFOLDED) == [(1,)]


async def test_fold_is_refused_while_another_session_folds(jobs: Db) -> None:
    with connect(jobs.conninfo) as other:
        other.execute("select gjobs.fold_events()")
        with pytest.raises(Locked, match="Another session folds"):
            await fold_events(jobs.operator.actor_database)


async def test_fold_needs_a_migrated_database(app_store: Store) -> None:
    with pytest.raises(SchemaMissing):
        await fold_events(app_store.actor_database)
    await fold_quietly(app_store.actor_database)


async def test_users_and_read_only_sessions_do_not_fold(jobs: Db) -> None:
    await fold_quietly(jobs.ada.actor_database)
    async with Store(Database(jobs.conninfo, access=WriteAccess(WriteMode.CLOSED))) as store:
        await fold_quietly(store.actor_database)
    assert jobs.sql(UNFOLDED) == [(1,)]
    await fold_quietly(jobs.operator.actor_database)
    assert jobs.sql(UNFOLDED) == [(0,)]


async def test_failed_fold_is_only_logged(jobs: Db, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, read_totals.log.name)
    with connect(jobs.conninfo) as other:
        other.execute("select gjobs.fold_events()")
        await fold_quietly(jobs.operator.actor_database)
    assert "Another session folds" in caplog.text


async def test_folder_folds_only_after_the_pause(jobs: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    await Folder(jobs.operator.actor_database).fold_if_due()
    assert jobs.sql(UNFOLDED) == [(1,)]
    monkeypatch.setattr(read_totals, "PAUSE_SECONDS", 0.0)
    await Folder(jobs.operator.actor_database).fold_if_due()
    assert jobs.sql(UNFOLDED) == [(0,)]


async def test_folding_repeats_until_it_is_stopped(jobs: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_totals, "PAUSE_SECONDS", 0.01)
    stopping = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(fold_until(jobs.operator.actor_database, stopping))
        for _ in range(2):
            await until(lambda: jobs.sql(UNFOLDED) == [(0,)])
            jobs.make_job()
        stopping.set()
