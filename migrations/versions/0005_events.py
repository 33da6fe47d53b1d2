"""events"""

from gjobs.migrations.scripts import commit, drop_if_created, lock_tables, may_lack, run_apart, run_folder, run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # Revision 0004 may have locked tables that the triggers on the jobs write to.
    commit()
    if may_lack("gjobs.job_folding"):
        # Update the rollups of an early build.
        for script in ("0005/old_rollups", "0004/tables"):
            run_script(f"{script}.sql")
        run_folder("functions", "0004")
        run_folder("triggers", "0004")
        for script in ("0004/views", "0005/after_old_rollups"):
            run_script(f"{script}.sql")
        commit()
    for script in ("before", "tables"):
        run_script(f"0005/{script}.sql")
    run_folder("functions", revision)
    lock_tables("0005/key.sql")
    run_script("0005_events/known_users.sql", "triggers")
    run_apart("0005/users.sql")
    lock_tables("0005/view.sql")
    run_script("0005/columns.sql")
    run_folder("triggers", revision)
    run_script("0005/access.sql")


def downgrade() -> None:
    lock_tables("0005/down_key.sql")
    run_script("0005/down.sql")


def drop_unrecorded() -> None:
    drop_if_created("gjobs.known_users", "0005/down.sql", "0005/down_key.sql")
