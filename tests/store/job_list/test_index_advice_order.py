"""Orders of the list depend on indexes. An order without its index may be unavailable."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from gjobs.store.database.database import Database
from gjobs.store.database.query import Query
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.index_advice import TOTAL, is_in_order
from gjobs.store.job_list.list_query import ListOrder, ListQuery, OrderColumn
from gjobs.store.jobs.job import JobStatus
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import ADA, NOW, Db, altered


def change(conninfo: Conninfo, *statements: str) -> None:
    with connect(conninfo, autocommit=True) as owner:
        for statement in statements:
            owner.execute(statement.encode())


async def test_sorting_is_disabled_only_for_queries_that_may_not_sort(operator: Store) -> None:
    setting = text("select current_setting('enable_sort')")
    asked = [Query(setting, lambda row: row[0], may_sort=may_sort) for may_sort in (True, False, True)]
    assert await operator.database.read_together(OPERATOR, *asked) == (["on"], ["off"], ["on"])


async def test_order_without_its_index_is_unavailable_when_sorting_is_expensive(migrated_copy: Conninfo) -> None:
    async with Store(Database(migrated_copy)) as store:
        reason = await store.slow_order_reason(ListQuery(order=ListOrder(column=OrderColumn.COST)))
        assert reason is None, "a few jobs are sorted without an index"
    async with Store(Database({**migrated_copy, "options": "-c cpu_operator_cost=100000"})) as store:
        for column in (OrderColumn.UPDATED, OrderColumn.COST, OrderColumn.TOTAL):
            listed = ListQuery(order=ListOrder(column=column))
            missing = await store.slow_order_reason(listed)
            assert missing is not None
            assert missing.reason == f"No index orders the jobs by {column}. Each page would read and sort all jobs."
            change(migrated_copy, missing.sql or "")
            await store.capability_cache.refresh()
            assert await store.slow_order_reason(listed) is None


async def test_unfiltered_lists_are_in_index_order_only_when_all_list_indexes_exist(migrated_copy: Conninfo) -> None:
    lists = (
        ListQuery(),
        ListQuery(project_id=ADA, status=JobStatus.FAILED),
        ListQuery(order=ListOrder(descending=False)),
    )
    newest = "created_at desc, id desc"
    async with Store(Database(migrated_copy)) as store:
        for keys in ("", "project_id, ", "status, ", "user_id, "):
            indexes = (await store.capability_cache.refresh()).facts.job_indexes
            assert not any(is_in_order(listed, indexes) for listed in lists)
            change(migrated_copy, f"create index newest on generation_jobs ({keys}{newest}) where cost_cents > 0")
            indexes = (await store.capability_cache.refresh()).facts.job_indexes
            assert not any(is_in_order(listed, indexes) for listed in lists), "a partial index is not enough"
            change(migrated_copy, "drop index newest", f"create index on generation_jobs ({keys}{newest})")
        indexes = (await store.capability_cache.refresh()).facts.job_indexes
    assert all(is_in_order(listed, indexes) for listed in lists)
    assert not is_in_order(ListQuery(order=ListOrder(column=OrderColumn.COST)), indexes)
    assert not is_in_order(ListQuery(job_filter=parse("mode:lifestyle", now=NOW)), indexes)


async def test_order_by_total_is_unavailable_to_a_user_with_many_jobs(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gjobs.store.job_list.read_listing.MOST_SORTED", 3)
    project = db.make_project(ADA)
    by_total = ListQuery(order=ListOrder(column=OrderColumn.TOTAL))
    for _ in range(3):
        db.make_job(project, "failed")
    with altered(db.sql, f"create index gjobs_total on generation_jobs ({TOTAL}, id desc)", "drop index gjobs_total"):
        await db.operator.capability_cache.refresh()
        assert await db.ada.slow_order_reason(by_total) is None

        db.make_job(project, "queued")

        missing = await db.ada.slow_order_reason(by_total)
        assert missing is not None
        assert missing.reason.startswith("For users, row level security blocks the index on the total")
        assert await db.ada.slow_order_reason(replace(by_total, status=JobStatus.QUEUED)) is None
        assert await db.ada.slow_order_reason(ListQuery(order=ListOrder(column=OrderColumn.COST))) is None
        assert await db.operator.slow_order_reason(by_total) is None
