"""The relation that jobs are read from: the app's table, with the columns and types that statements expect."""

from collections.abc import Iterable, Iterator, Mapping

from gjobs.store.capabilities.capability import TableColumn
from gjobs.store.database.query import PRESENT, JobRelation
from gjobs.store.values.formats import NO_ID

REQUIRED = ("id", "status", "created_at")
"""Without these columns, there is nothing to list."""
_UUID, _TIME = "uuid", "timestamp with time zone"
_LOCAL_TIMES = ("timestamp without time zone", "date")
_TEXTS = ("text", "character varying")
_NUMBERS = ("integer", "smallint", "bigint")

_AS_NUMBER = {"numeric": "round({})", **dict.fromkeys(("real", "double precision"), "round({}::numeric)")}
_ABSENT = {
    **dict.fromkeys(("user_id", "project_id"), f"'{NO_ID}'::uuid"),
    "input_asset_id": "NULL::uuid",
    "mode": "''::text",
    "error": "NULL::text",
    "cost_cents": "0",
    "retry_count": "NULL::integer",
    "completed_at": "NULL::timestamptz",
}
"""What stands for a column that the table lacks. `updated_at` is then the time of the creation."""
_IF_NULL = {
    **dict.fromkeys(("user_id", "project_id"), f"'{NO_ID}'::uuid"),
    **dict.fromkeys(("status", "mode"), "''"),
    "cost_cents": "0",
    "created_at": "'-infinity'::timestamptz",
}
_KINDS: Mapping[str, Iterable[str]] = {
    **dict.fromkeys(("id", "user_id", "project_id", "input_asset_id"), (_UUID,)),
    **dict.fromkeys(("status", "mode", "error"), _TEXTS),
    "cost_cents": ("integer",),
    **dict.fromkeys(("created_at", "updated_at"), (_TIME,)),
}
"""The types that gjobs writes, by column of the app's table."""


def other_types(columns: Iterable[TableColumn]) -> dict[str, str]:
    """Return the columns that gjobs writes and whose type is another one, with that type."""
    return {one.name: one.kind for one in columns if one.kind not in _KINDS.get(one.name, (one.kind,))}


def unreadable(columns: Iterable[TableColumn]) -> str | None:
    """Return why gjobs can't read jobs from a table with these columns, or None."""
    found = {one.name: one for one in columns}
    for name in ("id", "created_at"):
        if name in found and _value(name, found[name]) is None:
            kinds = " or ".join((_UUID,) if name == "id" else (_TIME, *_LOCAL_TIMES))
            return f"gjobs can't read generation_jobs: its column {name} is {found[name].kind}, not {kinds}."
    return None


def relation_of(columns: Iterable[TableColumn], *, is_table: bool, has_later: bool) -> JobRelation:
    """Return the relation for a table that `unreadable` accepts. `columns` are those that the actor may read.

    `has_later`: `retry_count` and `completed_at` have the meaning that gjobs gives them.
    """
    found = {one.name: one for one in columns}
    if all(_is_expected(found.get(name), name) for name in _KINDS):
        return PRESENT
    values = dict(_values(found))
    if not has_later:
        values |= {name: _ABSENT[name] for name in ("retry_count", "completed_at")}
    if is_table:
        values["ctid"] = "j.ctid"
    listed = ", ".join(f'{value} AS "{name}"' for name, value in values.items())
    return JobRelation(jobs=f"(SELECT {listed} FROM public.generation_jobs AS j)")  # noqa: S608 - of constants


def _is_expected(column: TableColumn | None, name: str) -> bool:
    return column is not None and column.kind in _KINDS[name] and (not column.may_be_null or name in _MAY_BE_NULL)


_MAY_BE_NULL = ("input_asset_id", "error")


def _values(found: Mapping[str, TableColumn]) -> Iterator[tuple[str, str]]:
    """Yield each column that statements name, with its SQL."""
    created_at = ""
    for name in (*_KINDS, "retry_count", "completed_at"):
        column = found.get(name)
        if_null = _IF_NULL.get(name, created_at if name == "updated_at" else "")
        value = None if column is None else _value(name, column)
        if value is None or column is None:
            value = _ABSENT.get(name, created_at)
        elif if_null and column.may_be_null:
            value = f"coalesce({value}, {if_null})"
        if name == "created_at":
            created_at = value
        yield name, value


def _value(name: str, column: TableColumn) -> str | None:
    """Return the column as SQL of the expected type. None if it can't be that type."""
    raw, kind = f"j.{name}", column.kind
    expected = _KINDS.get(name, ("integer",) if name == "retry_count" else (_TIME,))
    if kind in expected:
        return raw
    if expected is _TEXTS:
        return f"{raw}::text"
    if name == "cost_cents":
        return raw if kind in _NUMBERS else _AS_NUMBER[kind].format(raw) + "::bigint" if kind in _AS_NUMBER else None
    if _TIME in expected and kind in _LOCAL_TIMES:
        return f"{raw}::timestamp AT TIME ZONE 'UTC'"
    return None
