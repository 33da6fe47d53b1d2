"""The checks that are written in SQL, one file each.

Each row of a check is a finding. The first column names what the finding is about, such as a table. The others are the
fields of the finding. In the SQL of a finding, names from the database are quoted.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import text

from gjobs.store.capabilities.capabilities import OLDEST_MIGRATED
from gjobs.store.database.query import Query, Row
from gjobs.store.doctor.findings import Finding, Section, Severity
from gjobs.store.doctor.node_trees import CallerColumns, parse_tree, shows_own_rows_only, sources

Found = tuple[str, Finding]
"""What a finding is about, such as the name of a table, and the finding."""


def _sql(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8").strip()


def _check(section: Section, name: str, **parameters: object) -> Query[Any]:
    def make(row: Row) -> Found:
        about, severity, finding, sentence, sql, hint = row
        return about, Finding(section, finding, Severity(severity), sentence, sql, hint)

    return Query(text(_sql(name)), make, parameters)


TIME_OUTS: Query[Found] = _check(Section.SERVER, "time_outs")
REPLICA: Query[Found] = _check(Section.SERVER, "replica")
FUNCTIONS: Query[Found] = _check(
    Section.RULES, "functions", **{name: _sql(name) for name in ("transition_job_status", "get_job_statistics")}
)
TABLES: Query[Found] = _check(Section.RULES, "tables")
COPIES: Query[Found] = _check(Section.RULES, "copies")


def _make_view_finding(row: Row) -> Found | None:
    """Return the finding, or None if the view's tree refutes it."""
    *found, is_for_own_rows, tree, is_app, columns, caller = row
    numbers: dict[str, dict[str, str]] = {"id": {}, "user_id": {}}
    for column, table, number in map(str.split, columns):
        numbers[column][table] = number
    view = parse_tree(tree or "<>")  # Postgres writes <> for no tree.
    shown = sources(view, "user_id") if is_app else {}
    known = CallerColumns(owners={**shown, **numbers["user_id"]}, keys=numbers["id"], caller=caller or "")
    is_own = shows_own_rows_only(view, known)
    return _VIEWS.make(found) if is_own is is_for_own_rows else None


_VIEWS = _check(Section.RULES, "views", oldest=OLDEST_MIGRATED * 10_000)
VIEWS: Query[Found | None] = replace(_VIEWS, make=_make_view_finding)
