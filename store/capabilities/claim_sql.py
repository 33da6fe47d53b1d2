"""The policies of row level security, and the claims and settings of a request that they read."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import text

from gjobs.store.capabilities.capability import QUALIFY, PolicyCommand, PolicyFacts, RlsPolicy
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, ignore_row, row_maker
from gjobs.store.errors import Locked, TimedOut
from gjobs.store.users.actor import OPERATOR, ROLE_OF_USERS
from gjobs.store.values.formats import known_or_text

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


_make_policy = row_maker(RlsPolicy, command=partial(known_or_text, PolicyCommand), roles=tuple)


POLICIES: Query[RlsPolicy] = Query(text(_POLICIES.format(trees="")), _make_policy, {"users": ROLE_OF_USERS})
"""All policies, for every actor. Names in their expressions have a schema if the search path needs one."""
POLICIES_WITH_TREES = replace(POLICIES, statement=text(_POLICIES.format(trees=_TREES)))


WHOLE_TOKEN = "*"  # noqa: S105
"""Means that any claim may be read, because the token is used in a way that can't be followed."""

_OF_FUNCTION = {"uid": "sub", "role": "role", "email": "email"}
"""Functions of the schema auth that return one claim."""

# Follow tables to their policies. Follow policies and views to their tables and functions. Follow functions to the
# functions that they call and the tables that they name.
POLICY_EXPRESSIONS: Query[str] = Query(
    text("""
with recursive policies as (
    select p.oid, p.polrelid,
           concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) as body
      from pg_policy p
      join pg_class c on c.oid = p.polrelid
      join pg_roles users on users.rolname = :role
     where c.relrowsecurity
       and exists (select from unnest(p.polroles) as role(oid)
                    where case when role.oid = 0 then true else pg_has_role(users.oid, role.oid, 'USAGE') end)
), functions as (
    select p.oid, p.proname, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as body
      from pg_proc p
      join pg_namespace n on n.oid = p.pronamespace
      join pg_language l on l.oid = p.prolang
     where n.nspname not in ('pg_catalog', 'information_schema') and l.lanname not in ('internal', 'c')
       and not exists (select from pg_depend d
                        where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
       and not (n.nspname = 'auth' and p.proname in ('uid', 'role', 'email', 'jwt'))
), reached (kind, oid) as (
    select 'table', c.oid
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relname in ('generation_jobs', 'projects', 'assets')
    union
    select next.kind, next.oid
      from reached
     cross join lateral (
           select case d.refclassid when 'pg_class'::regclass then 'table' else 'function' end, d.refobjid
             from policies p
             join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
            where reached.kind = 'table' and p.polrelid = reached.oid
              and d.refclassid in ('pg_class'::regclass, 'pg_proc'::regclass)
           union all
           select case d.refclassid when 'pg_class'::regclass then 'table' else 'function' end, d.refobjid
             from pg_rewrite w
             join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
            where reached.kind = 'table' and w.ev_class = reached.oid
              and d.refclassid in ('pg_class'::regclass, 'pg_proc'::regclass)
           union all
           select 'function', called.oid
             from functions f
             join functions called
                  on case when strpos(lower(f.body), lower(called.proname)) > 0
                          then f.body ~* ('\\m' || regexp_replace(called.proname, '\\W', '.', 'g') || '"?\\s*\\(') end
            where reached.kind = 'function' and f.oid = reached.oid
           union all
           select 'table', c.oid
             from functions f
             join pg_class c
                  on case when c.relrowsecurity and strpos(lower(f.body), lower(c.relname)) > 0
                          then f.body ~* ('\\m' || regexp_replace(c.relname, '\\W', '.', 'g') || '\\M') end
            where reached.kind = 'function' and f.oid = reached.oid
           ) next (kind, oid)
)
select body from policies p where exists (select from reached r where r.kind = 'table' and r.oid = p.polrelid)
union
select body from functions f where exists (select from reached r where r.kind = 'function' and r.oid = f.oid)
union
select pg_get_viewdef(v.oid) from pg_class v
 where v.relkind in ('v', 'm') and exists (select from reached r where r.kind = 'table' and r.oid = v.oid)
"""),
    lambda row: str(row[0] or ""),
)
"""The expressions of the policies that decide which jobs, projects and assets a role of app requests sees."""

QUALIFY_QUERY = Query(text(QUALIFY), ignore_row)
"""Read this first. Later queries in the same transaction must name schemas explicitly."""

OWN_ROWS = (
    "(auth.uid() = user_id)",
    "(( SELECT auth.uid() AS uid) = user_id)",
    "(user_id = auth.uid())",
    "(user_id = ( SELECT auth.uid() AS uid))",
)
"""How Postgres prints that a row belongs to its user."""


def policy_queries(role: str) -> tuple[Query[Any], ...]:
    """Return the queries that `read_policy_facts` reads together."""
    return (
        QUALIFY_QUERY,
        replace(POLICY_EXPRESSIONS, parameters={"role": role}),
        replace(POLICIES, parameters={"users": role}),
    )


