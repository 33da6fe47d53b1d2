"""Expected schema of revision 0007: budgets and their triggers."""

from collections.abc import Iterator, Mapping

from store.schema.schema_diff import ObjectKind, SchemaObject

_TIME = "timestamp with time zone"
_TABLES = {
    "budgets": {
        "id": "uuid not null default gen_random_uuid()",
        "user_id": "uuid",
        "project_id": "uuid",
        "period": "text not null",
        "limit_cents": "bigint not null",
        "warn_share": "numeric not null default 0.8",
        "created_at": f"{_TIME} not null default now()",
    },
    "budget_spending": {
        "budget_id": "uuid not null",
        "period_start": "date not null",
        "spent_cents": "bigint not null",
        "is_counted": "boolean not null default false",
    },
    "budget_charges": {
        "budget_id": "uuid not null",
        "job_id": "uuid not null",
        "period_start": "date not null",
        "cents": "bigint not null",
    },
}
_OF_BUDGET = "FOREIGN KEY (budget_id) REFERENCES gjobs.budgets(id) ON DELETE CASCADE"
_KEYS = {
    "budgets": {
        "budgets_pkey": "PRIMARY KEY (id)",
        "budgets_user_id_fkey": "FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE",
        "budgets_project_id_fkey": "FOREIGN KEY (project_id) REFERENCES public.projects(id) ON DELETE CASCADE",
    },
    "budget_spending": {
        "budget_spending_pkey": "PRIMARY KEY (budget_id, period_start)",
        "budget_spending_budget_id_fkey": _OF_BUDGET,
    },
    "budget_charges": {
        "budget_charges_pkey": "PRIMARY KEY (budget_id, job_id)",
        "budget_charges_budget_id_fkey": _OF_BUDGET,
    },
}
_CHECKS = {
    "budgets_period_check": "CHECK ((period = ANY (ARRAY['day'::text, 'month'::text, 'all'::text])))",
    "budgets_limit_cents_check": "CHECK ((limit_cents >= 0))",
    "budgets_warn_share_check": "CHECK (((warn_share > (0)::numeric) AND (warn_share <= (1)::numeric)))",
    "budgets_check": "CHECK ((num_nonnulls(user_id, project_id) = 1))",
}
_INDEXES = {
    f"budgets_{subject}": f"unique btree ({subject}, period) WHERE ({subject} IS NOT NULL)"
    for subject in ("user_id", "project_id")
}
_POLICIES = {
    "budgets": ("for select using ((( SELECT auth.uid() AS uid) = user_id) OR gjobs.owns_project(project_id))"),
    "budget_spending": (
        "for select using (EXISTS ( SELECT FROM gjobs.budgets b WHERE (b.id = budget_spending.budget_id)))"
    ),
}
_VIEW = {
    "id": "uuid",
    "user_id": "uuid",
    "project_id": "uuid",
    "period": "text",
    "limit_cents": "bigint",
    "warn_share": "numeric",
    "created_at": _TIME,
    "period_start": "date",
    "spent_cents": "bigint",
}
_ROWS_OF = {
    "inserted": "AFTER INSERT REFERENCING NEW TABLE AS new_rows",
    "updated": "AFTER UPDATE REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "deleted": "AFTER DELETE REFERENCING OLD TABLE AS old_rows",
    "truncated": "AFTER TRUNCATE",
}
_FUNCTIONS = {f"charge_{change}": "() returns trigger security definer" for change in _ROWS_OF} | {
    "charge_jobs": "(p_changes gjobs.job_cost_change[]) returns void security definer",
    "may_refund": "() returns boolean security invoker",
    "count_spending": "(p_budget gjobs.budgets, p_period_start date) returns bigint security definer",
    "begin_budgets": "() returns trigger security definer",
    "begin_budget": "() returns trigger security definer",
    "budget_period_start": "(p_period text, p_day date) returns date security invoker",
    "check_budget": (
        "(p_project_id uuid, p_cents bigint) returns TABLE(budget_id uuid, period text, limit_cents bigint,"
        " spent_cents bigint, asked_cents bigint, allowed boolean) security invoker"
    ),
}


def budgets() -> Iterator[SchemaObject]:
    yield from _all(ObjectKind.RELATION, "gjobs", {**dict.fromkeys(_TABLES, "table"), "budget_states": "view"})
    for table, columns in _TABLES.items():
        place = f"gjobs.{table}"
        yield from _all(ObjectKind.COLUMN, place, columns)
        yield from _all(ObjectKind.KEY, place, _KEYS[table])
        yield from _all(ObjectKind.ROW_SECURITY, place, {"row_security": "on"})
    yield from _all(ObjectKind.CHECK, "gjobs.budgets", _CHECKS)
    yield from _all(ObjectKind.INDEX, "gjobs.budgets", _INDEXES)
    for table, rule in _POLICIES.items():
        yield from _all(ObjectKind.POLICY, f"gjobs.{table}", {"own_rows": rule})
    yield from _all(ObjectKind.COLUMN, "gjobs.budget_states", _VIEW)
    yield from _all(ObjectKind.ROW_SECURITY, "gjobs.budget_states", {"security_invoker": "on"})
    yield from _all(ObjectKind.FUNCTION, "gjobs", _FUNCTIONS)
    yield from _triggers()


def _triggers() -> Iterator[SchemaObject]:
    written = "INSERT OR UPDATE OF user_id, project_id, period"
    beginning = {
        "gjobs_begin_budgets": f"BEFORE {written} FOR EACH STATEMENT EXECUTE FUNCTION gjobs.begin_budgets()",
        "gjobs_begin_budget": f"AFTER {written} FOR EACH ROW EXECUTE FUNCTION gjobs.begin_budget()",
    }
    yield from _all(ObjectKind.TRIGGER, "gjobs.budgets", beginning)
    charging = {
        f"gjobs_charge_{change}": f"{rows} FOR EACH STATEMENT EXECUTE FUNCTION gjobs.charge_{change}()"
        for change, rows in _ROWS_OF.items()
    }
    yield from _all(ObjectKind.TRIGGER, "public.generation_jobs", charging)


def _all(kind: ObjectKind, place: str, definitions: Mapping[str, str]) -> Iterator[SchemaObject]:
    for name, definition in definitions.items():
        yield SchemaObject(kind=kind, place=place, name=name, definition=definition)
