"""Checks row level security: tables without it, and policies that are too open or too narrow."""

import json
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from uuid import UUID

from sqlalchemy import func, literal_column, select, text

from gjobs.store.capabilities.capability import Capability, PolicyCommand, RlsPolicy
from gjobs.store.capabilities.probe import probe
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, TimeLimits, row_maker
from gjobs.store.doctor.findings import Finding, Section, Severity
from gjobs.store.doctor.node_trees import Node, Tree, depends_on_row, parse_tree
from gjobs.store.errors import SignInRefused, StoreError, Unreachable, command
from gjobs.store.users.actor import ANON, ROLE_OF_ANON, ActingUser

_finding = partial(Finding, Section.RULES)


class Reach(IntEnum):
    """Who can access the rows of others. A larger value means more users."""

    NOBODY = 0
    """The condition shows users their own rows, or none."""
    UNKNOWN = 1
    """The condition depends on the row in a way that gjobs does not know."""
    SOME = 2
    """A part of the condition does not depend on the row. gjobs does not know which users meet it."""
    EVERYBODY = 3


OWN_ROW = frozenset(
    {
        "auth.uid() = user_id",
        "user_id = auth.uid()",
        "( SELECT auth.uid() AS uid) = user_id",
        "user_id = ( SELECT auth.uid() AS uid)",
    }
)
_USER_METADATA = re.compile(r"\b(?:user_metadata|raw_user_meta_data)\b")


def trusts_users(expression: str | None) -> bool:
    """Return whether the expression reads the part of the token that users can change themselves."""
    return bool(_USER_METADATA.search(expression or ""))


_MADE_UP_ID = UUID("6a6f6273-0000-4000-8000-000000000001")
_MADE_UP_USER = ActingUser(id=_MADE_UP_ID, email="nobody@gjobs.invalid")
_ID_OF_OTHERS = "6a6f6273-0000-4000-8000-000000000002"
_MADE_UP_ROW = json.dumps(
    {
        **dict.fromkeys(("id", "user_id", "project_id"), _ID_OF_OTHERS),
        **dict.fromkeys(("created_at", "updated_at"), "2026-01-01T00:00:00Z"),
        "name": "name",
        "kind": "upload",
        "storage_path": "path",
        "mode": "lifestyle",
        "status": "queued",
        "cost_cents": 0,
    }
)
"""A row of another user, for any of the app's tables. It has the columns that can't be null."""
_LIMITS = TimeLimits(statement=1.0, lock=0.2)


async def try_policies(database: Database, policies: list[RlsPolicy]) -> list[RlsPolicy]:
    """Try each condition as a made-up user on a made-up row of another user. It reads only that row.

    A login that can't act as users tries none. A condition that fails counts as not met.
    """
    if (await probe(database)).missing(Capability.ACTING):
        return policies
    return [
        replace(
            policy,
            is_using_met=await _is_met(database, policy, policy.using),
            is_check_met=await _is_met(database, policy, policy.check),
        )
        for policy in policies
    ]


async def _is_met(database: Database, policy: RlsPolicy, condition: str | None) -> bool:
    if condition is None or not policy.is_permissive or OWN_ROW & set(conjuncts(condition)):
        return False
    row = func.jsonb_populate_record(literal_column(f"null::public.{policy.table}"), text("cast(:row as jsonb)"))
    query = Query(
        select(literal_column(f"({condition})")).select_from(row.alias(policy.table)),
        lambda found: bool(found[0]),
        {"row": _MADE_UP_ROW},
    )
    try:
        (is_met,) = await database.read(
            ANON if policy.roles == (ROLE_OF_ANON,) else _MADE_UP_USER, query, limits=_LIMITS
        )
    except (Unreachable, SignInRefused):
        raise
    except StoreError:
        return False
    return is_met


def reach(condition: str | None, tree: str | None, *, is_met: bool = False) -> Reach:
    """Return who can access the rows of others. None means that there is no such condition."""
    if condition is None or tree is None:
        return Reach.NOBODY
    return Reach.EVERYBODY if is_met or condition == "true" else _reach(condition, parse_tree(tree))


def _reach(condition: str, tree: Tree) -> Reach:
    """Postgres prints the parts of an AND or OR in the order of the tree."""
    bare = _bare(condition)
    if isinstance(tree, Node) and tree.name == "BOOLEXPR" and (operator := tree.first("boolop")) in ("and", "or"):
        parts, trees = list(_split(bare, f" {str(operator).upper()} ")), tree.items("args")
        if len(parts) == len(trees):
            found = map(_reach, parts, trees)
            return min(found) if operator == "and" else max(found)
    if bare in OWN_ROW or bare in _MET_BY_NO_USER:
        return Reach.NOBODY
    return Reach.UNKNOWN if depends_on_row(tree) else Reach.SOME


