"""leases"""

from gjobs.migrations.scripts import lock_tables, run_apart, run_folder, run_script

revision = "0006"
down_revision = "0005"
downgrades_apart = True


def upgrade() -> None:
    run_script("0006/before.sql")
    run_apart("0006/gjobs_queue.sql")
    for script in ("tables", "comments"):
        run_script(f"0006/{script}.sql")
    run_folder("functions", revision)
    run_script("0006/access.sql")
    run_folder("triggers", revision)


def downgrade() -> None:
    run_apart("0006/down_index.sql")
    lock_tables()
    run_script("0005_events/events.sql", "triggers")
    run_script("0006/down.sql")


def drop_unrecorded() -> None:
    run_script("0006/before.sql")
    run_apart("0006/down_index.sql")
