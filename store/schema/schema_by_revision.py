"""The expected schema of each revision, starting with the app's own schema (revision 0001)."""

from collections.abc import Iterable, Iterator, Mapping

from store.errors import SchemaMissing
from store.schema.expected_archive import archive
from store.schema.expected_budgets import budgets
from store.schema.expected_events import events
from store.schema.expected_leases import leases
from store.schema.expected_rollups import rollups
from store.schema.expected_waste import error_groups, waste, waste_keys
from store.schema.schema_diff import ObjectKind, SchemaObject

TABLES = ("projects", "assets", "generation_jobs")
ROLES = ("anon", "authenticated", "service_role")
OWN_ROWS = "(auth.uid() = user_id)"

_ID = "uuid not null default gen_random_uuid()"
_NOW = "timestamp with time zone not null default now()"
_OWNER_KEY = "FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE"
_PROJECT_KEY = "FOREIGN KEY (project_id) REFERENCES public.projects(id) ON DELETE CASCADE"
_MODES = "'main_white'::text, 'lifestyle'::text, 'feature_callout'::text, 'packaging'::text"
_STATUSES = "'queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text"

_COLUMNS = {
    "projects": {
        "id": _ID,
        "user_id": "uuid not null",
        "name": "text not null",
        "created_at": _NOW,
        "updated_at": _NOW,
    },
    "assets": {
        "id": _ID,
        "user_id": "uuid not null",
        "project_id": "uuid not null",
        "kind": "text not null",
        "mode": "text not null",
        "source_asset_id": "uuid",
        "prompt_version": "text not null",
        "prompt_payload": "jsonb not null",
        "width": "integer",
        "height": "integer",
        "mime_type": "text",
        "storage_path": "text not null",
        "created_at": _NOW,
        "updated_at": _NOW,
    },
    "generation_jobs": {
        "id": _ID,
        "user_id": "uuid not null",
        "project_id": "uuid not null",
        "status": "text not null default 'queued'::text",
        "mode": "text not null",
        "input_asset_id": "uuid",
        "error": "text",
        "cost_cents": "integer not null default 0",
        "created_at": _NOW,
        "updated_at": _NOW,
    },
    "generation_job_summary": {
        "user_id": "uuid",
        "project_id": "uuid",
        "status": "text",
        "job_count": "bigint",
        "total_cost_cents": "bigint",
        "avg_cost_cents": "numeric",
        "first_job_at": "timestamp with time zone",
        "last_job_at": "timestamp with time zone",
    },
}
_KEYS = {
    "projects": {"projects_pkey": "PRIMARY KEY (id)", "projects_user_id_fkey": _OWNER_KEY},
    "assets": {
        "assets_pkey": "PRIMARY KEY (id)",
        "assets_user_id_fkey": _OWNER_KEY,
        "assets_project_id_fkey": _PROJECT_KEY,
        "assets_source_asset_id_fkey": (
            "FOREIGN KEY (source_asset_id) REFERENCES public.assets(id) ON DELETE SET NULL"
        ),
    },
    "generation_jobs": {
        "generation_jobs_pkey": "PRIMARY KEY (id)",
        "generation_jobs_user_id_fkey": _OWNER_KEY,
        "generation_jobs_project_id_fkey": _PROJECT_KEY,
        "generation_jobs_input_asset_id_fkey": (
            "FOREIGN KEY (input_asset_id) REFERENCES public.assets(id) ON DELETE SET NULL"
        ),
    },
}
_CHECKS = {
    "projects": {},
    "assets": {
        "assets_kind_check": "CHECK ((kind = ANY (ARRAY['input'::text, 'output'::text])))",
        "assets_mode_check": f"CHECK ((mode = ANY (ARRAY[{_MODES}])))",
    },
    "generation_jobs": {"generation_jobs_status_check": f"CHECK ((status = ANY (ARRAY[{_STATUSES}])))"},
}
_INDEXES = {
    "projects": {"idx_projects_user_id": "btree (user_id)", "idx_projects_created_at": "btree (created_at DESC)"},
    "assets": {
        "idx_assets_user_id": "btree (user_id)",
        "idx_assets_project_id": "btree (project_id)",
        "idx_assets_source_asset_id": "btree (source_asset_id)",
        "idx_assets_kind": "btree (kind)",
        "idx_assets_mode": "btree (mode)",
        "idx_assets_created_at": "btree (created_at DESC)",
        "idx_assets_prompt_payload": "gin (prompt_payload)",
    },
    "generation_jobs": {
        "idx_generation_jobs_user_id": "btree (user_id)",
        "idx_generation_jobs_project_id": "btree (project_id)",
        "idx_generation_jobs_status": "btree (status)",
        "idx_generation_jobs_input_asset_id": "btree (input_asset_id)",
        "idx_generation_jobs_created_at": "btree (created_at DESC)",
        "idx_generation_jobs_user_status": "btree (user_id, status)",
    },
}
_FUNCTIONS = {
    "update_updated_at_column": "() returns trigger security invoker",
    "get_job_statistics": (
        "(p_user_id uuid DEFAULT NULL::uuid) returns TABLE(status text, count bigint, total_cost_cents bigint,"
        " avg_cost_cents numeric) security definer"
    ),
    "get_recent_jobs": (
        "(p_limit integer DEFAULT 10) returns TABLE(id uuid, project_id uuid, status text, mode text,"
        " cost_cents integer, created_at timestamp with time zone) security definer"
    ),
    "transition_job_status": (
        "(p_job_id uuid, p_new_status text, p_error text DEFAULT NULL::text) returns boolean security definer"
    ),
}
_BODIES = {
    "update_updated_at_column": "d33fee81",
    "get_job_statistics": "c8acbf8e",
    "get_recent_jobs": "2f96eaec",
    "transition_job_status": "41de63be",
}


