"""Advice about a missing index, orders that need one, and the planner's estimate of a list's cost."""

from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text

from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, parse_plan
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list import read_listing
from gjobs.store.job_list.list_query import TOTAL, ListOrder, ListQuery, OrderColumn, advice, is_in_order
from gjobs.store.job_list.read_listing import EXPENSIVE_FROM, LONGEST_INTERVAL, ListCost
from gjobs.store.jobs.job import JobStatus
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import ADA, NOTHING, NOW, Db, Sql, altered

APP = (
    "btree (id)",
    "btree (user_id)",
    "btree (project_id)",
    "btree (status)",
    "btree (input_asset_id)",
    "btree (created_at DESC)",
    "btree (user_id, status)",
)
"""The indexes of the app's schema."""

ADA_HERSELF = ActingUser(id=ADA)


def listed(
    text: str = "", *, of_project: bool = False, status: JobStatus | None = None, order: ListOrder | None = None
) -> ListQuery:
    return ListQuery(
        project_id=NOTHING if of_project else None,
        status=status,
        job_filter=parse(text, now=NOW),
        order=order or ListOrder(),
    )


@pytest.mark.parametrize(
    ("query", "actor", "columns"),
    [
        (listed(of_project=True), OPERATOR, "project_id, created_at DESC, id DESC"),
        (listed("status:failed", of_project=True), OPERATOR, "project_id, created_at DESC, id DESC"),
        (listed(status=JobStatus.FAILED), OPERATOR, "status, created_at DESC, id DESC"),
        (listed("status:failed"), OPERATOR, "status, created_at DESC, id DESC"),
        (listed("mode:lifestyle since:24h"), OPERATOR, "lower(mode), created_at DESC, id DESC"),
        (listed(), ADA_HERSELF, "user_id, created_at DESC, id DESC"),
        (listed(order=ListOrder(column=OrderColumn.COST)), OPERATOR, "cost_cents DESC, id DESC"),
        (listed(order=ListOrder(column=OrderColumn.UPDATED)), OPERATOR, "updated_at DESC, id DESC"),
    ],
)
def test_advice_suggests_the_index_that_a_list_lacks(query: ListQuery, actor: Actor, columns: str) -> None:
    lacking = advice(query, APP, actor=actor)
    assert lacking is not None
    assert lacking.columns == columns
    assert lacking.sql.startswith("CREATE INDEX CONCURRENTLY gjobs_")
    assert lacking.sql.endswith(f" ON public.generation_jobs ({columns});")
    assert advice(query, [*APP, f"btree ({columns})"], actor=actor) is None
    assert advice(query, [*APP, f"btree ({columns.replace(' DESC', '')})"], actor=actor) is None


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(listed(), id="the index on the time is enough"),
        pytest.param(listed("status:failed,running"), id="several values"),
        pytest.param(listed("-status:failed"), id="negated value"),
        pytest.param(listed("error:timeout"), id="part of a text"),
        pytest.param(listed("cost:>500"), id="range in another order"),
    ],
)
def test_advice_suggests_no_index_when_none_would_help(query: ListQuery) -> None:
    assert advice(query, APP, actor=OPERATOR) is None


@pytest.mark.parametrize(
    ("definition", "is_suitable"),
    [
        ("btree (project_id, id)", False),
        ("btree (status, project_id, created_at DESC, id DESC)", False),
        ("brin (project_id, created_at DESC, id DESC)", False),
        ("btree (project_id, created_at DESC, id DESC) WHERE (status = 'failed'::text)", False),
        ("btree (project_id, created_at DESC, id DESC) INCLUDE (status, mode)", True),
        ("btree (project_id, created_at, id, status)", True),
        ("btree (project_id, created_at DESC)", True),
    ],
)
def test_only_a_suitable_index_prevents_the_advice(definition: str, is_suitable: bool) -> None:
    assert (advice(listed(of_project=True), [definition], actor=OPERATOR) is None) is is_suitable
    by_cost = listed(order=ListOrder(column=OrderColumn.COST))
    assert advice(by_cost, ["btree (cost_cents)"], actor=OPERATOR) is not None


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


async def test_list_that_stops_early_costs_less_than_one_that_reads_all_rows(
    operator: Store, ada: Store, project: UUID, sql: Sql, database: Conninfo
) -> None:
    sql(
        "insert into generation_jobs (user_id, project_id, status, mode, error, created_at)"
        " select user_id, id, 'failed', 'lifestyle', 'broken', created_at - n * interval '1 minute'"
        " from projects, generate_series(1, 5000) n where id = %s",
        (project,),
    )
    sql("analyze generation_jobs")
    newest = await operator.get_list_cost(ListQuery())
    found = await operator.get_list_cost(ListQuery(job_filter=parse("error:timeout", now=NOW)))
    of_ada = await ada.get_list_cost(ListQuery())
    assert newest is not None
    assert found is not None
    assert of_ada is not None
    assert newest.cost < found.cost
    assert found.seconds == pytest.approx(found.cost / 100_000)
    assert of_ada.seconds is None, "only the operator's time can be estimated"
    assert not found.is_expensive, "five thousand jobs are few"

    assert await ada.returns_quickly(ListQuery())
    with connect(database) as altering:
        altering.execute("lock table generation_jobs in access exclusive mode")
        assert not await ada.returns_quickly(ListQuery())


@pytest.mark.parametrize("answer", [None, [], [{}], [{"Plan": {"Total Cost": "much"}}], {"Plan": {}}])
def test_output_that_is_not_an_explain_plan_is_an_error(answer: object) -> None:
    with pytest.raises(ValueError, match="not the output of EXPLAIN"):
        parse_plan(answer)
    with pytest.raises(ValueError, match="not the output of EXPLAIN"):
        read_listing.parse_list_cost(ListQuery(), ([answer], []), actor=OPERATOR)


@pytest.mark.parametrize(
    ("cost", "seconds"),
    [
        (0.0, 0.0),
        (EXPENSIVE_FROM - 1, 0.0),
        (EXPENSIVE_FROM, 10.0),
        (EXPENSIVE_FROM * 2, 20.0),
        (EXPENSIVE_FROM * 100, LONGEST_INTERVAL),
    ],
)
def test_expensive_list_is_refreshed_less_often(cost: float, seconds: float) -> None:
    list_cost = ListCost(cost=cost, seconds=None, advice=None)
    assert list_cost.least_interval(took=60.0) == pytest.approx(seconds)
    assert list_cost.least_interval(took=0.004) == pytest.approx(min(seconds, 0.2)), "the estimate was wrong"
