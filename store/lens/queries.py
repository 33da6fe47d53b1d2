"""The statements of the lens."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Integer, Select, Text, Uuid, any_, bindparam, func, or_, select, text

from store import tables
from store.database import ROLE_OF_USERS, Query
from store.errors import SchemaMissing
from store.lens.model import Policy, ReadRules
from store.model import CappedCount, GenerationJob, JobStatus
from store.statements.jobs import COLUMNS, make_job
from store.statements.rows import Row, make_id

_jobs, _projects = tables.generation_jobs, tables.projects

MOST_COUNTED = 10_000
MOST_PROJECTS = 1_000
"""Of a user, the newest: jobs of theirs in others are found by their owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A list of jobs, described so that it is the same list for all eyes: no other table is asked for it."""

    project_id: UUID | None
    """None for the jobs that concern the user: their own, and those in their projects."""
    user_id: UUID
    project_ids: tuple[UUID, ...] = ()
    """The user's. Read only where `project_id` is None."""
    status: JobStatus | None

    def query_parameters(self) -> dict[str, object]:
        where: dict[str, object] = (
            {"user_id": self.user_id, "project_ids": list(self.project_ids)}
            if self.project_id is None
            else {"project_id": self.project_id}
        )
        return where if self.status is None else {**where, "status": self.status.value}


_THEIR_PROJECTS = (
    select(_projects.c.id)
    .where(_projects.c.user_id == bindparam("user_id", type_=Uuid))
    .order_by(_projects.c.created_at.desc(), _projects.c.id.desc())
    .limit(MOST_PROJECTS)
)


def projects_of(user_id: UUID) -> Query[UUID]:
    return Query(_THEIR_PROJECTS, make_id, {"user_id": user_id})


def page(scope: Scope, *, limit: int) -> Query[GenerationJob]:
    """Newest first; one row more than `limit` where there is a next page."""
    statement = _page(of_project=scope.project_id is not None, of_status=scope.status is not None)
    return Query(statement, make_job, {**scope.query_parameters(), "rows": limit + 1})


@cache
def _page(*, of_project: bool, of_status: bool) -> Select[*tuple[object, ...]]:
    listed = select(*COLUMNS).where(*_conditions(of_project=of_project, of_status=of_status))
    listed = listed.order_by(_jobs.c.created_at.desc(), _jobs.c.id.desc())
    return listed.limit(bindparam("rows", type_=Integer))


def count(scope: Scope) -> Query[CappedCount]:
    statement = _count(of_project=scope.project_id is not None, of_status=scope.status is not None)
    return Query(statement, lambda row: CappedCount.of(row[0], MOST_COUNTED), scope.query_parameters())


@cache
def _count(*, of_project: bool, of_status: bool) -> Select[*tuple[object, ...]]:
    listed = select(_jobs.c.id).where(*_conditions(of_project=of_project, of_status=of_status))
    return select(func.count()).select_from(listed.limit(MOST_COUNTED + 1).subquery("listed"))


def _conditions(*, of_project: bool, of_status: bool) -> list[ColumnElement[bool]]:
    if of_project:
        conditions: list[ColumnElement[bool]] = [_jobs.c.project_id == bindparam("project_id", type_=Uuid)]
    else:
        in_theirs = _jobs.c.project_id == any_(bindparam("project_ids", type_=ARRAY(Uuid)))
        conditions = [or_(_jobs.c.user_id == bindparam("user_id", type_=Uuid), in_theirs)]
    if of_status:
        conditions.append(_jobs.c.status == bindparam("status", type_=Text))
    return conditions


_SEEN = select(_jobs.c.id).where(_jobs.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))


def seen(job_ids: Sequence[UUID]) -> Query[UUID]:
    """Those of the jobs that are to be seen."""
    return Query(_SEEN, make_id, {"ids": list(job_ids)})


# The policies are those of reading that hold for the role, by being for everybody, for it, or for a role that it is in.
_RULES = text(
    """
    select has_schema_privilege(reader.oid, jobs.relnamespace, 'usage')
               and has_any_column_privilege(reader.oid, jobs.oid, 'select'),
           jobs.relrowsecurity and not reader.rolbypassrls and not reader.rolsuper
               and (jobs.relforcerowsecurity or not pg_has_role(reader.oid, jobs.relowner, 'usage')),
           row_security_active(jobs.oid),
           (select coalesce(
                       json_agg(
                           json_build_array(p.polname, p.polpermissive, pg_get_expr(p.polqual, p.polrelid))
                           order by p.polname),
                       '[]')
              from pg_policy p
             where p.polrelid = jobs.oid and p.polcmd in ('r', '*')
               and exists (select from unnest(p.polroles) as holder
                            where holder = 0 or pg_has_role(reader.oid, holder, 'usage')))
      from pg_class jobs, pg_roles reader
     where jobs.oid = cast('public.generation_jobs' as regclass) and reader.rolname = :role
    """
)


def rules() -> Query[ReadRules]:
    """No row where there is no role of users."""
    return Query(_RULES, _make_rules, {"role": ROLE_OF_USERS})


def _make_rules(row: Row) -> ReadRules:
    is_granted, has_row_security, holds_for_operator, policies = row
    return ReadRules(
        role=ROLE_OF_USERS,
        is_granted=is_granted,
        has_row_security=has_row_security,
        holds_for_operator=holds_for_operator,
        policies=tuple(
            Policy(name=name, is_permissive=is_permissive, expression=expression)
            for name, is_permissive, expression in policies
        ),
    )


def the_one(found: Sequence[ReadRules]) -> ReadRules:
    """Raises SchemaMissing where nobody can look as a user at all."""
    if not found:
        raise SchemaMissing(f"This database has no role {ROLE_OF_USERS}, which users' requests run as.")
    return found[0]