def app_schema() -> Iterator[SchemaObject]:
    yield from _all(ObjectKind.RELATION, "public", dict.fromkeys(TABLES, "table"))
    yield from _all(ObjectKind.RELATION, "public", {"generation_job_summary": "view"})
    for name, columns in _COLUMNS.items():
        yield from _all(ObjectKind.COLUMN, f"public.{name}", columns)
    for table in TABLES:
        yield from _of_table(table)
    yield from _all(ObjectKind.FUNCTION, "public", _FUNCTIONS)
    for name, digest in _BODIES.items():
        yield from _all(ObjectKind.BODY, f"public.{name}", {name: digest})
    yield from _grants()


def _of_table(table: str) -> Iterator[SchemaObject]:
    place = f"public.{table}"
    yield from _all(ObjectKind.KEY, place, _KEYS[table])
    yield from _all(ObjectKind.CHECK, place, _CHECKS[table])
    yield from _all(ObjectKind.INDEX, place, _INDEXES[table])
    trigger = "BEFORE UPDATE FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column()"
    yield from _all(ObjectKind.TRIGGER, place, {f"update_{table}_updated_at": trigger})
    yield from _all(ObjectKind.ROW_SECURITY, place, {"row_security": "on"})
    yield from policies(table, new_row=OWN_ROWS)


def policies(table: str, *, new_row: str) -> Iterator[SchemaObject]:
    """Return policies that limit each command to own rows. A written row must fulfil `new_row`."""
    label = table.replace("_", " ")
    rules = {
        f"Users can view own {label}": f"for select using {OWN_ROWS}",
        f"Users can insert own {label}": f"for insert with check {new_row}",
        f"Users can update own {label}": f"for update using {OWN_ROWS} with check {new_row}",
        f"Users can delete own {label}": f"for delete using {OWN_ROWS}",
    }
    return _all(ObjectKind.POLICY, f"public.{table}", rules)


def _grants() -> Iterator[SchemaObject]:
    for table in TABLES:
        yield from _all(ObjectKind.GRANT, f"public.{table}", dict.fromkeys(ROLES, "select, insert, update, delete"))
    yield from _all(ObjectKind.GRANT, "public.generation_job_summary", dict.fromkeys(ROLES, "select"))
    for function in ("get_job_statistics", "get_recent_jobs", "transition_job_status"):
        yield from _all(ObjectKind.GRANT, f"public.{function}", dict.fromkeys(ROLES, "execute"))


def _all(kind: ObjectKind, place: str, definitions: Mapping[str, str]) -> Iterator[SchemaObject]:
    for name, definition in definitions.items():
        yield SchemaObject(kind=kind, place=place, name=name, definition=definition)


