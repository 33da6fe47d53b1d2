"""Expected schema of revision 0004: rollups of jobs."""

from collections.abc import Iterator, Mapping

from store.schema.schema_diff import ObjectKind, SchemaObject

_OWNER = {"user_id": "uuid", "project_id": "uuid"}
_STATE = {"status": "text", "mode": "text"}
_DAY = {"day": "date"}
_ROLLUPS = {"job_count": "bigint", "cost_cents": "bigint"}
_TABLES = {
    "job_deltas": _OWNER | _STATE | _DAY | _ROLLUPS,
    "job_totals": _OWNER | _STATE | _ROLLUPS,
    "job_days": _OWNER | _DAY | _ROLLUPS,
    "job_folding": {"folded_at": "timestamp with time zone"},
}
_VIEWS = {"job_counts": _OWNER | _STATE | _ROLLUPS, "job_day_counts": _OWNER | _DAY | _ROLLUPS}
_INDEXES = {
    "job_totals": {
        "job_totals_user_id": "btree (user_id)",
        "job_totals_project_id": "btree (project_id, status)",
    },
    "job_days": {
        "job_days_day": "btree (day)",
        "job_days_user_id": "btree (user_id, day)",
        "job_days_project_id": "btree (project_id, day)",
    },
}
_ROWS_OF = {
    "inserted": "AFTER INSERT REFERENCING NEW TABLE AS new_rows",
    "deleted": "AFTER DELETE REFERENCING OLD TABLE AS old_rows",
    "updated": "AFTER UPDATE REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "truncated": "AFTER TRUNCATE",
}
_FUNCTIONS = {f"count_{change}": "() returns trigger security definer" for change in _ROWS_OF} | {
    "fold_deltas": "(p_appended bigint) returns void security definer",
    "recount_jobs": "() returns void security invoker",
    "may_notify": "() returns boolean security invoker",
    "tell_listeners": "(p_job_id text) returns void security definer",
    "rollups_agree": "() returns boolean security invoker",
    "count_jobs": (
        "() returns TABLE(user_id uuid, project_id uuid, status text, mode text, job_count bigint, cost_cents bigint)"
        " security invoker"
    ),
    "count_days": (
        "() returns TABLE(user_id uuid, project_id uuid, day date, job_count bigint, cost_cents bigint)"
        " security invoker"
    ),
}


def rollups() -> Iterator[SchemaObject]:
    yield from _all(ObjectKind.RELATION, "gjobs", dict.fromkeys(_TABLES, "table") | dict.fromkeys(_VIEWS, "view"))
    for table, columns in _TABLES.items():
        place = f"gjobs.{table}"
        yield from _all(ObjectKind.COLUMN, place, columns)
        yield from _all(ObjectKind.INDEX, place, _INDEXES.get(table, {}))
        yield from _all(ObjectKind.ROW_SECURITY, place, {"row_security": "on"})
    for view, columns in _VIEWS.items():
        yield from _all(ObjectKind.COLUMN, f"gjobs.{view}", columns)
        yield from _all(ObjectKind.ROW_SECURITY, f"gjobs.{view}", {"security_barrier": "on"})
    yield from _all(ObjectKind.FUNCTION, "gjobs", _FUNCTIONS)
    yield from _of_jobs()


def _of_jobs() -> Iterator[SchemaObject]:
    place = "public.generation_jobs"
    triggers = {
        f"gjobs_count_{change}": f"{rows} FOR EACH STATEMENT EXECUTE FUNCTION gjobs.count_{change}()"
        for change, rows in _ROWS_OF.items()
    }
    yield from _all(ObjectKind.TRIGGER, place, triggers)
    index = {"gjobs_newest_of_project_status": "btree (project_id, status, created_at DESC, id DESC)"}
    yield from _all(ObjectKind.INDEX, place, index)


def _all(kind: ObjectKind, place: str, definitions: Mapping[str, str]) -> Iterator[SchemaObject]:
    for name, definition in definitions.items():
        yield SchemaObject(kind=kind, place=place, name=name, definition=definition)
