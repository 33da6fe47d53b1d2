"""Expected schema of revision 0008: archive and retention policies."""

from collections.abc import Iterator, Mapping

from store.schema.schema_diff import ObjectKind, SchemaObject

_TIME = "timestamp with time zone"
_STATUSES = ", ".join(f"'{status}'::text" for status in ("queued", "running", "succeeded", "failed"))
_TABLES = {
    "archived_jobs": {
        "id": "uuid not null",
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
        "archived_at": f"{_TIME} not null default now()",
        "further": "jsonb not null default '{}'::jsonb",
    },
    "retention_policies": {
        "id": "uuid not null default gen_random_uuid()",
        "project_id": "uuid",
        "statuses": "text[] not null default '{succeeded,failed}'::text[]",
        "older_than": "interval not null",
        "action": "text not null",
        "created_at": f"{_TIME} not null default now()",
        "applied_at": _TIME,
    },
}
_OF_PROJECT = "FOREIGN KEY (project_id) REFERENCES public.projects(id) ON DELETE CASCADE"
_KEYS = {
    "archived_jobs": {
        "archived_jobs_pkey": "PRIMARY KEY (id)",
        "archived_jobs_user_id_fkey": "FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE",
        "archived_jobs_project_id_fkey": _OF_PROJECT,
    },
    "retention_policies": {
        "retention_policies_pkey": "PRIMARY KEY (id)",
        "retention_policies_project_id_key": "UNIQUE NULLS NOT DISTINCT (project_id)",
        "retention_policies_project_id_fkey": _OF_PROJECT,
    },
}
_CHECKS = {
    "archived_jobs": {},
    "retention_policies": {
        "retention_policies_action_check": "CHECK ((action = ANY (ARRAY['archive'::text, 'delete'::text])))",
        "retention_policies_older_than_check": "CHECK ((older_than > '00:00:00'::interval))",
        "retention_policies_statuses_check": (
            f"CHECK (((cardinality(statuses) > 0) AND (statuses <@ ARRAY[{_STATUSES}])))"
        ),
    },
}
_INDEXES = {
    "archived_jobs": {
        "archived_jobs_newest": "btree (created_at DESC, id DESC)",
        "archived_jobs_project_id": "btree (project_id, created_at DESC, id DESC)",
        "archived_jobs_user_id": "btree (user_id, created_at DESC, id DESC)",
    },
    "retention_policies": {},
}
_POLICIES = {
    "archived_jobs": {
        "own_rows": (
            "for select using ((( SELECT auth.uid() AS uid) = user_id)"
            " AND ( SELECT gjobs.sees_own_jobs() AS sees_own_jobs))"
        )
    },
    "retention_policies": {
        "of_own_projects": "for select using ((project_id IS NULL) OR gjobs.owns_project(project_id))"
    },
}
_FUNCTIONS = {
    "sees_own_jobs": "() returns boolean security invoker",
    "further_columns": "() returns TABLE(name text, written text, read text) security invoker",
    "written_further": "() returns text security invoker",
    "store_archived": "() returns trigger security definer",
    "archive_jobs": "(p_job_ids uuid[]) returns SETOF uuid security invoker",
    "take_restored": "() returns trigger security definer",
    "restore_jobs": "(p_job_ids uuid[]) returns SETOF uuid security invoker",
}
_TRIGGERS = {
    "gjobs_store_archived": (
        "AFTER DELETE REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT"
        " WHEN ((current_setting('gjobs.archiving'::text, true) = 'on'::text)) EXECUTE FUNCTION gjobs.store_archived()"
    ),
    "gjobs_take_restored": (
        "AFTER INSERT REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT"
        " WHEN ((current_setting('gjobs.restoring'::text, true) = 'on'::text)) EXECUTE FUNCTION gjobs.take_restored()"
    ),
}


def archive() -> Iterator[SchemaObject]:
    yield from _all(ObjectKind.TRIGGER, "public.generation_jobs", _TRIGGERS)
    yield from _all(ObjectKind.RELATION, "gjobs", dict.fromkeys(_TABLES, "table"))
    for table, columns in _TABLES.items():
        place = f"gjobs.{table}"
        yield from _all(ObjectKind.COLUMN, place, columns)
        yield from _all(ObjectKind.KEY, place, _KEYS[table])
        yield from _all(ObjectKind.CHECK, place, _CHECKS[table])
        yield from _all(ObjectKind.INDEX, place, _INDEXES[table])
        yield from _all(ObjectKind.ROW_SECURITY, place, {"row_security": "on"})
        yield from _all(ObjectKind.POLICY, place, _POLICIES[table])
    yield from _all(ObjectKind.FUNCTION, "gjobs", _FUNCTIONS)


def _all(kind: ObjectKind, place: str, definitions: Mapping[str, str]) -> Iterator[SchemaObject]:
    for name, definition in definitions.items():
        yield SchemaObject(kind=kind, place=place, name=name, definition=definition)
