"""Reads a listing, also as operator and user side by side. The planner's costs are asked first."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Integer, Uuid, any_, bindparam, exists, or_, select, text

from gjobs.store import tables
from gjobs.store.actor_database import ActorDatabase
from gjobs.store.capabilities.capability import Capability, MissingCapability, RlsPolicy
from gjobs.store.capabilities.claim_sql import POLICIES
from gjobs.store.database import query as query_module
from gjobs.store.database.query import ChangedRows, Query, Row, TimeLimits, explain_plan, first_column, parse_plan
from gjobs.store.database.transactions import Snapshot
from gjobs.store.errors import InvalidValue, SchemaMissing, TimedOut, UnexpectedError
from gjobs.store.job_list import list_sql
from gjobs.store.job_list.list_query import (
    MODE,
    MOST_LISTED_PROJECTS,
    MOST_SORTED,
    TOO_LONG_TO_SORT,
    IndexAdvice,
    Listing,
    ListingQuery,
    ListQuery,
    OrderColumn,
    ReadRules,
    RowWindow,
    RowWindowQuery,
    VisibilityComparison,
    advice,
    find_words,
    finds_by_reading,
    lacks_order,
)
from gjobs.store.job_list.list_sql import AccessPath, UserScope
from gjobs.store.jobs.job import ListedJob
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.projects import project_sql
from gjobs.store.projects.project_sql import make_project_name
from gjobs.store.users.actor import OPERATOR, ROLE_OF_USERS, ActingUser, Actor

EXPENSIVE_FROM = 20_000.0
"""A list with at least this cost is expensive. The planner's unit is one sequential page read.

With Postgres' default settings and a table in memory, a unit takes about 10 µs, so this is 0.2 seconds. From disk it
takes ten times as long.
"""
SECONDS_A_UNIT = 1e-5
SHARE_OF_TIME = 50
"""The least wait between two reads of an expensive list, as a multiple of its estimated time."""
LONGEST_INTERVAL = 60.0


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
    advice: IndexAdvice | None
    """None if no index is missing, or none would help."""

    @property
    def is_expensive(self) -> bool:
        return self.cost >= EXPENSIVE_FROM

    def least_interval(self, took: float) -> float:
        """Return the least seconds between two reads of the list; 0 if it is cheap.

        `took` is the duration of the last read. A read faster than the estimate proves the estimate wrong. Under row
        level security, the planner assumes that few of a user's jobs are in the project.
        """
        if not self.is_expensive:
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
    first_column,
)


def parse_list_cost(listed: ListQuery, answers: Sequence[list[Any]], *, actor: Actor) -> ListCost:
    """Parse the plan of the list's first rows, and the indexes. Raises ValueError if there is no plan."""
    (explained,), indexes = answers
    plan = parse_plan(explained)
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
        advice=lacking,
    )


log = logging.getLogger(__name__)


async def estimate_list_cost(actor_database: ActorDatabase, query: ListQuery) -> ListCost | None:
    planned = explain_plan(await _first_rows(actor_database, query))
    try:
        answers = await actor_database.read_together(planned, _INDEXES, limits=LIMITS)
        return parse_list_cost(query, answers, actor=actor_database.actor)
    except (UnexpectedError, ValueError) as error:
        log.info("No plan for a list: %s", error)
        return None


async def returns_quickly(actor_database: ActorDatabase, query: ListQuery) -> bool:
    first_rows = await _first_rows(actor_database, query)
    try:
        await actor_database.read(first_rows, limits=TRIAL)
    except TimedOut:
        return False
    return True


async def slow_order_reason(actor_database: ActorDatabase, query: ListQuery) -> MissingCapability | None:
    missing = lacks_order(query, (await actor_database.capability_cache.get()).facts.job_indexes)
    if missing is None:
        if actor_database.is_operators or query.order.column is not OrderColumn.TOTAL:
            return None
        readable = await actor_database.readable_names(query.job_filter)
        (length,) = await actor_database.read(list_sql.length(query, limit=MOST_SORTED + 1, readable=readable))
        return TOO_LONG_TO_SORT if length > MOST_SORTED else None
    cost = await estimate_list_cost(actor_database, query)
    return None if cost is not None and not cost.is_expensive else missing


async def _first_rows(actor_database: ActorDatabase, query: ListQuery) -> Query[ListedJob]:
    chosen_path = await list_sql.access_path(actor_database, query)
    return list_sql.listing_queries(RowWindowQuery(listed=query), chosen_path)[0]


