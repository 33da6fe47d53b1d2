"""Warnings before an upgrade, before new columns, or before a removal."""

from gjobs.migrations.warnings import columns_warnings, removal_warnings, upgrade_warnings
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, add

COLUMNS = (
    "id uuid, user_id uuid, project_id uuid, status text, mode text, input_asset_id uuid, error text,"
    " cost_cents integer, created_at timestamptz, updated_at timestamptz"
)

TABLE = f"returns table ({COLUMNS})"


APP_FUNCTIONS = (
    (TABLE, "sql as 'select * from public.generation_jobs'", True),
    (TABLE, "plpgsql as 'begin return query select j.* from generation_jobs j; end'", True),
    ("returns setof public.generation_jobs", "sql as 'select * from generation_jobs'", False),
    ("returns bigint", "sql as 'select count( * ) from generation_jobs'", False),
    ("returns setof uuid", "sql as 'select id from generation_jobs'", False),
)
"""The type and body of a function, and whether two more columns would break it."""


def test_new_columns_warn_about_functions_that_they_would_break(
    attached_database: Conninfo,
) -> None:
    with connect(attached_database, autocommit=True) as connection:
        for returns, body, is_named in APP_FUNCTIONS:
            connection.execute(f"create function public.app_jobs() {returns} language {body}".encode())

            messages = columns_warnings(attached_database)

            assert ["app_jobs()" in one for one in messages] == [False, *([True] if is_named else [])], body
            connection.execute("drop function public.app_jobs")


def test_removal_warns_about_events_and_budgets_that_will_be_lost(
    migrated_copy: Conninfo, attached_database: Conninfo
) -> None:
    assert upgrade_warnings(migrated_copy) == []
    assert removal_warnings(migrated_copy) == []
    assert removal_warnings(attached_database) == []
    with connect(migrated_copy) as connection:
        add(connection, ADA)
        add(connection, BEN)
        connection.execute("insert into gjobs.budgets (user_id, period, limit_cents) values (%s, 'day', 5)", [ADA.id])

    events, budgets = removal_warnings(migrated_copy)
    assert events.startswith("2 events will be lost")
    assert budgets == "1 budget will be lost, along with the amounts spent. Nothing will limit the cost of jobs."
