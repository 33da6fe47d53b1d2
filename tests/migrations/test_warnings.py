"""Warnings before an upgrade or a downgrade."""

from gjobs.migrations.runner import cautions_down, cautions_up, downgrade
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


def test_upgrade_warns_about_functions_that_two_new_columns_would_break(attached_database: Conninfo) -> None:
    with connect(attached_database, autocommit=True) as connection:
        for returns, body, is_named in APP_FUNCTIONS:
            connection.execute(f"create function public.app_jobs() {returns} language {body}".encode())

            messages = cautions_up(attached_database)

            assert len(messages) == is_named, body
            assert all("app_jobs()" in one for one in messages)
            connection.execute("drop function public.app_jobs")


def test_downgrade_warns_about_events_that_will_be_lost(migrated_copy: Conninfo) -> None:
    assert cautions_up(migrated_copy) == []
    assert cautions_down(migrated_copy, "0004") == []
    with connect(migrated_copy) as connection:
        add(connection, ADA)
        add(connection, BEN)

    assert cautions_down(migrated_copy, "0005") == []
    for revision in ("0004", "base"):
        (messages,) = cautions_down(migrated_copy, revision)
        assert messages.startswith("2 events will be lost")
    downgrade(migrated_copy, "0004")
    assert cautions_down(migrated_copy, "0001") == []


def test_downgrade_warns_about_budgets_that_will_be_lost(migrated_copy: Conninfo) -> None:
    with connect(migrated_copy) as connection:
        add(connection, ADA)
        connection.execute("insert into gjobs.budgets (user_id, period, limit_cents) values (%s, 'day', 5)", [ADA.id])

    assert cautions_down(migrated_copy, "0007") == []
    messages = "1 budget will be lost, along with the amounts spent. Nothing will limit the cost of jobs."
    assert cautions_down(migrated_copy, "0006") == [messages]
    assert cautions_down(migrated_copy, "base")[1:] == [messages]
