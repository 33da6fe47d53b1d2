"""mended"""

from migrations.scripts import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for script in ("keep", "functions", "policies"):
        run_script(f"0002/{script}.sql")


def downgrade() -> None:
    run_script("0002/down.sql")
