"""the app's schema"""

from gjobs.migrations.scripts import remove_objects, run_apart, run_script

revision = "0001_app"
down_revision = None


def upgrade() -> None:
    for script in ("roles", "auth", "app", "functions", "policies", "grants", "columns", "completed_at"):
        run_script(f"app/{script}")


def downgrade() -> None:
    """Remove the index, and what an interrupted upgrade left. The app's tables stay, also if gjobs created them."""
    remove_objects()
    run_apart("indexes/remove")
