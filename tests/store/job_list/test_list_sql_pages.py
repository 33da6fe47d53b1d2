"""With keyset pagination, the pages together contain each job of the list exactly once, in order."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from gjobs.store.errors import InvalidValue
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_results import Page, PageKey
from gjobs.store.store import Store
from tests.store.store_fixtures import BEN, NOW, Db, Sql, error_of

NextPage = Callable[[PageKey | None], Awaitable[Page[GenerationJob]]]
TIES = ("2026-01-15 12:00Z", "2026-01-15 12:00Z", "2026-01-15 12:00Z", "2026-01-15 12:00:00.000001Z", "2026-01-14Z")
BEYOND_PYTHON = ("infinity", "infinity", "20000-01-01", "20000-01-01", "10000-01-01", "9999-12-31 23:59:59.999999Z")
BEFORE_PYTHON = ("0001-01-01Z", "0001-01-01 BC", "0044-03-15 BC", "0044-03-15 BC", "-infinity", "-infinity")


async def all_ids(next_page: NextPage) -> list[UUID]:
    ids: list[UUID] = []
    key: PageKey | None = None
    while True:
        page = await next_page(key)
        ids += [job.id for job in page]
        assert len(ids) < 100, "the pages do not end"
        if page.next_key is None:
            return ids
        key = page.next_key


def ids_in_order(sql: Sql, project_id: UUID | None = None, status: str | None = None) -> list[UUID]:
    rows = sql(
        "select id from generation_jobs where project_id = coalesce(%s, project_id) and status = coalesce(%s, status)"
        " order by created_at desc, id desc",
        (project_id, status),
    )
    return [row[0] for row in rows]


async def test_pages_contain_every_job_exactly_once_in_order(db: Db) -> None:
    project_id = db.make_project()
    for created_at in (*BEYOND_PYTHON, *TIES, *BEFORE_PYTHON):
        db.make_job(project_id, created_at=created_at)

    for limit in (1, 2, 3, 500):
        ids = await all_ids(lambda key, limit=limit: db.operator.get_generation_jobs(limit=limit, after=key))  # type: ignore[misc]
        assert ids == ids_in_order(db.sql)


async def test_pages_can_be_limited_to_a_project_a_status_and_a_filter(db: Db) -> None:
    mine, other = db.make_project(), db.make_project(BEN)
    for number in range(12):
        db.make_job(mine if number % 3 else other, list(JobStatus)[number % 2], created_at=NOW + timedelta(number // 4))
    running = parse("-status:queued", now=NOW)

    of_project = await all_ids(lambda key: db.operator.get_project_jobs(mine, limit=2, after=key))
    of_status = await all_ids(lambda key: db.operator.get_jobs_by_status("running", limit=2, after=key))
    of_both = await all_ids(lambda key: db.operator.get_project_jobs(mine, status="running", limit=1, after=key))
    of_filter = await all_ids(lambda key: db.operator.find_jobs(running, project_id=mine, limit=1, after=key))

    assert of_project == ids_in_order(db.sql, mine)
    assert of_status == ids_in_order(db.sql, status="running")
    assert of_both == of_filter == ids_in_order(db.sql, mine, "running")
    assert 0 < len(of_both) < len(of_project)


async def test_next_page_is_unaffected_by_deleted_and_added_jobs(db: Db) -> None:
    project_id = db.make_project()
    oldest_first = [db.make_job(project_id, created_at=NOW + timedelta(minutes=number)) for number in range(6)]
    first = await db.operator.get_generation_jobs(limit=2)

    await db.operator.delete_generation_job(oldest_first[4])  # where the first page ended
    db.make_job(project_id, created_at=NOW + timedelta(days=1))
    second = await db.operator.get_generation_jobs(limit=2, after=first.next_key)

    assert [job.id for job in second] == [oldest_first[3], oldest_first[2]]


async def test_recent_jobs_are_the_ten_newest_and_the_last_page_has_no_next_key(db: Db) -> None:
    assert (await db.operator.get_generation_jobs()) == Page(items=(), next_key=None)
    ids = [db.make_job(created_at=NOW + timedelta(minutes=number)) for number in range(12)]
    assert (await db.operator.get_generation_jobs(limit=12)).next_key is None
    assert [job.id for job in await db.operator.get_recent_jobs()] == ids[:1:-1]
    assert [job.id for job in await db.operator.get_recent_jobs(1)] == ids[-1:]


async def test_limit_outside_the_allowed_range_is_refused(operator: Store) -> None:
    for limit in (0, 10_001):
        for reading in (
            operator.get_generation_jobs(limit=limit),
            operator.get_recent_jobs(limit),
            operator.get_projects(limit=limit),
            operator.get_users(limit=limit),
            operator.get_job_summary(limit=limit),
        ):
            assert (await error_of(InvalidValue, reading)).field == "limit"