async def read_policy_facts(database: Database, role: str) -> PolicyFacts:
    """Read the policies. If a lock or a timeout prevents it, assume that they read any claim."""
    try:
        _, expressions, policies = await database.read_together(OPERATOR, *policy_queries(role))
    except TimedOut as error:
        unread = frozenset({WHOLE_TOKEN})
        return PolicyFacts(claims=unread, shows_users_their_own=False, is_locked=isinstance(error, Locked))
    shown = [policy.using if policy.is_permissive else None for policy in policies if policy.decides_on_jobs]
    return PolicyFacts(
        claims=claims_read(expressions),
        settings=settings_read(expressions),
        shows_users_their_own=len(shown) == 1 and shown[0] in OWN_ROWS,
    )


_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_CLAIM_FUNCTION = re.compile(r'"?\bauth"?\s*\.\s*"?(?P<name>uid|role|email)"?\s*\(\s*\)', re.IGNORECASE)
_LEGACY = re.compile(r"'request\.jwt\.claim\.(?P<name>[^']+)'", re.IGNORECASE)
_TOKEN = re.compile(
    r"""(?:(?:"?\bauth"?\s*\.\s*)?"?\bjwt"?\s*\(\s*\)|'request\.jwt\.claims?'(?:::\w+)?\s*(?:,\s*\w+\s*)?\))""",
    re.IGNORECASE,
)
_WRAPPING = re.compile(
    r"""(?:\s*(?:\)|,\s*''(?:::\w+)?\s*\)|,\s*'\{\}'(?:::\w+)?\s*\)|::\s*jsonb?\b|\bas\s+"?\w+"?(?:\s*\))?))*""",
    re.IGNORECASE,
)
"""Code between the token and the operator that reads a claim: parentheses, casts, nullif and coalesce."""
_TAKEN = re.compile(
    r"""\s*(?:->>?|\?)\s*'(?P<key>[^']+)'|\s*#>>?\s*'\{\s*"?(?P<path>[^,}"]+)|\s*\[\s*'(?P<item>[^']+)'"""
)
_OF_PATH = re.compile(r"""\s*,\s*'(?P<key>[^']+)'""")
_PATH_FUNCTION = re.compile(r"jsonb?_extract_path(?:_text)?\s*\(\s*(?:\(\s*select\s+)?$", re.IGNORECASE)
_ANY_KEY = re.compile(r"(?:->>?)\s*'(?P<key>[^']+)'")
_SETTING = re.compile(
    r"""\bcurrent_setting"?\s*\(\s*(?:\(*\s*e?'(?P<name>[^']*)'(?:::\w+)?\)*\s*[,)])?""", re.IGNORECASE
)
_OF_CLAIMS, _OWN = re.compile(r"request\.jwt\.claims?(\..+)?"), "gjobs."


def claims_read(expressions: Iterable[str]) -> frozenset[str]:
    """Return the names of the claims. Includes WHOLE_TOKEN if a token is used in a way that can't be followed."""
    return frozenset(claim for expression in expressions for claim in _claims_of(_COMMENT.sub(" ", expression)))


def _claims_of(expression: str) -> Iterator[str]:
    for found in _CLAIM_FUNCTION.finditer(expression):
        yield _OF_FUNCTION[found["name"].lower()]
    for found in _LEGACY.finditer(expression):
        yield found["name"]
    for token in _TOKEN.finditer(expression):
        yield from _claims_of_token(expression, token)
    if any(found["name"] is None for found in _SETTING.finditer(expression)):
        # The name of the setting is computed, so it may be any claim.
        yield WHOLE_TOKEN


def settings_read(expressions: Iterable[str]) -> frozenset[str]:
    """Return the names of the settings that an app sets for a request, except claims."""
    bodies = (_COMMENT.sub(" ", expression) for expression in expressions)
    named = {(found["name"] or "").lower() for body in bodies for found in _SETTING.finditer(body)}
    # The server's own settings have no dot.
    return frozenset(
        name for name in named if "." in name and not _OF_CLAIMS.fullmatch(name) and not name.startswith(_OWN)
    )


def _claims_of_token(expression: str, token: re.Match[str]) -> Iterator[str]:
    wrapping = _WRAPPING.match(expression, token.end())
    end = wrapping.end() if wrapping else token.end()
    if taken := _TAKEN.match(expression, end):
        yield taken["key"] or taken["path"] or taken["item"]
    elif _PATH_FUNCTION.search(expression, 0, token.start()) and (of_path := _OF_PATH.match(expression, end)):
        yield of_path["key"]
    else:
        # The token may be stored in a variable. Any key that is read may be a claim, and there may be more.
        yield WHOLE_TOKEN
        yield from (found["key"] for found in _ANY_KEY.finditer(expression))


def unknown_claims_words(claims: Sequence[str]) -> str:
    """Return a sentence that names the claims."""
    named = [claim for claim in claims if claim != WHOLE_TOKEN]
    if not named:
        return "policies read the whole token, and gjobs does not know all of it."
    more = ", and more of the token" if WHOLE_TOKEN in claims else ""
    return f"policies read {', '.join(named)}{more}, which gjobs does not know."
