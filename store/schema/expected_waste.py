"""Expected schema of revisions 0011 to 0013: rollups of failed jobs and retries, and their totals by key."""

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
_ROWS = _OWNER | {
    "status": "text",
    "mode": "text",
    "error": "text",
    "cost_cents": "bigint",
    "retry_count": "integer",
    "created_at": "timestamp with time zone",
}
_KEY_COLUMNS = {"dimension": "text", "key": "text"} | dict.fromkeys(
    ("key_hash", "failed_count", "failed_cents", "retry_count", "retry_cents", "all_cents"), "bigint"
)
_KEY_INDEXES = {
    "waste_keys_key": "btree (dimension, key_hash)",
    "waste_keys_worst": (
        "btree (dimension, ((failed_cents + retry_cents)) DESC, key_hash) WHERE ((failed_count + retry_count) <> 0)"
    ),
}
_KEY_FUNCTIONS = {
    "waste_key_query": "(p_table text, p_rows text) returns text security invoker",
    "add_waste_keys": "() returns trigger security definer",
    "sum_waste_keys": (
        "() returns TABLE(dimension text, key text, key_hash bigint, failed_count bigint, failed_cents bigint,"
        " retry_count bigint, retry_cents bigint, all_cents bigint) security invoker"
    ),
    "recount_waste_keys": "() returns void security invoker",
}
_ADD = "FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys()"
_KEY_TRIGGERS = {
    "gjobs_keys_inserted": f"AFTER INSERT REFERENCING {_NEW_ROWS} {_ADD}",
    "gjobs_keys_deleted": f"AFTER DELETE REFERENCING {_OLD_ROWS} {_ADD}",
    "gjobs_keys_updated": f"AFTER UPDATE REFERENCING {_OLD_ROWS} {_NEW_ROWS} {_ADD}",
    "gjobs_keys_truncated": f"AFTER TRUNCATE {_ADD}",
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


def waste_keys() -> Iterator[SchemaObject]:
    for view in ("new_rows", "old_rows"):
        yield from _all(ObjectKind.RELATION, "gjobs", {view: "view"})
        yield from _all(ObjectKind.COLUMN, f"gjobs.{view}", _ROWS)
    views = ("job_waste_keys", "job_waste_key_deltas")
    yield from _all(ObjectKind.RELATION, "gjobs", {"waste_keys": "table"} | dict.fromkeys(views, "view"))
    for relation in ("waste_keys", *views):
        yield from _all(ObjectKind.COLUMN, f"gjobs.{relation}", _KEY_COLUMNS)
        if relation in views:
            yield from _all(ObjectKind.ROW_SECURITY, f"gjobs.{relation}", {"security_barrier": "on"})
    yield from _all(ObjectKind.COLUMN, "gjobs.job_waste_keys", {"is_wasted": "boolean", "waste_cents": "bigint"})
    yield from _all(ObjectKind.INDEX, "gjobs.waste_keys", _KEY_INDEXES)
    yield from _all(ObjectKind.ROW_SECURITY, "gjobs.waste_keys", {"row_security": "on"})
    for table in ("job_totals", "job_days", "waste_totals", "waste_days"):
        yield from _all(ObjectKind.TRIGGER, f"gjobs.{table}", _KEY_TRIGGERS)
    yield from _all(ObjectKind.FUNCTION, "gjobs", _KEY_FUNCTIONS)


def error_groups() -> Iterator[SchemaObject]:
    index = "btree (error_group) WHERE (error_group = 'later'::text)"
    yield from _all(ObjectKind.INDEX, "gjobs.waste_deltas", {"waste_deltas_later": index})


def _all(kind: ObjectKind, place: str, definitions: Mapping[str, str]) -> Iterator[SchemaObject]:
    for name, definition in definitions.items():
        yield SchemaObject(kind=kind, place=place, name=name, definition=definition)
