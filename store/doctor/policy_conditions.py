"""Finds which users may access every row, from the text and the node tree of a policy's condition."""

import re
from collections.abc import Iterator
from enum import IntEnum

from store.doctor.node_trees import Node, Tree, depends_on_row, parse_tree


class Reach(IntEnum):
    """Who can access every row. A larger value means more users."""

    NOBODY = 0
    """The condition depends on the row, or no user meets it."""
    SOME = 1
    """The condition does not depend on the row. gjobs does not know which users meet it."""
    EVERYBODY = 2


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


def reach(text: str | None, tree: str | None) -> Reach:
    """Return who meets the condition for every row. None means that there is no such condition."""
    return Reach.NOBODY if text is None or tree is None else _reach(text, parse_tree(tree))


def _reach(text: str, tree: Tree) -> Reach:
    """Return who meets a condition. Postgres prints the parts of an AND or OR in the order of the tree."""
    if isinstance(tree, Node) and tree.name == "BOOLEXPR" and (operator := tree.first("boolop")) in ("and", "or"):
        parts, trees = list(_split(_bare(text), f" {str(operator).upper()} ")), tree.items("args")
        if len(parts) == len(trees):
            found = map(_reach, parts, trees)
            return min(found) if operator == "and" else max(found)
    return Reach.NOBODY if depends_on_row(tree) else reach_without_row(text)


_SELECTED = re.compile(r"\( SELECT (auth\.\w+\(\)|\(auth\.jwt\(\) ->> '\w+'\)) AS \S+\)")
_CAST = re.compile(r"::\w+")
_ROLE = r"(?:auth\.role\(\)|\(auth\.jwt\(\) ->> 'role'\)|CURRENT_USER|CURRENT_ROLE)"
_MET_BY_ALL = re.compile(
    r"true|('[^']*'|\d+) = \1|(?:auth\.(?:uid|jwt|role|email)\(\)|\(auth\.jwt\(\) ->> 'sub'\)) IS NOT NULL"
    rf"|{_ROLE} <> '[^']*'"
)
_HAS_ROLE = re.compile(rf"{_ROLE} = (?:ANY \(ARRAY\[)?(?P<right>'[^\]]*')(?:\]\))?|(?P<left>'[^']*') = {_ROLE}")
_REQUEST_ROLES = frozenset({"'anon'", "'authenticated'"})


def reach_without_row(text: str) -> Reach:
    """Return who meets a condition that does not depend on the row and has no AND or OR."""
    condition = _bare(_SELECTED.sub(r"\1", _CAST.sub("", _bare(text))))
    if _MET_BY_ALL.fullmatch(condition):
        return Reach.EVERYBODY
    if role := _HAS_ROLE.fullmatch(condition):
        named = set((role["right"] or role["left"]).split(", "))
        return Reach.EVERYBODY if named & _REQUEST_ROLES else Reach.NOBODY
    return Reach.NOBODY if condition == "false" else Reach.SOME


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
