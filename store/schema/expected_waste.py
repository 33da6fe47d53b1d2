"""Expected schema of revision 0011: rollups of failed jobs and retries."""

from collections.abc import Iterator, Mapping

from store.schema.schema_diff import ObjectKind, SchemaObject

_OWNER = {"user_id": "uuid", "project_id": "uuid"}
_GROUP = {"mode": "text", "error_group": "text"}
_DAY = {"day": "date", "has_failed": "boolean"}
_ROLLUPS = {"job_count": "bigint", "cost_cents": "bigint"}
_TABLES = {
    "waste_deltas": _OWNER | _GROUP | {"day": "date"} | _ROLLUPS | {"error": "text"},
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
    "fold_waste": "(p_appended bigint) returns void security definer",
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
_COUNT = "FOR EACH STATEMENT EXECUTE FUNCTION gjobs.count_waste()"
_OLD_ROWS, _NEW_ROWS = "OLD TABLE AS old_rows", "NEW TABLE AS new_rows"
_TRIGGERS = {
    "gjobs_waste_inserted": f"AFTER INSERT REFERENCING {_NEW_ROWS} {_COUNT}",
    "gjobs_waste_deleted": f"AFTER DELETE REFERENCING {_OLD_ROWS} {_COUNT}",
    "gjobs_waste_updated": f"AFTER UPDATE REFERENCING {_OLD_ROWS} {_NEW_ROWS} {_COUNT}",
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
