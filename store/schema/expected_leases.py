"""Expected schema of revision 0006: leases, workers and claiming functions."""

from collections.abc import Iterator, Mapping

from store.schema.schema_diff import ObjectKind, SchemaObject

JOBS = "public.generation_jobs"

_TIME = "timestamp with time zone"
_TABLES = {
    "workers": {
        "id": "uuid not null",
        "user_id": "uuid",
        "name": "text not null",
        "host": "text not null",
        "process": "integer not null",
        "modes": "text[]",
        "concurrency": "integer not null",
        "started_at": f"{_TIME} not null default now()",
        "seen_at": f"{_TIME} not null default now()",
        "stopped_at": _TIME,
    },
    "job_leases": {
        "job_id": "uuid not null",
        "owner": "uuid",
        "attempt": "integer not null",
        "acquired_at": f"{_TIME} not null",
        "expires_at": f"{_TIME} not null",
        "note": "text",
    },
    "job_links": {"job_id": "uuid not null", "repeats": "uuid not null"},
}
_KEYS = {
    "workers": {"workers_pkey": "PRIMARY KEY (id)"},
    "job_leases": {"job_leases_pkey": "PRIMARY KEY (job_id)"},
    "job_links": {"job_links_pkey": "PRIMARY KEY (job_id)"},
}
_INDEXES = {
    "workers": {},
    "job_leases": {"job_leases_expires_at": "btree (expires_at)"},
    "job_links": {"job_links_repeats": "btree (repeats)"},
}
_VISIBLE = f"(EXISTS ( SELECT FROM {JOBS} j WHERE (j.id = %s.job_id)))"
_OWN = f"(EXISTS ( SELECT FROM {JOBS} j WHERE ((j.id = %s.job_id) AND (j.user_id = ( SELECT auth.uid() AS uid)))))"
_OWN_LINK = f"({_OWN % 'job_links'} AND {(_OWN % 'job_links').replace('job_links.job_id', 'job_links.repeats')})"
_OWN_ROWS = "(( SELECT auth.uid() AS uid) = user_id)"
_POLICIES = {
    "workers": {
        "select_own": f"for select using {_OWN_ROWS}",
        "insert_own": f"for insert with check {_OWN_ROWS}",
        "update_own": f"for update using {_OWN_ROWS} with check {_OWN_ROWS}",
        "delete_own": f"for delete using {_OWN_ROWS}",
    },
    "job_leases": {
        "of_visible_jobs": f"for select using {_VISIBLE % 'job_leases'}",
        "insert_own": f"for insert with check {_OWN % 'job_leases'}",
        "update_own": f"for update using {_OWN % 'job_leases'} with check {_OWN % 'job_leases'}",
        "delete_own": f"for delete using {_OWN % 'job_leases'}",
    },
    "job_links": {
        "of_visible_jobs": f"for select using {_VISIBLE % 'job_links'}",
        "insert_own": f"for insert with check {_OWN_LINK}",
    },
}
_HELD = "p_owner uuid, p_job_ids uuid[], p_attempts integer[]"
_CHOOSING = "p_modes text[], p_most integer"
_CLAIMING = f"p_owner uuid, {_CHOOSING}, p_lease_seconds double precision"
_FUNCTIONS = {
    "lock_queued": "(p_most integer) returns SETOF uuid security invoker",
    "queued_of_modes": f"({_CHOOSING}) returns TABLE(id uuid, created_at {_TIME}) security invoker",
    "choose_queued": f"({_CHOOSING}) returns SETOF uuid security invoker",
    "take_over_jobs": (
        f"({_CLAIMING}) returns TABLE(job_id uuid, attempt integer, lost_by uuid, note text) security invoker"
    ),
    "claim_jobs": (
        f"({_CLAIMING}) returns TABLE(id uuid, user_id uuid, project_id uuid, status text, mode text,"
        f" input_asset_id uuid, error text, cost_cents integer, created_at {_TIME}, updated_at {_TIME},"
        " attempt integer, lost_by uuid, note text) security invoker"
    ),
    "finish_jobs": (
        f"({_HELD}, p_statuses text[], p_errors text[], p_costs integer[]) returns SETOF uuid security invoker"
    ),
    "postpone_jobs": (
        f"({_HELD}, p_errors text[], p_costs integer[], p_wait_seconds double precision[]) returns SETOF uuid"
        " security invoker"
    ),
    "hand_back_jobs": f"({_HELD}) returns SETOF uuid security invoker",
    "renew_leases": f"({_HELD}, p_lease_seconds double precision) returns SETOF uuid security invoker",
    "note_progress": f"({_HELD}, p_notes text[]) returns SETOF uuid security invoker",
    "record_changed": "() returns trigger security definer",
    "record_leases": "() returns trigger security definer",
    "drop_leases": "() returns trigger security definer",
    "wake_workers": "() returns trigger security definer",
}
_TRIGGERS = {
    "gjobs_record_changed": (
        "AFTER UPDATE REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"
        " FOR EACH STATEMENT EXECUTE FUNCTION gjobs.record_changed()"
    ),
    "gjobs_leases_dropped": (
        "AFTER DELETE REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.drop_leases()"
    ),
    "gjobs_leases_truncated": "AFTER TRUNCATE FOR EACH STATEMENT EXECUTE FUNCTION gjobs.drop_leases()",
    "gjobs_wake_workers": (
        "AFTER INSERT REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.wake_workers()"
    ),
}
_OF_LEASES = {
    "record_leases": (
        "AFTER UPDATE REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"
        " FOR EACH STATEMENT EXECUTE FUNCTION gjobs.record_leases()"
    )
}
_QUEUE = "btree (\"left\"(mode, 200), created_at, id) WHERE (status = 'queued'::text)"


def leases() -> Iterator[SchemaObject]:
    yield from _all(ObjectKind.TRIGGER, JOBS, _TRIGGERS)
    yield from _all(ObjectKind.INDEX, JOBS, {"gjobs_queue": _QUEUE})
    yield from _all(ObjectKind.RELATION, "gjobs", dict.fromkeys(_TABLES, "table"))
    for table, columns in _TABLES.items():
        place = f"gjobs.{table}"
        yield from _all(ObjectKind.COLUMN, place, columns)
        yield from _all(ObjectKind.KEY, place, _KEYS[table])
        yield from _all(ObjectKind.INDEX, place, _INDEXES[table])
        yield from _all(ObjectKind.ROW_SECURITY, place, {"row_security": "on"})
        yield from _all(ObjectKind.POLICY, place, _POLICIES[table])
    yield from _all(ObjectKind.TRIGGER, "gjobs.job_leases", _OF_LEASES)
    yield from _all(ObjectKind.FUNCTION, "gjobs", _FUNCTIONS)


def _all(kind: ObjectKind, place: str, definitions: Mapping[str, str]) -> Iterator[SchemaObject]:
    for name, definition in definitions.items():
        yield SchemaObject(kind=kind, place=place, name=name, definition=definition)
