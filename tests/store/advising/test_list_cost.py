"""What the planner says of a list, asked with the actor's eyes; what cannot be read is not guessed."""

import pytest

from store.database.query import read_plan
from store.errors import UnexpectedError
from store.filters.filter_text import parse
from store.job_list import list_cost
from store.job_list.list_cost import DEAR_FROM, LONGEST_INTERVAL, ListCost, Verdict
from store.job_list.list_query import ListQuery
from store.store import Store
from store.users.actor import OPERATOR
from tests.conftest import Conninfo, connect
from tests.store.support import NOW, MakeProject, Sql


@pytest.fixture
def many(sql: Sql, make_project: MakeProject) -> None:
    """Some thousand jobs, of which the planner knows."""
    project = make_project()
    sql(
        "insert into generation_jobs (user_id, project_id, status, mode, error, created_at)"
        " select user_id, id, 'failed', 'lifestyle', 'broken', created_at - n * interval '1 minute'"
        " from projects, generate_series(1, 5000) n where id = %s",
        (project,),
    )
    sql("analyze generation_jobs")


@pytest.mark.usefixtures("many")
async def test_a_list_that_stops_early_and_one_that_reads_to_the_end(operator: Store) -> None:
    newest = await operator.get_list_cost(ListQuery())
    found = await operator.get_list_cost(ListQuery(job_filter=parse("error:timeout", now=NOW)))
    assert newest is not None
    assert found is not None
    assert newest.cost < found.cost
    assert found.seconds == pytest.approx(found.cost / 100_000)
    assert found.verdict is Verdict.CHEAP, "five thousand are few"


@pytest.mark.usefixtures("many")
async def test_with_a_users_eyes_no_estimate_of_time(ada: Store) -> None:
    cost = await ada.get_list_cost(ListQuery())
    assert cost is not None
    assert cost.seconds is None


@pytest.mark.usefixtures("many")
async def test_a_list_is_tried_for_no_longer_than_a_cheap_one_takes(ada: Store, database: Conninfo) -> None:
    assert await ada.comes_at_once(ListQuery())
    with connect(database) as altering:
        altering.execute("lock table generation_jobs in access exclusive mode")
        assert not await ada.comes_at_once(ListQuery())


@pytest.mark.parametrize("answer", [None, [], [{}], [{"Plan": {"Total Cost": "much"}}], {"Plan": {}}])
def test_what_is_no_plan(answer: object) -> None:
    with pytest.raises(ValueError, match="not what EXPLAIN"):
        read_plan(answer)
    with pytest.raises(UnexpectedError):
        list_cost.list_cost(ListQuery(), ([answer], []), actor=OPERATOR)


@pytest.mark.parametrize(
    ("cost", "seconds"),
    [(0.0, 0.0), (DEAR_FROM - 1, 0.0), (DEAR_FROM, 10.0), (DEAR_FROM * 2, 20.0), (DEAR_FROM * 100, LONGEST_INTERVAL)],
)
def test_a_dear_list_is_read_less_often(cost: float, seconds: float) -> None:
    list_cost = ListCost(cost=cost, seconds=None, reads_all=True, advice=None)
    assert list_cost.least_interval(took=60.0) == pytest.approx(seconds)
    assert list_cost.least_interval(took=0.004) == pytest.approx(min(seconds, 0.2)), "the estimate was wrong"