_jobs, _projects = tables.jobs, tables.projects

_NAMES = (
    select(_projects.c.id, _projects.c.user_id, _projects.c.name)
    .order_by(_projects.c.created_at.desc(), _projects.c.id.desc())
    .limit(bindparam("rows", type_=Integer))
)
_NAMES_THEN = _NAMES.where(_projects.c.created_at <= bindparam("moment", type_=DateTime(timezone=True)))


_PROJECT_ID = bindparam("project_id", type_=Uuid)
_HAS_JOBS = exists().where(_jobs.c.project_id == _PROJECT_ID)
_THERE = {
    # A project may be hidden while its jobs are not.
    True: select(or_(_PROJECT_ID.is_(None), exists().where(_projects.c.id == _PROJECT_ID), _HAS_JOBS)),
    False: select(or_(_PROJECT_ID.is_(None), _HAS_JOBS)),
}


def further_queries(
    query: ListingQuery, *, has_projects: bool, of_one_user: bool, at: datetime | None, moment: datetime | None = None
) -> tuple[Query[Any], ...]:
    """Return the queries of the server's time, the project names, and whether the project exists. Unless
    `has_projects`, projects are unreadable and known only by their jobs. If an earlier `moment` is shown, projects
    created after it are left out.
    """
    then = {} if moment is None else {"moment": moment}
    names = Query(_NAMES_THEN if then else _NAMES, make_project_name, {"rows": MOST_LISTED_PROJECTS, **then})
    return (
        query_module.clock(at),
        names if has_projects else project_sql.project_names(limit=MOST_LISTED_PROJECTS, of_one_user=of_one_user),
        Query(_THERE[has_projects], first_column, {"project_id": query.window.listed.project_id}),
    )


MOST_OWN_PROJECTS = 1_000
"""The most projects of a user, newest first. The user's jobs in other projects are found by their owner."""

_THEIR_PROJECTS = (
    select(_projects.c.id)
    .where(_projects.c.user_id == bindparam("user_id", type_=Uuid))
    .order_by(_projects.c.created_at.desc(), _projects.c.id.desc())
    .limit(MOST_OWN_PROJECTS)
)


def projects_of(user_id: UUID) -> Query[UUID]:
    return Query(_THEIR_PROJECTS, first_column, {"user_id": user_id})


_SEEN = select(_jobs.c.id).where(_jobs.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))


_ROLE_RULES: Query[Row] = Query(
    text("""
    select has_schema_privilege(reader.oid, jobs.relnamespace, 'usage')
               and has_any_column_privilege(reader.oid, jobs.oid, 'select'),
           jobs.relrowsecurity and not reader.rolbypassrls and not reader.rolsuper
               and (jobs.relforcerowsecurity or not pg_has_role(reader.oid, jobs.relowner, 'usage')),
           row_security_active(jobs.oid)
      from pg_class jobs, pg_roles reader
     where jobs.oid = cast('public.generation_jobs' as regclass) and reader.rolname = :role
    """),
    tuple,
    {"role": ROLE_OF_USERS},
)
"""No row if the role of users does not exist."""


def _make_rules(found: Sequence[Row], policies: Sequence[RlsPolicy]) -> ReadRules:
    """Build the rules. Raises SchemaMissing if the role of users does not exist."""
    if not found:
        raise SchemaMissing(f"This database has no role {ROLE_OF_USERS}. Users' requests run as that role.")
    is_granted, has_row_security, holds_for_operator = found[0]
    return ReadRules(
        role=ROLE_OF_USERS,
        is_granted=is_granted,
        has_row_security=has_row_security,
        holds_for_operator=holds_for_operator,
        policies=tuple(policy for policy in policies if policy.decides_on_jobs),
    )


MOST_COUNTED = 10_000


Compare = Callable[[Snapshot], Awaitable[VisibilityComparison]]


async def read_window(actor_database: ActorDatabase, query: RowWindowQuery) -> RowWindow:
    chosen_path = await list_sql.access_path(actor_database, query.listed)
    asked = list_sql.listing_queries(query, chosen_path)
    return list_sql.window(query, await actor_database.read_together(*asked), chosen_path)


def first_queries(query: ListingQuery, *, chosen_path: AccessPath) -> tuple[Query[Any], ...]:
    """Return the queries that `read_listing` sends first, as operator who may read projects."""
    further = further_queries(query, has_projects=True, of_one_user=False, at=None)
    return query_module.first_queries(*further, *list_sql.listing_queries(query.window, chosen_path))


