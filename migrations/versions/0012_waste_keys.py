"""waste keys"""

from gjobs.migrations.scripts import commit, lock_tables, run_folder, run_script

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    # Earlier revisions may have locked the jobs. The commit releases these locks, so nobody waits for this revision.
    commit()
    run_script("0012/tables.sql")
    # The first version of revision 0011 had other bodies of its functions, and lacked these views.
    run_script("0011/no_rows.sql")
    run_folder("functions", "0011", revision)
    # The first version of this function made a TRUNCATE fail in an old snapshot.
    run_script("0007_budgets/may_refund.sql", "functions")
    run_folder("triggers", revision)
    run_script("0012/views.sql")


def downgrade() -> None:
    lock_tables()
    run_script("0012/down.sql")
