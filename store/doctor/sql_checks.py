"""The checks that are written in SQL, one file each, and node trees, as the catalogue stores expressions.

Each row of a check is a finding. The first column names what the finding is about, such as a table. The others are the
fields of the finding. In the SQL of a finding, names from the database are quoted. Unlike the text of an expression, a
tree shows which table each column belongs to.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text

from gjobs.store import tables
from gjobs.store.capabilities.capabilities import OLDEST_MIGRATED
from gjobs.store.capabilities.capability import ASSETS, EVENT_MEGABYTES, JOBS, PROJECTS, DatabaseFacts
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, Row, TimeLimits, make_number
from gjobs.store.doctor.findings import Finding, Section, Severity
from gjobs.store.errors import NoPrivilege, SchemaMissing, TimedOut, complete_commands
from gjobs.store.job_list.list_query import ListOrder, ListQuery, OrderColumn, lacks_order
from gjobs.store.schema.schema_diff import NEWEST_REVISION, ObjectKind, expected
from gjobs.store.users.actor import OPERATOR
from gjobs.store.values.formats import size

_PART = re.compile(r"[{}()\[\]]|(?:\\.|[^\s{}()\[\]\\])+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    fields: "Mapping[str, tuple[Tree, ...]]"

    def first(self, field: str) -> "Tree":
        """Return the first part of a field. Most fields have only one part."""
        return self.fields.get(field, ("",))[0]

    def items(self, field: str) -> "tuple[Tree, ...]":
        """Return the items of a field that has a list. An empty list is stored as a null value."""
        found = self.first(field)
        return found if isinstance(found, tuple) else ()


Tree = Node | str | tuple["Tree", ...]


def parse_tree(text: str) -> Tree:
    levels: list[list[Tree]] = [[]]
    for part in _PART.findall(text):
        if part in "{([":
            levels.append([])
        elif part in "})]":
            level = levels.pop()
            levels[-1].append(_make_node(level) if part == "}" else tuple(level))
        else:
            levels[-1].append(part)
    return levels[0][0]


def _make_node(parts: list[Tree]) -> Node:
    fields: dict[str, list[Tree]] = {}
    values: list[Tree] = []
    for part in parts[1:]:
        if isinstance(part, str) and part.startswith(":"):
            values = fields.setdefault(part[1:], [])
        else:
            values.append(part)
    return Node(str(parts[0]), {name: tuple(found) for name, found in fields.items() if found})


def _children(tree: Tree) -> Iterable[Tree]:
    return chain.from_iterable(tree.fields.values()) if isinstance(tree, Node) else tree


def _nodes(tree: Tree) -> Iterator[tuple[Node, int]]:
    """Yield each node with the number of queries that enclose it."""
    left = [(tree, 0)]
    while left:
        part, depth = left.pop()
        if isinstance(part, Node):
            yield part, depth
            depth += part.name == "QUERY"
        if not isinstance(part, str):
            left.extend((child, depth) for child in _children(part))


def depends_on_row(condition: Tree) -> bool:
    """Return whether a policy's condition reads the row. Columns of a subquery with the same names do not count."""
    return any(node.name == "VAR" and node.first("varlevelsup") == str(depth) for node, depth in _nodes(condition))


_TABLE_NAMES = ("RTE", "RANGETBLENTRY")
"""A table of a query, before and from version 16 on."""
_EQUALS = "2972"
"""The operator = of uuids."""
_INNER, _LEFT = "0", "1"


