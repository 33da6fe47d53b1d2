"""events"""

from migrations.scripts import commit, lock_tables, may_lack, run_apart, run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # Revision 0004 may have locked what the triggers on the jobs write to.
    commit()
    if may_lack("gjobs.job_folding"):
        # It was less at first: what is there is brought up to date.
        for script in ("0005/sums", "0004/tables", "0004/folding", "0004/triggers", "0004/reading", "0005/after_sums"):
            run_script(f"{script}.sql")
        commit()
    for script in ("before", "tables"):
        run_script(f"0005/{script}.sql")
    lock_tables("0005/key.sql")
    run_script("0005/knowing.sql")
    run_apart("0005/users.sql")
    lock_tables("0005/view.sql")
    for script in ("columns", "triggers", "reading"):
        run_script(f"0005/{script}.sql")


def downgrade() -> None:
    lock_tables("0005/down_key.sql")
    run_script("0005/down.sql")