_MET_BY_NO_USER = frozenset(
    {
        "false",
        "auth.role() = 'service_role'::text",
        "( SELECT auth.role() AS role) = 'service_role'::text",
        "(auth.jwt() ->> 'role'::text) = 'service_role'::text",
    }
)


def conjuncts(expression: str) -> tuple[str, ...]:
    """Return the conditions that must all hold, without enclosing parentheses and line breaks."""
    bare = _bare(expression)
    parts = list(_split(bare, " AND "))
    if len(parts) == 1:
        return (bare,)
    return tuple(conjunct for part in parts for conjunct in conjuncts(part))


def disjuncts(expression: str) -> tuple[str, ...]:
    """Return the alternatives of a condition, without enclosing parentheses and line breaks."""
    return tuple(_bare(part) for part in _split(_bare(expression), " OR "))


def _bare(expression: str) -> str:
    """Remove line breaks, and parentheses that enclose the whole expression."""
    expression = " ".join(expression.split())
    while expression.startswith("("):
        closing = next((index for index, depth in _depths(expression) if depth == 0), -1)
        if closing != len(expression) - 1:
            break
        expression = expression[1:-1].strip()
    return expression


def _split(expression: str, operator: str) -> Iterator[str]:
    start = 0
    for index, depth in _depths(expression):
        if depth == 0 and index >= start and expression.startswith(operator, index):
            yield expression[start:index]
            start = index + len(operator)
    yield expression[start:]


def _depths(expression: str) -> Iterator[tuple[int, int]]:
    """Yield each position outside quotes, with the parenthesis depth after that character."""
    depth, quote = 0, ""
    for index, character in enumerate(expression):
        if quote:
            quote = "" if character == quote else quote
        elif character in ("'", '"'):
            quote = character
        else:
            depth += (character == "(") - (character == ")")
            yield index, depth


@dataclass(frozen=True, slots=True, kw_only=True)
class RlsTable:
    name: str
    """Without its schema, which is public."""
    has_row_security: bool
    is_forced: bool
    """Whether row level security also applies to the table's owner."""
    reachable: tuple[str, ...]
    """The request roles with any privilege on it."""
    truncating: tuple[str, ...]
    """The request roles that may TRUNCATE it."""
    publications: tuple[str, ...]


