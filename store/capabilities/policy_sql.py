"""SQL that reads row level security policies."""

from dataclasses import replace

from sqlalchemy import text

from gjobs.store.capabilities.facts import PolicyCommand, RlsPolicy
from gjobs.store.database.query import Query, Row
from gjobs.store.formats import known_or_text
from gjobs.store.users.actor import ROLE_OF_USERS

_POLICIES = """
select tablename::text, policyname::text, quote_ident(policyname), permissive = 'PERMISSIVE', cmd,
       array(select role::text from unnest(roles) as role
              where role in ('public', 'anon', 'authenticated') order by 1),
       exists (select from pg_roles users, unnest(roles) as role
                where users.rolname = :users
                  and case when role = 'public' then true else pg_has_role(users.oid, role, 'USAGE') end),
       qual, with_check{trees}
  from pg_policies
 where schemaname = 'public' and tablename in ('generation_jobs', 'projects', 'assets')
 order by tablename, policyname
"""
_TREES = """,
       (select polqual::text from pg_policy
         where polname = policyname and polrelid = format('%I.%I', schemaname, tablename)::regclass),
       (select polwithcheck::text from pg_policy
         where polname = policyname and polrelid = format('%I.%I', schemaname, tablename)::regclass)
"""


def _make_policy(row: Row) -> RlsPolicy:
    table, name, quoted_name, is_permissive, command, roles, holds_for_users, using, check, *trees = row
    using_tree, check_tree = trees or (None, None)
    return RlsPolicy(
        table=table,
        name=name,
        quoted_name=quoted_name,
        is_permissive=is_permissive,
        command=known_or_text(PolicyCommand, command),
        roles=tuple(roles),
        holds_for_users=holds_for_users,
        using=using,
        check=check,
        using_tree=using_tree,
        check_tree=check_tree,
    )


POLICIES: Query[RlsPolicy] = Query(text(_POLICIES.format(trees="")), _make_policy, {"users": ROLE_OF_USERS})
"""All policies, for every actor. Names in their expressions have a schema if the search path needs one."""
POLICIES_WITH_TREES = replace(POLICIES, statement=text(_POLICIES.format(trees=_TREES)))
