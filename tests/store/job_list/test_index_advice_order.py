"""Orders of the list depend on indexes. An order without its index may be unavailable."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from gjobs.migrations import HEAD
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.index_advice import is_in_order
from gjobs.store.job_list.list_query import ListOrder, ListQuery, OrderColumn
from gjobs.store.jobs.job import JobStatus
from gjobs.store.schema.schema_diff import compare, expected, read_catalogue
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import ADA, NOW, MakeJob, MakeProject

INDEXES = {
    OrderColumn.UPDATED: "gjobs_updated",
    OrderColumn.COST: "gjobs_costs",
    OrderColumn.TOTAL: "gjobs_total",
}


def change(conninfo: Conninfo, *statements: str) -> None:
    with connect(conninfo, autocommit=True) as owner:
        for statement in statements:
            owner.execute(statement.encode())


async def test_sorting_is_disabled_only_for_queries_that_may_not_sort(operator: Store) -> None:
    setting = text("select current_setting('enable_sort')")
    asked = [Query(setting, lambda row: row[0], may_sort=may_sort) for may_sort in (True, False, True)]
    assert await operator.database.read_together(OPERATOR, *asked) == (["on"], ["off"], ["on"])


async def test_order_without_its_index_is_unavailable_when_sorting_is_expensive(migrated_copy: Conninfo) -> None:
    change(migrated_copy, *(f"drop index {name}" for name in INDEXES.values()))
    async with Store(Database(migrated_copy)) as store:
        reason = await store.slow_order_reason(ListQuery(order=ListOrder(column=OrderColumn.COST)))
        assert reason is None, "a few jobs are sorted without an index"
    async with Store(Database({**migrated_copy, "options": "-c cpu_operator_cost=100000"})) as store:
        for column in INDEXES:
            listed = ListQuery(order=ListOrder(column=column))
            missing = await store.slow_order_reason(listed)
            assert missing is not None
            assert missing.reason == f"No index orders the jobs by {column}. Each page would read and sort all jobs."
            change(migrated_copy, missing.sql or "")
            await store.capability_cache.refresh()
            assert await store.slow_order_reason(listed) is None
        with connect(migrated_copy) as connection:
            assert compare(read_catalogue(connection), expected(HEAD)) == ()

        # Unfiltered lists are in index order when all indexes exist.
        indexes = (await store.capability_cache.get()).facts.job_indexes
        oldest_first = ListOrder(descending=False)
        for listed in (ListQuery(), ListQuery(project_id=ADA, status=JobStatus.FAILED), ListQuery(order=oldest_first)):
            assert is_in_order(listed, indexes)
        assert not is_in_order(ListQuery(order=ListOrder(column=OrderColumn.COST)), indexes)
        assert not is_in_order(ListQuery(job_filter=parse("mode:lifestyle", now=NOW)), indexes)
        of_paid = "(user_id, created_at desc, id desc) where cost_cents > 0"
        change(
            migrated_copy,
            "drop index gjobs_newest_of_user",
            f"create index gjobs_newest_of_user on generation_jobs {of_paid}",
        )
        assert not is_in_order(ListQuery(), (await store.capability_cache.refresh()).facts.job_indexes)


async def test_order_by_total_is_unavailable_to_a_user_with_many_jobs(
    operator: Store, make_project: MakeProject, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gjobs.store.job_list.read_listing.MOST_SORTED", 3)
    project = make_project(ADA)
    by_total = ListQuery(order=ListOrder(column=OrderColumn.TOTAL))
    ada = operator.acting_as(ActingUser(id=ADA, email=None))
    for _ in range(3):
        make_job(project, "failed")
    assert await ada.slow_order_reason(by_total) is None

    make_job(project, "queued")

    missing = await ada.slow_order_reason(by_total)
    assert missing is not None
    assert missing.reason.startswith("For users, row level security blocks the index on the total")
    assert await ada.slow_order_reason(replace(by_total, status=JobStatus.QUEUED)) is None
    assert await ada.slow_order_reason(ListQuery(order=ListOrder(column=OrderColumn.COST))) is None
    assert await operator.slow_order_reason(by_total) is None
