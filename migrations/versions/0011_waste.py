"""waste"""

from gjobs.migrations.scripts import commit, drop_if_created, lock_tables, run_folder, run_in_snapshot, run_script

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    # Earlier revisions may have locked tables that the triggers on the jobs write to.
    commit()
    run_script("0011/tables.sql")
    run_script("0011/no_rows.sql")
    run_folder("functions", revision)
    run_folder("triggers", revision)
    run_in_snapshot("0011/count.sql")
    run_script("0011/views.sql")


def downgrade() -> None:
    lock_tables()
    run_script("0011/down.sql")


def drop_unrecorded() -> None:
    drop_if_created("gjobs.waste_deltas", "0011/down.sql")
