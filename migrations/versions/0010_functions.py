"""functions"""

from gjobs.migrations.scripts import commit, lock_tables, makes_tables, run_folder, run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Replace functions, triggers and policies from older versions of revisions 0001 to 0009 by their present
    versions.
    """
    if makes_tables():
        return
    # Earlier revisions may have locked the tables.
    commit()
    for script in ("0004/summary", "0006/comments", "0008/comments", "0010/replaced"):
        run_script(f"{script}.sql")
    # Replacing a trigger blocks writers, but not readers. The lock also covers the functions, so that no writer runs
    # between two of them.
    lock_tables("0010/others.sql", mode="share row exclusive")
    for script in ("0007/charges", "0010/budgets"):
        run_script(f"{script}.sql")
    run_folder("functions", "0001", revision)
    run_script("0010/policies.sql")
    run_folder("triggers", "0001", revision)


def downgrade() -> None:
    """Do nothing: the functions and triggers of the earlier revisions are the same."""
