"""policies"""

from gjobs.migrations.scripts import lock_tables, run_folder, run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    lock_tables()
    run_script("0002/keep.sql")
    run_folder("functions", revision)
    for script in ("security", "policies"):
        run_script(f"0002/{script}.sql")


def downgrade() -> None:
    lock_tables()
    run_script("0002/down.sql")
