"""EXPLAIN of a statement: it is planned with its values and never run."""

from functools import lru_cache
from typing import Any

from sqlalchemy import ClauseElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from store.database.query import Query
from store.statements.rows import Row


class _Explain(ClauseElement):
    inherit_cache = False

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement


@compiles(_Explain)
def _compile(element: _Explain, compiler: SQLCompiler, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"


def explained(query: Query[Any]) -> Query[object]:
    """The plan of the query as one row: what JSON says, whatever it is."""
    return Query(_explain(query.statement), _first, query.parameters, may_sort=query.may_sort)


@lru_cache(maxsize=256)
def _explain(statement: ClauseElement) -> _Explain:
    """Kept, as its SQL is kept by the object's identity."""
    return _Explain(statement)


def _first(row: Row) -> object:
    document: object = row[0]
    return document
