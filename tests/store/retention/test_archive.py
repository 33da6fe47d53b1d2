"""Archived jobs are listed, counted and restored as each actor sees them."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Column, Integer, select

from gjobs.store.database.query import Query
from gjobs.store.errors import Conflict, RowMissing
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import CappedCount, PageKey
from gjobs.store.retention import archive
from gjobs.store.retention.archive import (
    count_archived,
    count_some_archived,
    get_archived,
    get_summary_with_archive,
    list_archived,
    restore_archived,
    restore_matching,
)
from gjobs.store.retention.retention import ArchiveQuery, BatchProgress, ExpiredJobs, StatusCount
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
from tests.store.retention.conftest import RetentionJobs, archived, cleaned, last_of, present
from tests.store.store_fixtures import NOTHING, NOW, Db, Sql, altered

ALL = ArchiveQuery()


@pytest.fixture
async def archived_jobs(operator: Store, jobs: RetentionJobs) -> RetentionJobs:
    """The seven old finished jobs are archived."""
    await cleaned(operator)
    return jobs


async def restored(store: Store, query: ArchiveQuery = ALL) -> BatchProgress:
    return await last_of(restore_matching(store, query))


async def test_archive_pages_list_the_newest_jobs_of_the_actor_first(db: Db, archived_jobs: RetentionJobs) -> None:
    found: list[UUID] = []
    after: PageKey | None = None
    while True:
        page = await list_archived(db.operator, ALL, limit=2, after=after)
        found += [one.job.id for one in page]
        after = page.next_key
        if after is None:
            break
    whole = (await list_archived(db.operator, ALL, limit=100)).items
    assert found == [one.job.id for one in whole]
    assert set(found) == archived_jobs.finished | {archived_jobs.other}
    keys = [(one.job.created_at, one.job.id) for one in whole]
    assert keys == sorted(keys, reverse=True)

    assert await count_archived(db.operator, ALL) == (
        StatusCount(status=JobStatus.SUCCEEDED, count=3, total_cost_cents=3, oldest_at=NOW - timedelta(days=62)),
        StatusCount(status=JobStatus.FAILED, count=4, total_cost_cents=10, oldest_at=NOW - timedelta(days=90)),
    )
    assert await count_some_archived(db.operator) == CappedCount(number=7)
    assert {one.job.id for one in await list_archived(db.ada, ALL, limit=100)} == archived_jobs.finished
    assert await count_some_archived(db.ben) == CappedCount(number=1)
    assert await get_archived(db.ben, [NOTHING, *archived_jobs.finished]) == ()

    async def ids(query: ArchiveQuery) -> set[UUID]:
        return {one.job.id for one in await list_archived(db.operator, query, limit=100)}

    assert await ids(ArchiveQuery(project_id=archived_jobs.project)) == archived_jobs.finished
    failed = set(archived_jobs.old[JobStatus.FAILED])
    assert await ids(ArchiveQuery(project_id=archived_jobs.project, status=JobStatus.FAILED)) == failed
    db.sql("update gjobs.archived_jobs set archived_at = %s where id <> %s", (NOW, archived_jobs.other))
    assert await ids(ArchiveQuery(archived_since=NOW + timedelta(seconds=1))) == {archived_jobs.other}


async def test_restore_by_id_restores_all_jobs_of_the_actor_or_none(db: Db, archived_jobs: RetentionJobs) -> None:
    before = present(db.sql)
    one, other, third = archived_jobs.old[JobStatus.FAILED]
    with pytest.raises(RowMissing, match=str(NOTHING)) as caught:
        await restore_archived(db.operator, [one, NOTHING])
    assert caught.value.ids == (NOTHING,)
    assert one in archived(db.sql)

    await restore_archived(db.operator, [one, other])
    assert present(db.sql) == before | {one, other}
    assert archived(db.sql).isdisjoint({one, other})

    with pytest.raises(RowMissing):
        await restore_archived(db.ben, [third])
    assert await restored(db.ada) == BatchProgress(done=4)
    assert archived(db.sql) == {archived_jobs.other}


async def test_restore_by_project_restores_all_its_archived_jobs(db: Db, archived_jobs: RetentionJobs) -> None:
    before = present(db.sql)
    assert await restored(db.operator, ArchiveQuery(project_id=archived_jobs.project)) == BatchProgress(done=6)
    assert present(db.sql) == before | archived_jobs.finished
    assert await restored(db.operator, ArchiveQuery(project_id=archived_jobs.project)) == BatchProgress()


async def test_restore_skips_a_job_whose_id_is_taken(db: Db, archived_jobs: RetentionJobs) -> None:
    taken = archived_jobs.old[JobStatus.SUCCEEDED][1]
    db.make_job(archived_jobs.other_project, JobStatus.QUEUED, job_id=taken)
    with pytest.raises(Conflict, match="One of these jobs exists already"):
        await restore_archived(db.operator, [taken])
    last = await restored(db.operator)
    assert (last.done, last.refused, last.refused_id) == (6, 1, taken)
    assert archived(db.sql) == {taken}


async def test_restore_names_the_missing_owner_of_a_job(db: Db, archived_jobs: RetentionJobs) -> None:
    db.sql("update gjobs.archived_jobs set user_id = %s where id = %s", (NOTHING, archived_jobs.other))
    with pytest.raises(Conflict, match=r"^The owner of an archived job no longer exists\. Nothing was restored\.$"):
        await restore_archived(db.operator, [archived_jobs.other])
    last = await restored(db.operator)
    assert (last.refused, last.refusal) == (1, "The owner of an archived job no longer exists.")


async def test_summary_that_includes_the_archive_is_unchanged_by_archiving(db: Db, jobs: RetentionJobs) -> None:
    before = [await store.get_job_summary() for store in (db.operator, db.ada)]
    await cleaned(db.operator)
    for has_rollups in (True, False):
        asked = archive.summary(None, limit=500, has_rollups=has_rollups)
        found = [await store.database.read(store.actor, asked) for store in (db.operator, db.ada)]
        assert found == before, has_rollups
    assert await get_summary_with_archive(db.operator) == before[0]
    assert await get_summary_with_archive(db.ada, jobs.other_project) == []
    assert len(await get_summary_with_archive(db.operator, limit=1)) == 1


async def test_column_that_the_archive_lacks_is_a_further_value(db: Db, archived_jobs: RetentionJobs) -> None:
    table = "alter table public.generation_jobs {} column priority"
    with altered(db.sql, f"{table.format('add')} integer not null default 7", table.format("drop")):
        await cleaned(db.operator, ExpiredJobs(created_before=NOW + timedelta(days=1)))
    priority = archive.archived_column(Column("priority", Integer))
    values = await db.operator.database.read(OPERATOR, Query(select(priority), lambda row: row[0]))
    assert set(values) == {None, 7}, "jobs archived before the column was added have no value"


async def test_summary_counts_jobs_without_a_cost_as_free(db: Db, sql: Sql) -> None:
    """The app's own table may allow such jobs."""
    db.make_job(db.make_project(), "failed")
    not_null = "alter table generation_jobs alter cost_cents {} not null"
    undo = f"update generation_jobs set cost_cents = 0; {not_null.format('set')}"  # noqa: S608 - of constants
    with altered(sql, not_null.format("drop"), undo):
        sql("update generation_jobs set cost_cents = null")
        for has_rollups in (True, False):
            asked = archive.summary(None, limit=5, has_rollups=has_rollups)
            (row,) = await db.operator.database.read(OPERATOR, asked)
            assert (row.job_count, row.total_cost_cents, row.avg_cost_cents) == (1, 0, 0.0)
