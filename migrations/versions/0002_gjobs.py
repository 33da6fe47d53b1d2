"""everything of gjobs"""

from gjobs.migrations.scripts import (
    EARLIER_SCHEMA,
    FIRST_TABLE,
    FIRST_TRIGGER,
    commit,
    count_jobs,
    is_missing,
    lock_tables,
    remove_objects,
    run_apart,
    run_script,
)

revision = "0002_gjobs"
down_revision = "0001_app"


def upgrade() -> None:
    """Each part is one transaction or can run again, so the next run continues after an interruption."""
    for script in ("indexes/before", "column_types"):
        run_script(script)
    if is_missing(FIRST_TABLE):
        _create_objects()
    # Nobody waits for a lock of this transaction while the index is built.
    commit()
    run_apart("indexes/gjobs_queue")
    run_script("indexes/after")
    if is_missing(FIRST_TRIGGER):
        lock_tables()
        run_script("triggers")
    commit()
    if not is_missing(EARLIER_SCHEMA):
        run_apart("indexes/earlier")
        run_script("earlier_rest")
        commit()
    count_jobs()
    # With this view, gjobs knows that the upgrade is complete.
    run_script("job_summary")


def downgrade() -> None:
    remove_objects()


def _create_objects() -> None:
    """Create tables, views and functions in the schema gjobs. Nothing of the app is locked."""
    has_earlier_data = not is_missing(EARLIER_SCHEMA)
    if has_earlier_data:
        commit()
    for script in ("log", "error_group", "rollups", "budgets", "leases", "archive", "moments", "access"):
        run_script(script)
    if has_earlier_data:
        run_script("earlier_data")
