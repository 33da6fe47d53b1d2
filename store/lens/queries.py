"""The statements of the lens."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select, text

from store import tables
from store.database import ROLE_OF_USERS, Query
from store.errors import SchemaMissing
from store.lens.model import Policy, ReadRules
from store.statements.rows import Row, make_id

_jobs, _projects = tables.generation_jobs, tables.projects

MOST_PROJECTS = 1_000
"""Of a user, the newest: jobs of theirs in others are found by their owner."""


_THEIR_PROJECTS = (
    select(_projects.c.id)
    .where(_projects.c.user_id == bindparam("user_id", type_=Uuid))
    .order_by(_projects.c.created_at.desc(), _projects.c.id.desc())
    .limit(MOST_PROJECTS)
)


def projects_of(user_id: UUID) -> Query[UUID]:
    return Query(_THEIR_PROJECTS, make_id, {"user_id": user_id})


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