def shows_own_rows_only(view: Tree, *, owners: Mapping[str, str], keys: Mapping[str, str], caller: str) -> bool:
    """Return whether a view shows its caller only own rows, and rows that own rows refer to.

    Own rows have the caller's `user_id`. Without a proof, return False, for example if a subquery reads a table.
    Another relation, or a function that Postgres doesn't have, may show the rows of others.

    All ids are those of the catalogue. `owners` and `keys` have the numbers of the columns `user_id` and `id` of the
    app's tables. `caller` is the function `auth.uid()`.
    """
    query = view[0] if isinstance(view, tuple) else view
    if not isinstance(query, Node) or query.first("setOperations") != "<>":
        return False
    tables = {
        str(number): str(table.first("relid"))
        for number, table in enumerate(query.items("rtable"), 1)
        if isinstance(table, Node) and _is_read(table) and table.first("relid") in owners
    }
    reads = [node.first("relid") for node, _ in _nodes(query) if node.name in _TABLE_NAMES and _is_read(node)]
    jointree = query.first("jointree")
    if len(reads) != len(tables) or _calls_others(query, caller) or not isinstance(jointree, Node):
        return False
    own = {
        number
        for one, other in _equal_pairs(jointree.first("quals"))
        for number, attribute in map(_column, (one, other))
        if number in tables and attribute == owners[tables[number]] and _is_caller(one, other, caller)
    }
    named = [
        (number, _column(other)[0])
        for one, other, joined in _joins(jointree)
        for number, attribute in [_column(one)]
        if number in tables and attribute == keys.get(tables[number]) and (joined is None or number in joined)
    ]
    while found := {number for number, by in named if by in own} - own:
        own |= found
    return bool(tables) and own == tables.keys()


def sources(view: Tree, name: str) -> Mapping[str, str]:
    """Return the number of the column that a view shows under this name, for the table that has the column."""
    query = view[0] if isinstance(view, tuple) else view
    targets = query.items("targetList") if isinstance(query, Node) else ()
    return {
        str(target.first("resorigtbl")): str(target.first("resorigcol"))
        for target in targets
        if isinstance(target, Node) and target.first("resname") == name and target.first("resorigtbl") != "0"
    }


def _is_read(table: Node) -> bool:
    """Return whether a relation is read. Before version 16, a view's tree also names the view itself."""
    return table.first("relid") not in ("", "0") and table.first("inFromCl") == "true"


_FUNCTION_IDS = ("funcid", "opfuncid", "aggfnoid", "winfnoid")
_FIRST_OWN_ID = 16384
"""The functions of Postgres itself have smaller ids."""


def _calls_others(query: Tree, caller: str) -> bool:
    """Return whether the query calls a function that is neither part of Postgres nor `auth.uid()`."""
    called = {str(node.first(name)) for node, _ in _nodes(query) for name in _FUNCTION_IDS if name in node.fields}
    return any(int(function) >= _FIRST_OWN_ID for function in called - {caller})


def _joins(jointree: Node) -> Iterator[tuple[Tree, Tree, set[str] | None]]:
    """Yield the two sides of each join comparison, in both orders, with the tables whose rows it limits.

    None means all tables. A left join does not limit the tables on its left.
    """
    for node, depth in _nodes(jointree):
        kind = node.first("jointype") if node.name == "JOINEXPR" else _INNER
        if depth or kind not in (_INNER, _LEFT):
            continue
        right = {str(part.first("rtindex")) for part, _ in _nodes(node.first("rarg")) if part.name == "RANGETBLREF"}
        joined = right if kind == _LEFT else None
        for one, other in _equal_pairs(node.first("quals")):
            yield one, other, joined
            yield other, one, joined


def _equal_pairs(condition: Tree) -> Iterator[tuple[Tree, Tree]]:
    """Yield the two sides of each comparison of uuids that must hold."""
    if isinstance(condition, Node) and condition.name == "BOOLEXPR" and condition.first("boolop") == "and":
        for part in condition.items("args"):
            yield from _equal_pairs(part)
    elif isinstance(condition, Node) and condition.name == "OPEXPR" and condition.first("opno") == _EQUALS:
        one, other = condition.items("args")
        yield one, other


def _column(tree: Tree) -> tuple[str, str]:
    """Return the numbers of table and column. Empty if it is not a column of the query itself."""
    if isinstance(tree, Node) and tree.name == "VAR" and tree.first("varlevelsup") == "0":
        return str(tree.first("varno")), str(tree.first("varattno"))
    return "", ""


def _is_caller(one: Tree, other: Tree, caller: str) -> bool:
    """Return whether one side is auth.uid(), or a subquery that only selects it."""
    for side in (one, other):
        if isinstance(side, Node) and side.name == "SUBLINK" and isinstance(query := side.first("subselect"), Node):
            targets = [target for target in query.items("targetList") if isinstance(target, Node)]
            side = targets[0].first("expr") if len(targets) == 1 and not query.items("rtable") else ""
        if isinstance(side, Node) and side.name == "FUNCEXPR" and side.first("funcid") == caller:
            return True
    return False


