"""archive"""

from gjobs.migrations.scripts import commit, lock_tables, run_folder, run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # Earlier revisions may have locked tables that the triggers on the jobs write to.
    commit()
    for script in ("tables", "comments"):
        run_script(f"0008/{script}.sql")
    lock_tables("0008/keys.sql")
    run_folder("functions", revision)
    run_script("0008/access.sql")
    run_folder("triggers", revision)


def downgrade() -> None:
    lock_tables("0008/down_keys.sql")
    run_script("0008/empty.sql")
    run_script("0008/down.sql")
