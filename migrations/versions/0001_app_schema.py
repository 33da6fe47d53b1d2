"""app schema"""

from gjobs.migrations.scripts import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    for script in ("roles", "auth", "app", "grants"):
        run_script(f"0001/{script}.sql")


def downgrade() -> None:
    for script in ("droppable", "down"):
        run_script(f"0001/{script}.sql")
