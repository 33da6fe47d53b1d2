"""budgets"""

from migrations.scripts import commit, lock_tables, run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # The revisions before may have locked what the triggers on the jobs write to.
    commit()
    run_script("0007/tables.sql")
    lock_tables("0007/keys.sql")
    for script in ("charging", "reading"):
        run_script(f"0007/{script}.sql")


def downgrade() -> None:
    lock_tables("0007/down_keys.sql")
    run_script("0007/down.sql")
