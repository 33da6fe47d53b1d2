"""Who can access the rows of others by a policy's condition."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from enum import IntEnum
from uuid import UUID

from sqlalchemy import func, literal_column, select, text

from gjobs.store.capabilities.capability import Capability
from gjobs.store.capabilities.facts import RlsPolicy
from gjobs.store.capabilities.probe import probe
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, TimeLimits
from gjobs.store.doctor.node_trees import Node, Tree, depends_on_row, parse_tree
from gjobs.store.errors import SignInRefused, StoreError, Unreachable
from gjobs.store.users.actor import ANON, ROLE_OF_ANON, ActingUser


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


def _bare(expression: str) -> str:
    """Remove line breaks, and parentheses that enclose the whole expression."""
    expression = " ".join(expression.split())
    while expression.startswith("(") and _closing(expression) == len(expression) - 1:
        expression = expression[1:-1].strip()
    return expression


def _closing(expression: str) -> int:
    """Return the index of the first closing parenthesis of depth 0, or -1."""
    return next((index for index, depth in _depths(expression) if depth == 0), -1)


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
