"""budgets"""

from gjobs.migrations.scripts import commit, lock_tables, run_folder, run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # Earlier revisions may have locked tables that the triggers on the jobs write to.
    commit()
    for script in ("tables", "charges"):
        run_script(f"0007/{script}.sql")
    lock_tables("0007/keys.sql")
    # The view needs this function, and another function needs the view.
    run_script("0007_budgets/budget_period_start.sql", "functions")
    run_script("0007/view.sql")
    run_folder("functions", revision)
    run_script("0007/access.sql")
    run_folder("triggers", revision)


def downgrade() -> None:
    lock_tables("0007/down_keys.sql")
    run_script("0007/down.sql")
