"""The planner's estimate of a list's cost for each actor."""

from uuid import UUID

import pytest

from gjobs.store.database.query import parse_plan
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list import read_listing
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.job_list.read_listing import EXPENSIVE_FROM, LONGEST_INTERVAL, ListCost
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import NOW, Sql


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
