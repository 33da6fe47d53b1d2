"""everything of gjobs"""

from gjobs.migrations.scripts import (
    FIRST_TABLE,
    FIRST_TRIGGER,
    commit,
    is_missing,
    lock_tables,
    remove_objects,
    run_apart,
    run_folder,
    run_in_snapshot,
    run_script,
)

revision = "0002_gjobs"
down_revision = "0001_app"
FEATURES = ("rollups", "events", "leases", "budgets", "archive", "waste")


def upgrade() -> None:
    """Each part is one transaction or can run again, so the next run continues after an interruption.

    Policies are created before the triggers: each policy locks its table, and a write of the app would wait for it.
    """
    for folder in ("indexes", "events"):
        run_script(f"{folder}/before.sql")
    if is_missing(FIRST_TABLE):
        _create_objects()
    # Nobody waits for a lock of this transaction while indexes are built.
    commit()
    run_apart(
        "indexes/gjobs_newest.sql",
        "indexes/gjobs_newest_of_project.sql",
        "indexes/gjobs_newest_of_user.sql",
        "indexes/gjobs_newest_of_status.sql",
        "indexes/gjobs_newest_of_project_status.sql",
        "indexes/gjobs_updated.sql",
        "indexes/gjobs_costs.sql",
        "indexes/gjobs_total.sql",
        "indexes/gjobs_queue.sql",
    )
    run_script("indexes/after.sql")
    if is_missing(FIRST_TRIGGER):
        # Owners of new jobs are known from here on, and those of earlier jobs before the first event.
        lock_tables("events/key.sql")
        run_script("events/known_users.sql", "triggers")
        run_apart("events/users.sql")
        _attach()
    commit()
    run_in_snapshot("rollups/count.sql", "waste/count.sql")
    _publish()


def downgrade() -> None:
    remove_objects()


def _create_objects() -> None:
    """Create tables and functions in the schema gjobs. Nothing of the app is locked."""
    for feature in FEATURES:
        run_script(f"{feature}/tables.sql")
    # Its view needs this function, and another function needs the view.
    run_script("budgets/budget_period_start.sql", "functions")
    run_script("budgets/view.sql")
    for feature in FEATURES:
        run_folder("functions", feature)
    for feature in ("events", "leases", "budgets", "archive"):
        run_script(f"{feature}/access.sql")


def _attach() -> None:
    """Add columns and triggers to the app's table, under one lock."""
    lock_tables("attached_tables.sql")
    for script in ("events/columns", "events/stuck_jobs"):
        run_script(f"{script}.sql")
    for feature in FEATURES:
        run_folder("triggers", feature)


def _publish() -> None:
    """Create the views of the rollups. With them, gjobs knows that the upgrade is complete."""
    for script in ("rollups/views", "rollups/job_summary", "waste/views"):
        run_script(f"{script}.sql")
