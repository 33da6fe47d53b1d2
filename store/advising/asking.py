"""Asking the planner what a list costs, and the catalogue which indexes there are: one round trip."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from store.actor import OPERATOR, Actor
from store.advising.indexes import MODE, advice, finds_by_reading
from store.advising.model import DEAR_FROM, SECONDS_A_UNIT, ListCost
from store.advising.plans import read_plan
from store.database import Query, TimeLimits
from store.database.explaining import explained
from store.errors import UnexpectedError
from store.listing.query import ListQuery

LIMITS = TimeLimits(statement=2.0, lock=0.5)
"""It waits for no one: what is being altered is not planned."""
TRIAL = TimeLimits(statement=DEAR_FROM * SECONDS_A_UNIT, lock=DEAR_FROM * SECONDS_A_UNIT)
"""What is not there by then is dear."""

_INDEXES: Query[str] = Query(
    text("""
select regexp_replace(pg_get_indexdef(x.indexrelid), '^.*? USING ', '')
  from pg_index x
  join pg_class t on t.oid = x.indrelid
  join pg_namespace n on n.oid = t.relnamespace
 where n.nspname = 'public' and t.relname = 'generation_jobs' and x.indisvalid and x.indpred is null
"""),
    lambda row: str(row[0]),
)


def questions(first_rows: Query[Any]) -> tuple[Query[Any], ...]:
    """`first_rows` is what reads the list from its beginning. In the order in which `list_cost` takes the answers."""
    return explained(first_rows), _INDEXES


def list_cost(listed: ListQuery, answers: Sequence[list[Any]], *, actor: Actor) -> ListCost:
    """Raises UnexpectedError where the answer is no plan."""
    explained_as, indexes = answers
    try:
        plan = read_plan(explained_as[0])
    except ValueError as error:
        raise UnexpectedError(str(error)) from error
    lacking = advice(listed, indexes, actor=actor)
    # How many are of a mode is known where an index is of the modes.
    is_guess = finds_by_reading(listed) or (lacking is not None and MODE in lacking.columns)
    cost = plan.cost_to_end if is_guess else plan.cost
    return ListCost(
        cost=cost,
        seconds=cost * SECONDS_A_UNIT if actor == OPERATOR else None,
        reads_all=plan.reads_all,
        advice=lacking,
    )
