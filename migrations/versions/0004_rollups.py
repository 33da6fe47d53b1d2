"""rollups"""

from gjobs.migrations.scripts import drop_if_created, lock_tables, run_apart, run_folder, run_in_snapshot, run_script

revision = "0004"
down_revision = "0003"
downgrades_apart = True


def upgrade() -> None:
    for script in ("before", "tables"):
        run_script(f"0004/{script}.sql")
    run_folder("functions", revision)
    run_folder("triggers", revision)
    # From revision 0003, which at first lacked the indexes for the other orders. Existing indexes stay.
    run_script("0003/before.sql")
    run_apart(
        "0003/gjobs_updated.sql",
        "0003/gjobs_costs.sql",
        "0003/gjobs_total.sql",
        "0004/gjobs_newest_of_project_status.sql",
    )
    run_script("0003/after.sql")
    run_in_snapshot("0004/count.sql")
    for script in ("views", "summary"):
        run_script(f"0004/{script}.sql")


def downgrade() -> None:
    run_apart("0004/down_index.sql")
    lock_tables()
    run_script("0004/down.sql")


def drop_unrecorded() -> None:
    run_script("0004/before.sql")
    run_apart("0004/down_index.sql")
    drop_if_created("gjobs.job_deltas", "0004/down.sql")
