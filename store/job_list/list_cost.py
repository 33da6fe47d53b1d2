"""Asks the planner what a list costs before it is read."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import text

from gjobs.store.actor_database import ActorDatabase
from gjobs.store.capabilities.capability import MissingCapability
from gjobs.store.database.query import Query, TimeLimits, explain_plan, parse_plan
from gjobs.store.errors import TimedOut, UnexpectedError
from gjobs.store.job_list import list_sql
from gjobs.store.job_list.index_advice import (
    MODE,
    MOST_SORTED,
    IndexAdvice,
    advice,
    find_words,
    finds_by_reading,
    is_kept_from_index,
    lacks_order,
    too_long_to_sort,
)
from gjobs.store.job_list.list_query import ListQuery, RowWindowQuery
from gjobs.store.jobs.job import ListedJob
from gjobs.store.users.actor import OPERATOR, Actor

EXPENSIVE_FROM = 20_000.0
"""A list with at least this cost is expensive. The planner's unit is one sequential page read.

With Postgres' default settings and a table in memory, a unit takes about 10 µs, so this is 0.2 seconds. From disk it
takes ten times as long.
"""
SECONDS_A_UNIT = 1e-5
SHARE_OF_TIME = 50
"""The least wait between two reads of an expensive list, as a multiple of its estimated time."""
LONGEST_INTERVAL = 60.0


class CostLevel(StrEnum):
    CHEAP = "cheap"
    EXPENSIVE = "expensive"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCost:
    """The estimated cost of a list's first rows. A guess, and never a reason to refuse a list."""

    cost: float
    """In the planner's unit; see EXPENSIVE_FROM. The cost of the whole list, if it is unknown how soon rows
    are found.
    """
    seconds: float | None
    """The cost in seconds, at the speed assumed for EXPENSIVE_FROM. None for users: it would reveal rows that are
    hidden from them.
    """
    reads_all: bool
    """Whether all jobs are read or sorted before the first row is returned."""
    advice: IndexAdvice | None
    """None if no index is missing, or none would help."""

    @property
    def verdict(self) -> CostLevel:
        return CostLevel.EXPENSIVE if self.cost >= EXPENSIVE_FROM else CostLevel.CHEAP

    def least_interval(self, took: float) -> float:
        """Return the least seconds between two reads of the list; 0 if it is cheap.

        `took` is the duration of the last read. A read faster than the estimate proves the estimate wrong. Under row
        level security, the planner assumes that few of a user's jobs are in the project.
        """
        if self.verdict is CostLevel.CHEAP:
            return 0.0
        return min(min(self.cost * SECONDS_A_UNIT, took) * SHARE_OF_TIME, LONGEST_INTERVAL)


LIMITS = TimeLimits(statement=2.0, lock=0.5)
"""A plan waits for no lock: a table that is being altered is not planned."""
TRIAL = TimeLimits(statement=EXPENSIVE_FROM * SECONDS_A_UNIT, lock=EXPENSIVE_FROM * SECONDS_A_UNIT)
"""A list that takes longer is expensive."""

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


def cost_queries(first_rows: Query[Any]) -> tuple[Query[Any], ...]:
    """Return the queries that `parse_list_cost` needs, in its order. `first_rows` reads the list from its start."""
    return explain_plan(first_rows), _INDEXES


def parse_list_cost(listed: ListQuery, answers: Sequence[list[Any]], *, actor: Actor) -> ListCost:
    """Parse the answers. Raises UnexpectedError if they hold no plan."""
    explained_as, indexes = answers
    try:
        plan = parse_plan(explained_as[0])
    except ValueError as error:
        raise UnexpectedError(str(error)) from error
    lacking = advice(listed, indexes, actor=actor)
    has_word_index = actor == OPERATOR and find_words(indexes)
    # With an index on modes, the planner knows how many jobs have a mode.
    is_guess = finds_by_reading(listed, has_word_index=has_word_index) or (
        lacking is not None and MODE in lacking.columns
    )
    cost = plan.cost_to_end if is_guess else plan.cost
    return ListCost(
        cost=cost,
        seconds=cost * SECONDS_A_UNIT if actor == OPERATOR else None,
        reads_all=plan.reads_all,
        advice=lacking,
    )


log = logging.getLogger(__name__)


async def estimate_list_cost(actor_database: ActorDatabase, query: ListQuery) -> ListCost | None:
    """Return the planner's estimate without reading a row, or None if the database does not plan for us."""
    asked = cost_queries(await _first_rows(actor_database, query))
    try:
        answers = await actor_database.read_together(*asked, limits=LIMITS)
        return parse_list_cost(query, answers, actor=actor_database.actor)
    except UnexpectedError as error:
        log.info("No plan for a list: %s", error)
        return None


async def returns_quickly(actor_database: ActorDatabase, query: ListQuery) -> bool:
    """Return whether the list's first rows arrive before it counts as expensive."""
    first_rows = await _first_rows(actor_database, query)
    try:
        await actor_database.read(first_rows, limits=TRIAL)
    except TimedOut:
        return False
    return True


async def slow_order_reason(actor_database: ActorDatabase, query: ListQuery) -> MissingCapability | None:
    """Return why the list is too slow in its order. None if an index has the order, or if sorting is cheap."""
    missing = lacks_order(query, (await actor_database.capability_cache.get()).facts.job_indexes)
    if missing is None:
        return await _too_long_to_sort(actor_database, query)
    cost = await estimate_list_cost(actor_database, query)
    return None if cost is not None and cost.verdict is CostLevel.CHEAP else missing


async def _too_long_to_sort(actor_database: ActorDatabase, query: ListQuery) -> MissingCapability | None:
    if actor_database.is_operators or not is_kept_from_index(query):
        return None
    readable = await actor_database.readable_names(query.job_filter)
    (length,) = await actor_database.read(list_sql.length(query, most=MOST_SORTED, readable=readable))
    return too_long_to_sort() if length > MOST_SORTED else None


async def _first_rows(actor_database: ActorDatabase, query: ListQuery) -> Query[ListedJob]:
    readable = await actor_database.readable_names(query.job_filter)
    chosen_path = list_sql.access_path(query, await actor_database.capability_cache.get(), actor_database.actor)
    return list_sql.listing_queries(RowWindowQuery(listed=query), readable=readable, chosen_path=chosen_path)[0]