async def read_listing(
    actor_database: ActorDatabase, query: ListingQuery, changed_rows: ChangedRows, *, at: datetime | None
) -> Listing:
    """Read the listing from one snapshot. `changed_rows` remembers the rows of the last listing, so that only changes
    are transferred.
    """
    if query.with_visibility:
        return await _listing_with_visibility(actor_database, query, at)
    chosen_path = await list_sql.access_path(actor_database, query.window.listed)
    has_projects = await actor_database.has(Capability.PROJECTS)
    further = further_queries(query, has_projects=has_projects, of_one_user=not actor_database.is_operators, at=at)
    asked = list_sql.listing_queries(query.window, chosen_path)
    read = partial(actor_database.read_together, is_repeated=True)
    taken_at, (names, (has_project,), *rows) = await changed_rows.read(read, *further, *asked)
    return Listing(
        query=query,
        window=list_sql.window(query.window, rows, chosen_path),
        projects=tuple(names),
        has_project=has_project,
        taken_at=taken_at,
    )


async def compare_visibility(actor_database: ActorDatabase, window: RowWindowQuery) -> VisibilityComparison:
    compare = await _plan_comparison(actor_database, window)
    async with actor_database.translating_refusals(Capability.JOBS), actor_database.database.snapshot() as snapshot:
        return await compare(snapshot)


async def _listing_with_visibility(actor_database: ActorDatabase, query: ListingQuery, at: datetime | None) -> Listing:
    compare = await _plan_comparison(actor_database, query.window)
    has_projects = await actor_database.has(Capability.PROJECTS)
    further = further_queries(query, has_projects=has_projects, of_one_user=True, at=at)
    async with actor_database.translating_refusals(Capability.JOBS), actor_database.database.snapshot() as snapshot:
        visibility = await compare(snapshot)
        if visibility.rules.is_granted:
            (taken_at,), names, (has_project,) = await snapshot.read(visibility.user, *further)
        else:  # The user may read nothing.
            names, has_project = [], True
            ((taken_at,),) = await snapshot.read(OPERATOR, query_module.clock(at))
    return Listing(
        query=query,
        window=visibility.window,
        projects=tuple(names),
        has_project=has_project,
        taken_at=taken_at,
        visibility=visibility,
    )


async def _plan_comparison(actor_database: ActorDatabase, window: RowWindowQuery) -> Compare:
    """Prepare the comparison before the snapshot: a task that holds a connection must not wait for another one."""
    if not isinstance(actor_database.actor, ActingUser):
        raise InvalidValue("actor", "Visibility needs a user to act as.", hint="Act as a user first.")
    user, listed = actor_database.actor, window.listed
    operators = actor_database.acting_as(OPERATOR)
    chosen_path = await list_sql.access_path(operators, listed)
    # If the operator can't read projects, only the user's own jobs concern the user.
    has_projects = await operators.has(Capability.PROJECTS)
    partial_claims = await actor_database.partial_claims()

    async def compare(snapshot: Snapshot) -> VisibilityComparison:
        theirs: list[UUID] = []
        if listed.project_id is None and has_projects:
            (theirs,) = await snapshot.read(OPERATOR, projects_of(user.id))
        concern = UserScope(user_id=user.id, project_ids=tuple(theirs)) if listed.project_id is None else None
        count = list_sql.length(listed, limit=MOST_COUNTED + 1, readable=chosen_path.readable, concern=concern)
        rows_around = list_sql.listing_queries(window, replace(chosen_path, concern=concern))
        found, policies, (there,), *rows = await snapshot.read(OPERATOR, _ROLE_RULES, POLICIES, count, *rows_around)
        rules, seen_by_operator = _make_rules(found, policies), list_sql.window(window, rows, chosen_path)
        ids, seen, seen_ids = [job.id for job in seen_by_operator.jobs], 0, list[UUID]()
        if rules.is_granted:  # Otherwise, nothing is read as the user.
            seen_ids, (seen,) = await snapshot.read(user, Query(_SEEN, first_column, {"ids": ids}), count)
        return VisibilityComparison(
            user=user,
            window=seen_by_operator,
            hidden=frozenset(ids).difference(seen_ids),
            everything=CappedCount.of(there, MOST_COUNTED),
            seen=CappedCount.of(seen, MOST_COUNTED),
            rules=rules,
            partial_claims=partial_claims,
        )

    return compare
