"""Checks what the policies of row level security let users reach."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum
from functools import partial
from uuid import UUID

from sqlalchemy import func, literal_column, select, text

from gjobs.store.capabilities.capability import (
    ASSETS,
    JOBS,
    PROJECTS,
    Capability,
    DatabaseFacts,
    PolicyCommand,
    RelationKind,
    RlsPolicy,
    short,
)
from gjobs.store.capabilities.claim_sql import OWN_ROWS
from gjobs.store.capabilities.probe import probe
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, TimeLimits
from gjobs.store.doctor.findings import Finding, Section, Severity
from gjobs.store.doctor.sql_checks import Found, Node, Tree, depends_on_row, parse_tree
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


OWN_ROW = frozenset(printed[1:-1] for printed in OWN_ROWS)
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


_Condition = tuple[str | None, str | None, bool]
"""A condition, its node tree, and whether a test user meets it for a row of another user. None for no condition."""


def reach(condition: _Condition) -> Reach:
    """Return who can access the rows of others."""
    printed, tree, is_met = condition
    if printed is None or tree is None:
        return Reach.NOBODY
    return Reach.EVERYBODY if is_met or printed == "true" else _reach(printed, parse_tree(tree))


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


def _tables(facts: DatabaseFacts) -> Mapping[str, bool]:
    """Return the tables that exist, without their schema, and whether row level security is on."""
    named = {name: facts.relations[name] for name in (JOBS, PROJECTS, ASSETS) if name in facts.relations}
    return {
        short(name): relation.is_protected for name, relation in named.items() if relation.kind is RelationKind.TABLE
    }


def policy_findings(facts: DatabaseFacts, remarks: Sequence[Found], policies: Sequence[RlsPolicy]) -> Iterator[Finding]:
    """Check the policies, which must include their node trees. Return `remarks` about a table after its policies."""
    tables = _tables(facts)
    for table, is_protected in tables.items():
        own = [policy for policy in policies if policy.table == table and policy.roles]
        if is_protected:
            yield from _open(own)
            yield from _blind_for_project(table, own, has_assets="assets" in tables)
        yield from (finding for about, finding in remarks if about == table)
    yield from (finding for about, finding in remarks if not about)


def nothing_leaks(facts: DatabaseFacts, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Report that no fault was found. Report nothing if no table exists, or if a condition was not judged."""
    if _tables(facts) and not any(finding.is_fault or finding.name == _NOT_JUDGED for finding in findings):
        yield _finding(
            "no-leak",
            Severity.OK,
            "According to their definitions, functions, views and policies show each user only their own rows.",
        )


_NOT_JUDGED = "not-judged"


def _open(policies: Sequence[RlsPolicy]) -> Iterator[Finding]:
    """Report permissive policies that let users reach the rows of others, or that may do so."""
    for policy in policies:
        if not policy.is_permissive:
            continue
        using, check = _reach_of(policy, policies, shown), _reach_of(policy, policies, stored)
        widest, (condition, tree, _) = (using, shown(policy)) if using >= check else (check, stored(policy))
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


def shown(policy: RlsPolicy) -> _Condition:
    """Return the condition for existing rows."""
    return policy.using, policy.using_tree, policy.is_using_met


def stored(policy: RlsPolicy) -> _Condition:
    """Return the condition for new rows. It is None if the policy's command stores no rows."""
    if policy.command not in ("INSERT", "UPDATE", "ALL"):
        return None, None, False
    return (policy.check, policy.check_tree, policy.is_check_met) if policy.check else shown(policy)


def _reach_of(policy: RlsPolicy, others: Sequence[RlsPolicy], condition_of: Callable[[RlsPolicy], _Condition]) -> Reach:
    limits = [condition_of(other) for other in _restrictions(policy, others, policy.command)]
    if any(limit[0] and reach(limit) is Reach.NOBODY for limit in limits):
        return Reach.NOBODY
    return reach(condition_of(policy))


def _restrictions(policy: RlsPolicy, others: Sequence[RlsPolicy], command: str) -> Iterator[RlsPolicy]:
    """Yield the restrictive policies that must also hold whenever the policy applies to this command."""
    return (
        other
        for other in others
        if not other.is_permissive
        and other.command in (command, PolicyCommand.ALL)
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


def _blind_for_project(table: str, policies: Sequence[RlsPolicy], *, has_assets: bool) -> Iterator[Finding]:
    """Report policies that check only the user. They let users put jobs into the projects of others."""
    if table == "projects":
        return
    blind = [policy for policy in policies if _is_blind(policy, policies)]
    if not blind:
        return
    row = "a job" if table == "generation_jobs" else "an asset"
    asks = "the policy {} does not" if len(blind) == 1 else "the policies {} do not"
    named = asks.format(" and ".join(policy.quoted_name for policy in blind))
    yield _finding(
        "foreign-project",
        Severity.WARNING,
        f"A user can put {row} into another user's project, because {named} check who owns the project.",
        sql="\n".join(
            _narrowed(table, command, has_assets=has_assets)
            for command in _commands(blind)
            if any(not _is_narrowed(policy, command, policies) for policy in blind)
        ),
    )


def _is_blind(policy: RlsPolicy, others: Sequence[RlsPolicy]) -> bool:
    condition, _, _ = stored(policy)
    if not policy.is_permissive or condition in (None, "false") or _PROJECT.search(condition or ""):
        return False
    if Reach.EVERYBODY in (_reach_of(policy, others, shown), _reach_of(policy, others, stored)):
        return False  # `_open` reports it.
    return not all(_is_narrowed(policy, command, others) for command in _commands([policy]))


def _is_narrowed(policy: RlsPolicy, command: str, others: Sequence[RlsPolicy]) -> bool:
    """Return whether a restrictive policy, which must also hold, checks the project."""
    return any(_PROJECT.search(stored(other)[0] or "") for other in _restrictions(policy, others, command))


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