APP_REVISION = "0001"
"""The expected revision of an app's own database, before the first migration."""


def expected(revision: str | None) -> tuple[SchemaObject, ...]:
    """Return the expected schema of a revision; None means no revision.

    Raises SchemaMissing for a revision that only a newer program knows.
    """
    promised = tuple(app_schema())
    for name, change in _CHANGES.items():
        promised = _changed(promised, tuple(change()))
        if name == (revision or APP_REVISION):
            return promised
    raise SchemaMissing(
        f"This database is at revision {revision}, which this version of gjobs does not know.",
        hint="Use the newer gjobs that migrated it.",
    )


def _changed(promised: tuple[SchemaObject, ...], change: tuple[SchemaObject, ...]) -> tuple[SchemaObject, ...]:
    """Return the objects with changed ones replaced and new ones added."""
    by_name = {(known.kind, known.place, known.name): known for known in promised}
    return tuple((by_name | {(one.kind, one.place, one.name): one for one in change}).values())


def _fixed_policies() -> Iterator[SchemaObject]:
    for known in app_schema():
        if known.kind is ObjectKind.FUNCTION:
            yield _like(known, known.definition.replace("security definer", "security invoker"))
    bodies = {
        "public.get_job_statistics": "7df0d5c3",
        "public.get_recent_jobs": "8c85c74f",
        "public.transition_job_status": "37bbc035",
    }
    for place, digest in bodies.items():
        yield SchemaObject(kind=ObjectKind.BODY, place=place, name=place.rpartition(".")[2], definition=digest)
    yield SchemaObject(
        kind=ObjectKind.ROW_SECURITY, place="public.generation_job_summary", name="security_invoker", definition="on"
    )
    yield from policies("assets", new_row=_within_own_project("source_asset_id"))
    yield from policies("generation_jobs", new_row=_within_own_project("input_asset_id"))
    for name, argument in (("owns_project", "p_project_id"), ("owns_asset", "p_asset_id")):
        definition = f"({argument} uuid) returns boolean security invoker"
        yield SchemaObject(kind=ObjectKind.FUNCTION, place="gjobs", name=name, definition=definition)


_TOTAL = (
    "( CASE WHEN ((status = ANY (ARRAY['succeeded'::text, 'failed'::text]))"
    " AND (LEAST(created_at, updated_at) > to_timestamp(('-62135596800'::bigint)::double precision))"
    " AND (GREATEST(created_at, updated_at) < to_timestamp(('253402300799'::bigint)::double precision)))"
    " THEN (updated_at - created_at) ELSE NULL::interval END) DESC NULLS LAST"
)
_GJOBS_INDEXES = {
    "gjobs_newest": "(created_at DESC, id DESC)",
    "gjobs_newest_of_project": "(project_id, created_at DESC, id DESC)",
    "gjobs_newest_of_user": "(user_id, created_at DESC, id DESC)",
    "gjobs_newest_of_status": "(status, created_at DESC, id DESC)",
    "gjobs_updated": "(updated_at DESC, id DESC)",
    "gjobs_costs": "(cost_cents DESC, id DESC)",
    "gjobs_total": f"({_TOTAL}, id DESC)",
}


def _indexed() -> Iterator[SchemaObject]:
    for name, columns in _GJOBS_INDEXES.items():
        yield SchemaObject(
            kind=ObjectKind.INDEX, place="public.generation_jobs", name=name, definition=f"btree {columns}"
        )


def _within_own_project(asset: str) -> str:
    return f"({OWN_ROWS} AND gjobs.owns_project(project_id) AND gjobs.owns_asset({asset}))"


def _like(known: SchemaObject, definition: str) -> SchemaObject:
    return SchemaObject(kind=known.kind, place=known.place, name=known.name, definition=definition)


def _nothing() -> Iterable[SchemaObject]:
    return ()


_CHANGES = {
    APP_REVISION: _nothing,
    "0002": _fixed_policies,
    "0003": _indexed,
    "0004": rollups,
    "0005": events,
    "0006": leases,
    "0007": budgets,
    "0008": archive,
    "0009": _nothing,
    "0010": _nothing,
    "0011": waste,
    "0012": waste_keys,
    "0013": error_groups,
}
"""What each revision adds or changes, oldest first."""

NEWEST_REVISION = list(_CHANGES)[-1]