TABLES: Query[RlsTable] = Query(
    text("""
select c.relname::text, c.relrowsecurity, c.relforcerowsecurity,
       array(select r.rolname::text from pg_roles r
              where r.rolname in ('anon', 'authenticated')
                and (has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE')
                     or has_table_privilege(r.oid, c.oid, 'DELETE'))
              order by 1),
       array(select r.rolname::text from pg_roles r
              where r.rolname in ('anon', 'authenticated') and has_table_privilege(r.oid, c.oid, 'TRUNCATE')
              order by 1),
       array(select p.pubname::text from pg_publication_tables p
              where p.schemaname = n.nspname and p.tablename = c.relname order by 1)
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'public' and c.relname in ('generation_jobs', 'projects', 'assets') and c.relkind in ('r', 'p')
 order by c.relname = 'generation_jobs' desc, c.relname = 'projects' desc
"""),
    row_maker(RlsTable, reachable=tuple, truncating=tuple, publications=tuple),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCopy:
    """A table or materialized view without row level security that resembles one of the app's tables.

    It can be a partition of the app's table, or a foreign table that has the name of the app's table.
    It has a column `user_id`, and at least half of the columns of the app's table or the main columns of a job.
    """

    name: str
    """As written in SQL."""
    original: str
    shared_columns: int
    kind: str
    has_policies: bool
    """Whether it can have row level security. A foreign table and a materialized view can't."""
    readers: tuple[str, ...]
    """The request roles that may read it."""


COPIES: Query[TableCopy] = Query(
    text("""
with app as (
    select t.oid, t.relname::text as name, a.attname, a.atttypid, count(*) over (partition by t.oid) as columns
      from pg_class t
      join pg_namespace n on n.oid = t.relnamespace
      join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
     where n.nspname = 'public' and t.relname in ('generation_jobs', 'projects', 'assets')
)
select distinct on (c.oid) format('%I.%I', n.nspname, c.relname), app.name, count(*), c.relkind::text, readers.names
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join app on app.attname = a.attname and app.atttypid = a.atttypid
 cross join lateral (
       select array(select r.rolname::text from pg_roles r
                     where r.rolname in ('anon', 'authenticated') and has_schema_privilege(r.oid, n.oid, 'USAGE')
                       and has_any_column_privilege(r.oid, c.oid, 'SELECT')
                     order by 1)
       ) readers (names)
 where c.relkind in ('r', 'p', 'f', 'm') and c.relpersistence <> 't' and not c.relrowsecurity
   and (c.oid not in (select oid from app) or c.relkind = 'f') and readers.names <> '{}'
 group by c.oid, n.nspname, app.oid, app.name, app.columns, readers.names
having bool_or(a.attname = 'user_id')
   and (2 * count(*) >= app.columns
        or app.name = 'generation_jobs'
           and count(*) filter (where a.attname in ('id', 'status', 'mode', 'cost_cents')) = 4)
 order by c.oid, count(*) desc
"""),
    lambda row: TableCopy(
        name=row[0],
        original=row[1],
        shared_columns=row[2],
        kind={"m": "materialized view", "f": "foreign table"}.get(row[3], "table"),
        has_policies=row[3] in ("r", "p"),
        readers=tuple(row[4]),
    ),
)


def copy_findings(copies: Sequence[TableCopy], *, reported: Set[str]) -> Iterator[Finding]:
    """Check the copies, except those that another finding already reports."""
    for copy in copies:
        if copy.name in reported:
            continue
        enable = f"ALTER TABLE {copy.name} ENABLE ROW LEVEL SECURITY;"
        revoke = f"REVOKE ALL ON {copy.name} FROM PUBLIC, {', '.join(copy.readers)};"
        is_original = copy.name == f"public.{copy.original}"
        lacks = f"has {copy.shared_columns} columns of {copy.original}, but no row level security"
        if is_original:
            lacks = "can't have row level security"
        yield _finding(
            "no-row-security" if is_original else "unprotected-copy",
            Severity.PROBLEM,
            f"The {copy.kind} {copy.name} {lacks}: {' and '.join(copy.readers)} may read every row.",
            sql=enable if copy.has_policies else revoke,
        )


def policy_findings(tables: Sequence[RlsTable], policies: Sequence[RlsPolicy]) -> Iterator[Finding]:
    """Check the tables that exist. `policies` must include their node trees."""
    there = {table.name for table in tables}
    for table in tables:
        own = [policy for policy in policies if policy.table == table.name and policy.roles]
        if table.has_row_security:
            yield from _open(own)
            yield from _blind_for_project(table, own, has_assets="assets" in there)
            yield from _nothing_to_see(table, own)
        else:
            yield _unprotected(table, own)
        yield from _remarks(table)
    yield from _truncating(tables)


def nothing_leaks(tables: Sequence[RlsTable], findings: Sequence[Finding]) -> Iterator[Finding]:
    """Report that no fault was found. Report nothing if no table exists, or if a condition was not judged."""
    if tables and not any(finding.is_fault or finding.name == _NOT_JUDGED for finding in findings):
        yield _finding(
            "no-leak",
            Severity.OK,
            "According to their definitions, functions, views and policies show each user only their own rows.",
        )


_NOT_JUDGED = "not-judged"


def _unprotected(table: RlsTable, policies: Sequence[RlsPolicy]) -> Finding:
    roles = " and ".join(table.reachable)
    reached = f": {roles} can access every row" if roles else ""
    return _finding(
        "no-row-security",
        Severity.PROBLEM if roles else Severity.WARNING,
        f"Row level security is off on {table.name}{reached}.",
        sql=f"ALTER TABLE public.{table.name} ENABLE ROW LEVEL SECURITY;",
        hint=None if policies else "Create policies first, because users see no rows without one.",
    )


def _open(policies: Sequence[RlsPolicy]) -> Iterator[Finding]:
    """Report permissive policies that let users reach the rows of others, or that may do so."""
    for policy in policies:
        if not policy.is_permissive:
            continue
        using, check = _reach_of_using(policy, policies), _reach_of_check(policy, policies)
        widest, condition, tree = (
            (using, policy.using, policy.using_tree) if using >= check else (check, *_stored_with_tree(policy))
        )
        sentence = f"{policy.quoted_name} on {policy.table}"
        if widest is Reach.EVERYBODY:
            everybody = "everybody" if condition == "true" else "every user"
            whom = " and ".join(everybody if role == "public" else role for role in policy.roles)
            does = "access rows of others" if using >= check else "store rows for any user"
            yield _finding(
                "open-policy",
                Severity.PROBLEM,
                f"The policy {sentence} lets {whom} {does} ({policy.command}).",
                sql=f"DROP POLICY {policy.quoted_name} ON public.{policy.table};",
                hint="First check who depends on it.",
            )
        elif widest is Reach.SOME and not _trusts_users(policy):
            part = "A part of the condition" if tree and depends_on_row(parse_tree(tree)) else "The condition"
            does = "access every row" if using >= check else "store rows for any user"
            yield _finding(
                WITHOUT_ROW,
                Severity.WARNING,
                f"{part} of the policy {sentence} does not depend on the row. Every user who meets it can"
                f" {does} ({policy.command}).",
                hint="Keep it if only administrators meet the condition. If not, compare user_id with auth.uid().",
            )
        elif widest is Reach.UNKNOWN:
            yield _finding(
                _NOT_JUDGED,
                Severity.NOTE,
                f"The policy {sentence} was not judged, because its condition has a form unknown to gjobs"
                f" ({policy.command}).",
                hint=f"{command('doctor --isolation')} tries whether users reach the rows of others.",
            )


WITHOUT_ROW = "policy-without-row"


def _reach_of_using(policy: RlsPolicy, others: Sequence[RlsPolicy]) -> Reach:
    limits = (reach(other.using, other.using_tree) for other in _restrictions(policy, others) if other.using)
    if Reach.NOBODY in limits:
        return Reach.NOBODY
    return reach(policy.using, policy.using_tree, is_met=policy.is_using_met)


def _reach_of_check(policy: RlsPolicy, others: Sequence[RlsPolicy]) -> Reach:
    stored = [_stored_with_tree(other) for other in _restrictions(policy, others)]
    if any(condition and reach(condition, tree) is Reach.NOBODY for condition, tree in stored):
        return Reach.NOBODY
    is_met = policy.is_check_met if policy.check else policy.is_using_met
    return reach(*_stored_with_tree(policy), is_met=is_met)


def _restrictions(policy: RlsPolicy, others: Sequence[RlsPolicy]) -> Iterator[RlsPolicy]:
    """Yield the restrictive policies that must also hold whenever the policy applies."""
    return (
        other
        for other in others
        if not other.is_permissive
        and other.command in (policy.command, PolicyCommand.ALL)
        and ("public" in other.roles or set(policy.roles) <= set(other.roles))
    )


def _trusts_users(policy: RlsPolicy) -> bool:
    return trusts_users(policy.using) or trusts_users(policy.check)


def user_data_findings(policies: Sequence[RlsPolicy], bodies: Sequence[str]) -> Iterator[Finding]:
    """Report policies that trust what users can change. `bodies` are all conditions and functions that policies use."""
    found = [policy for policy in policies if policy.roles and _trusts_users(policy)]
    conditions = [condition for policy in found for condition in (policy.using, policy.check) if condition]
    for policy in found:
        yield _finding(
            "user-metadata",
            Severity.PROBLEM,
            f"The policy {policy.quoted_name} on {policy.table} trusts user_metadata. Users can change it themselves.",
            hint=_OF_SERVER,
        )
    if any(trusts_users(body) and not any(condition in body for condition in conditions) for body in bodies):
        yield _finding(
            "user-metadata",
            Severity.PROBLEM,
            "Policies call a function that trusts user_metadata, or read a table whose policy does. Users can change"
            " user_metadata themselves.",
            hint=_OF_SERVER,
        )


_OF_SERVER = "Use app_metadata instead, which only the server can change."


_PROJECT = re.compile(r"\bproject_id\b")
_MY_PROJECT = """\
EXISTS (SELECT FROM public.projects p
                WHERE p.id = {table}.project_id AND p.user_id = (SELECT auth.uid()))"""
_MY_ASSET = """\
({table}.input_asset_id IS NULL
             OR EXISTS (SELECT FROM public.assets a
                         WHERE a.id = {table}.input_asset_id AND a.user_id = (SELECT auth.uid())))"""
_NARROWED = """\
CREATE POLICY "Own {things} in own projects, {command}" ON public.{table}
    AS RESTRICTIVE FOR {command} {using}WITH CHECK (
    user_id IS DISTINCT FROM (SELECT auth.uid())
    OR {condition}
);"""
"""Restricts which rows users may store under their own id. The app's policies stay unchanged, and still decide about
other rows.
"""


def _blind_for_project(table: RlsTable, policies: Sequence[RlsPolicy], *, has_assets: bool) -> Iterator[Finding]:
    """Report policies that check only the user. They let users put jobs into the projects of others."""
    if table.name == "projects":
        return
    blind = [policy for policy in policies if _is_blind(policy, policies)]
    if not blind:
        return
    row = "a job" if table.name == "generation_jobs" else "an asset"
    asks = "the policy {} does not" if len(blind) == 1 else "the policies {} do not"
    named = asks.format(" and ".join(policy.quoted_name for policy in blind))
    yield _finding(
        "foreign-project",
        Severity.WARNING,
        f"A user can put {row} into another user's project, because {named} check who owns the project.",
        sql="\n".join(
            _narrowed(table.name, command, has_assets=has_assets)
            for command in _commands(blind)
            if any(not _is_narrowed(policy, command, policies) for policy in blind)
        ),
    )


def _stored(policy: RlsPolicy) -> str | None:
    """Return the condition for new rows, or None if the policy allows none."""
    return _stored_with_tree(policy)[0]


def _stored_with_tree(policy: RlsPolicy) -> tuple[str | None, str | None]:
    if policy.command not in ("INSERT", "UPDATE", "ALL"):
        return None, None
    return (policy.check, policy.check_tree) if policy.check else (policy.using, policy.using_tree)


def _is_blind(policy: RlsPolicy, others: Sequence[RlsPolicy]) -> bool:
    condition = _stored(policy)
    if not policy.is_permissive or condition in (None, "false") or _PROJECT.search(condition or ""):
        return False
    if Reach.EVERYBODY in (_reach_of_using(policy, others), _reach_of_check(policy, others)):
        return False  # `_open` reports it.
    return not all(_is_narrowed(policy, command, others) for command in _commands([policy]))


def _is_narrowed(policy: RlsPolicy, command: str, others: Sequence[RlsPolicy]) -> bool:
    """Return whether a restrictive policy, which must also hold, checks the project."""
    return any(
        not other.is_permissive
        and command in _commands([other])
        and _PROJECT.search(_stored(other) or "")
        and ("public" in other.roles or set(policy.roles) <= set(other.roles))
        for other in others
    )


def _commands(policies: Sequence[RlsPolicy]) -> Sequence[str]:
    """Return the commands of the policies that store rows."""
    named = {policy.command for policy in policies}
    return [command for command in ("INSERT", "UPDATE") if named & {command, "ALL"}]


def _narrowed(table: str, command: str, *, has_assets: bool) -> str:
    conditions = [_MY_PROJECT]
    if table == "generation_jobs" and has_assets:
        conditions.append(_MY_ASSET)
    return _NARROWED.format(
        things=table.replace("_", " "),
        command=command,
        table=table,
        using="USING (true) " if command == "UPDATE" else "",
        condition="\n       AND ".join(conditions).format(table=table),
    )


def _nothing_to_see(table: RlsTable, policies: Sequence[RlsPolicy]) -> Iterator[Finding]:
    readable = any(policy.is_permissive and policy.command in ("SELECT", "ALL") for policy in policies)
    if not readable:
        yield _finding(
            "no-policy",
            Severity.WARNING,
            f"No policy allows users to read {table.name}, so no user sees any of its rows.",
        )


def _remarks(table: RlsTable) -> Iterator[Finding]:
    if table.is_forced:
        yield _finding(
            "forced-row-security",
            Severity.NOTE,
            f"Row level security is forced on {table.name}, so its owner also sees only rows that a policy allows.",
        )
    if table.publications:
        yield _finding(
            "publication",
            Severity.NOTE,
            f"{', '.join(table.publications)} publishes {table.name}. Every subscriber receives the ids of deleted"
            " rows, because row level security does not apply to delete events.",
        )


def _truncating(tables: Sequence[RlsTable]) -> Iterator[Finding]:
    emptied = [table for table in tables if table.truncating]
    if emptied:
        roles = sorted({role for table in emptied for role in table.truncating})
        names = ", ".join(table.name for table in emptied)
        yield _finding(
            "truncate",
            Severity.NOTE,
            f"{' and '.join(roles)} may TRUNCATE {names}. Row level security does not prevent this.",
            sql=f"REVOKE TRUNCATE ON {', '.join(f'public.{table.name}' for table in emptied)} FROM {', '.join(roles)};",
            hint="PostgREST has no TRUNCATE, so this matters only if these roles can run other SQL.",
        )
