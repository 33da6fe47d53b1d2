"""Advice about a missing index, from index definitions as Postgres prints them."""

import pytest

from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.index_advice import advice
from gjobs.store.job_list.list_query import ListOrder, ListQuery, OrderColumn
from gjobs.store.jobs.job import JobStatus
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from tests.store.store_fixtures import ADA, NOTHING, NOW

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
