"""Expected schema of revision 0011: rollups of failed jobs and retries."""

from collections.abc import Iterator, Mapping
from functools import reduce

from store.schema.schema_diff import ObjectKind, SchemaObject

_OWNER = {"user_id": "uuid", "project_id": "uuid"}
_GROUP = {"mode": "text", "error_group": "text"}
_DAY = {"day": "date", "has_failed": "boolean"}
_ROLLUPS = {"job_count": "bigint", "cost_cents": "bigint"}
_TABLES = {
    "waste_deltas": _OWNER | _GROUP | {"day": "date"} | _ROLLUPS,
    "waste_totals": _OWNER | _GROUP | _ROLLUPS,
    "waste_days": _OWNER | _DAY | _ROLLUPS,
}
_VIEWS = {"job_waste": _OWNER | _GROUP | _ROLLUPS, "job_day_waste": _OWNER | _DAY | _ROLLUPS}
_INDEXES = {
    "waste_deltas": {},
    "waste_totals": {
        "waste_totals_user_id": "btree (user_id)",
        "waste_totals_project_id": "btree (project_id, error_group)",
    },
    "waste_days": {
        "waste_days_day": "btree (day)",
        "waste_days_user_id": "btree (user_id, day)",
        "waste_days_project_id": "btree (project_id, day)",
    },
}
_FUNCTIONS = {
    "error_group": "(p_error text) returns text security invoker",
    "count_waste": "() returns trigger security definer",
    "waste_truncated": "() returns trigger security definer",
    "fold_waste": "() returns void security definer",
    "recount_waste": "() returns void security invoker",
    "list_waste": (
        "() returns TABLE(user_id uuid, project_id uuid, mode text, error_group text, job_count bigint,"
        " cost_cents bigint) security invoker"
    ),
    "list_day_waste": (
        "() returns TABLE(user_id uuid, project_id uuid, day date, has_failed boolean, job_count bigint,"
        " cost_cents bigint) security invoker"
    ),
}
_OLD = "(old.status = 'failed'::text) OR (old.retry_count > 0)"
_NEW = _OLD.replace("old.", "new.")
_COLUMNS = ("user_id", "project_id", "status", "mode", "error", "cost_cents", "created_at", "retry_count")
_CHANGED = reduce(
    # Postgres nests the comparisons of two rows.
    lambda before, change: f"({before} OR {change})",
    (f"(old.{name} IS DISTINCT FROM new.{name})" for name in _COLUMNS),
)
_EITHER = (
    "(old.status = 'failed'::text) OR (new.status = 'failed'::text) OR (old.retry_count > 0) OR (new.retry_count > 0)"
)
_COUNT = "EXECUTE FUNCTION gjobs.count_waste()"
_TRIGGERS = {
    "gjobs_waste_inserted": f"AFTER INSERT FOR EACH ROW WHEN (({_NEW})) {_COUNT}",
    "gjobs_waste_deleted": f"AFTER DELETE FOR EACH ROW WHEN (({_OLD})) {_COUNT}",
    "gjobs_waste_updated": f"AFTER UPDATE FOR EACH ROW WHEN ((({_EITHER}) AND {_CHANGED})) {_COUNT}",
    "gjobs_waste_truncated": "AFTER TRUNCATE FOR EACH STATEMENT EXECUTE FUNCTION gjobs.waste_truncated()",
}


def waste() -> Iterator[SchemaObject]:
    yield from _all(ObjectKind.TRIGGER, "public.generation_jobs", _TRIGGERS)
    yield from _all(ObjectKind.RELATION, "gjobs", dict.fromkeys(_TABLES, "table") | dict.fromkeys(_VIEWS, "view"))
    for table, columns in _TABLES.items():
        place = f"gjobs.{table}"
        yield from _all(ObjectKind.COLUMN, place, columns)
        yield from _all(ObjectKind.INDEX, place, _INDEXES[table])
        yield from _all(ObjectKind.ROW_SECURITY, place, {"row_security": "on"})
    for view, columns in _VIEWS.items():
        yield from _all(ObjectKind.COLUMN, f"gjobs.{view}", columns)
        yield from _all(ObjectKind.ROW_SECURITY, f"gjobs.{view}", {"security_barrier": "on"})
    yield from _all(ObjectKind.FUNCTION, "gjobs", _FUNCTIONS)


def _all(kind: ObjectKind, place: str, definitions: Mapping[str, str]) -> Iterator[SchemaObject]:
    for name, definition in definitions.items():
        yield SchemaObject(kind=kind, place=place, name=name, definition=definition)
