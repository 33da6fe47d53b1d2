"""leases by key"""

from migrations.scripts import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for script in ("claiming", "holding"):
        run_script(f"0009/{script}.sql")


def downgrade() -> None:
    run_script("0009/down.sql")