Found = tuple[str, Finding]
"""What a finding is about, such as the name of a table, and the finding."""


def _sql(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8").strip()


def _check(section: Section, name: str, **parameters: object) -> Query[Any]:
    def make(row: Row) -> Found:
        about, severity, finding, sentence, sql, hint = row
        sentence = _SIZE.sub(lambda found: size(int(found[1])) if found[1] else found[0], sentence)
        hint = hint and complete_commands(hint)
        return about, Finding(section, finding, Severity(severity), sentence, sql, hint)

    return Query(text(_sql(name)), make, parameters)


_SIZE = re.compile(r'"[^"]*"|(\d+) bytes')
"""A quoted name, which stays as it is, or a size."""


TIME_OUTS: Query[Found] = _check(Section.SERVER, "time_outs")
REPLICA: Query[Found] = _check(Section.SERVER, "replica")
FUNCTIONS: Query[Found] = _check(
    Section.RULES, "functions", **{name: _sql(name) for name in ("transition_job_status", "get_job_statistics")}
)
TABLES: Query[Found] = _check(Section.RULES, "tables")
COPIES: Query[Found] = _check(Section.RULES, "copies")
GRANTS: Query[Found] = _check(Section.RULES, "grants")


def _make_view_finding(row: Row) -> Found | None:
    """Return the finding, or None if the view's tree refutes it."""
    *found, is_for_own_rows, tree, is_app, columns, caller = row
    numbers: dict[str, dict[str, str]] = {"id": {}, "user_id": {}}
    for column, table, number in map(str.split, columns):
        numbers[column][table] = number
    view = parse_tree(tree or "<>")  # Postgres writes <> for no tree.
    shown = sources(view, "user_id") if is_app else {}
    owners = {**shown, **numbers["user_id"]}
    is_own = shows_own_rows_only(view, owners=owners, keys=numbers["id"], caller=caller or "")
    return _VIEWS.make(found) if is_own is is_for_own_rows else None


_VIEWS = _check(Section.RULES, "views", oldest=OLDEST_MIGRATED * 10_000)
VIEWS: Query[Found | None] = replace(_VIEWS, make=_make_view_finding)


FEW = 10_000
"""Number of rows below which a missing index or vacuum doesn't matter."""
MOST_COUNTED = 100_000
"""Above this number, the planner's estimate is reported."""
PATIENCE = TimeLimits(statement=2.0, lock=0.5)
_COUNTED = {JOBS: tables.generation_jobs, PROJECTS: tables.projects, ASSETS: tables.assets}


def count_query(name: str) -> Query[int]:
    """Return a query that counts the rows of a table, up to the limit plus one."""
    some = select(_COUNTED[name].c.id).limit(MOST_COUNTED + 1).subquery()
    return Query(select(func.count()).select_from(some), make_number)


async def rows_check(database: Database, facts: DatabaseFacts) -> Query[Found]:
    """Count the rows of each readable table, and return the check of rows and indexes."""
    counted: dict[str, int] = {}
    for name in [table for table in _COUNTED if table in facts.relations]:
        try:
            (counted[name],) = await database.read(OPERATOR, count_query(name), limits=PATIENCE)
        except (NoPrivilege, SchemaMissing, TimedOut):
            continue
    return replace(
        _ROWS,
        parameters={
            **_ROWS.parameters,
            "counted": json.dumps(counted),
            "hidden": [name for name in _COUNTED if facts.may_hide(name)],
            "few": FEW,
            "most_counted": MOST_COUNTED,
        },
    )


_ORDERS = {column: lacks_order(ListQuery(order=ListOrder(column=column)), frozenset()) for column in OrderColumn}
_ROWS: Query[Found] = _check(
    Section.ROWS,
    "rows",
    orders=json.dumps({f"by {column}": missing.sql for column, missing in _ORDERS.items() if missing}),
    # The schema requires these indexes even if they are unused.
    promised=[one.full_name for one in expected(NEWEST_REVISION) if one.kind is ObjectKind.INDEX],
)
EVENTS: Query[Found] = _check(
    Section.ROWS,
    "events",
    megabytes=EVENT_MEGABYTES,
    most_unfolded=10_000,
    extension="pg_cron",
    fold_with_cron=_sql("fold_with_cron"),
)
