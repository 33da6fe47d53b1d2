"""Expected schema of revision 0005: job events and their triggers."""

from collections.abc import Iterator, Mapping

from store.schema.schema_diff import ObjectKind, SchemaObject

JOBS = "public.generation_jobs"

_TIME = "timestamp with time zone"
_JOB_COLUMNS = {"retry_count": "integer default 0", "completed_at": _TIME}
_TABLES = {
    "known_users": {"number": "bigint not null", "id": "uuid not null"},
    "job_event_log": {
        "id": "bigint not null",
        "transaction_id": "xid8 not null default pg_current_xact_id()",
        "job_id": "uuid not null",
        "project_id": "uuid",
        "user_number": "bigint",
        "mode": "text",
        "kind": "text not null",
        "from_status": "text",
        "to_status": "text",
        "error": "text",
        "cost_cents": "integer",
        "cents_change": "bigint not null default 0",
        "retry_count": "integer",
        "actor_number": "bigint",
        "actor_role": "text not null",
        "application": "text not null",
        "lease_owner": "text",
        "note": "text",
        "at": f"{_TIME} not null default clock_timestamp()",
    },
    "job_starts": {"job_id": "uuid not null", "started_at": f"{_TIME} not null"},
}
_KEYS = {
    "known_users": {
        "known_users_pkey": "PRIMARY KEY (number)",
        "known_users_id_fkey": "FOREIGN KEY (id) REFERENCES auth.users(id) ON DELETE CASCADE",
    },
    "job_event_log": {"job_event_log_pkey": "PRIMARY KEY (transaction_id, id)"},
    "job_starts": {"job_starts_pkey": "PRIMARY KEY (job_id)"},
}
_INDEXES = {
    "known_users": {"known_users_id": "btree (id)"},
    "job_event_log": {"job_event_log_job_id": "btree (job_id, id)"},
    "job_starts": {},
}
_OF_THE_JOB = f"(EXISTS ( SELECT FROM {JOBS} j WHERE (j.id = %s.job_id)))"
_OWN_ARE_SEEN = "( SELECT gjobs.rollups_agree() AS rollups_agree)"
_OWN = (
    "(user_number = ANY (ARRAY( SELECT k.number FROM gjobs.known_users k WHERE (k.id = ( SELECT auth.uid() AS uid)))))"
)
_POLICIES = {
    "known_users": {"own_rows": "for select using (( SELECT auth.uid() AS uid) = id)"},
    "job_event_log": {
        "of_visible_jobs": (
            f"for select using CASE WHEN {_OWN_ARE_SEEN} THEN {_OWN} ELSE {_OF_THE_JOB % 'job_event_log'} END"
        )
    },
    "job_starts": {"of_visible_jobs": f"for select using {_OF_THE_JOB % 'job_starts'}"},
}
_VIEWS = {
    "gjobs.job_events": {
        "id": "bigint",
        "transaction_id": "xid8",
        "job_id": "uuid",
        "project_id": "uuid",
        "user_id": "uuid",
        "mode": "text",
        "kind": "text",
        "from_status": "text",
        "to_status": "text",
        "error": "text",
        "cost_cents": "integer",
        "cents_change": "bigint",
        "retry_count": "integer",
        "actor_user_id": "uuid",
        "actor_role": "text",
        "application": "text",
        "lease_owner": "text",
        "note": "text",
        "at": _TIME,
    },
    "public.stuck_jobs": {
        "id": "uuid",
        "user_id": "uuid",
        "project_id": "uuid",
        "status": "text",
        "mode": "text",
        "input_asset_id": "uuid",
        "error": "text",
        "cost_cents": "integer",
        "created_at": _TIME,
        "updated_at": _TIME,
        "retry_count": "integer",
        "completed_at": _TIME,
    },
}
_FUNCTIONS = {
    "know_owners": "() returns trigger security definer",
    "complete_job": "() returns trigger security invoker",
    "acting_user": "() returns bigint security invoker",
    "record_events": "() returns trigger security definer",
}
_ENDED = "((new.status = ANY (ARRAY['succeeded'::text, 'failed'::text]))"
_TRIGGERS = {
    "gjobs_know_owners": (
        "AFTER INSERT REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.know_owners()"
    ),
    "gjobs_know_new_owner": (
        "AFTER UPDATE FOR EACH ROW WHEN ((old.user_id IS DISTINCT FROM new.user_id))"
        " EXECUTE FUNCTION gjobs.know_owners()"
    ),
    "gjobs_complete_new": (
        f"BEFORE INSERT FOR EACH ROW WHEN ({_ENDED} AND (new.completed_at IS NULL) AND (new.created_at = now())))"
        " EXECUTE FUNCTION gjobs.complete_job()"
    ),
    "gjobs_complete": (
        "BEFORE UPDATE FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status))"
        " EXECUTE FUNCTION gjobs.complete_job()"
    ),
    "gjobs_record_created": (
        "AFTER INSERT REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.record_events()"
    ),
    "gjobs_record_changed": (
        "AFTER UPDATE REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"
        " FOR EACH STATEMENT EXECUTE FUNCTION gjobs.record_events()"
    ),
    "gjobs_record_deleted": (
        "AFTER DELETE REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.record_events()"
    ),
    "gjobs_record_truncated": "BEFORE TRUNCATE FOR EACH STATEMENT EXECUTE FUNCTION gjobs.record_events()",
}


def events() -> Iterator[SchemaObject]:
    yield from _all(ObjectKind.COLUMN, JOBS, _JOB_COLUMNS)
    yield from _all(ObjectKind.TRIGGER, JOBS, _TRIGGERS)
    yield from _all(ObjectKind.RELATION, "gjobs", dict.fromkeys(_TABLES, "table"))
    for table, columns in _TABLES.items():
        place = f"gjobs.{table}"
        yield from _all(ObjectKind.COLUMN, place, columns)
        yield from _all(ObjectKind.KEY, place, _KEYS[table])
        yield from _all(ObjectKind.INDEX, place, _INDEXES[table])
        yield from _all(ObjectKind.ROW_SECURITY, place, {"row_security": "on"})
        yield from _all(ObjectKind.POLICY, place, _POLICIES[table])
    for view, columns in _VIEWS.items():
        schema, _, name = view.partition(".")
        yield from _all(ObjectKind.RELATION, schema, {name: "view"})
        yield from _all(ObjectKind.COLUMN, view, columns)
        yield from _all(ObjectKind.ROW_SECURITY, view, {"security_invoker": "on"})
    yield from _all(ObjectKind.FUNCTION, "gjobs", _FUNCTIONS)


def _all(kind: ObjectKind, place: str, definitions: Mapping[str, str]) -> Iterator[SchemaObject]:
    for name, definition in definitions.items():
        yield SchemaObject(kind=kind, place=place, name=name, definition=definition)
