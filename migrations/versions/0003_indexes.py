"""indexes"""

from gjobs.migrations.scripts import run_apart, run_script

revision = "0003"
down_revision = "0002"
downgrades_apart = True


def upgrade() -> None:
    run_script("0003/before.sql")
    run_apart(
        "0003/gjobs_newest.sql",
        "0003/gjobs_newest_of_project.sql",
        "0003/gjobs_newest_of_user.sql",
        "0003/gjobs_newest_of_status.sql",
        "0003/gjobs_updated.sql",
        "0003/gjobs_costs.sql",
        "0003/gjobs_total.sql",
    )
    run_script("0003/after.sql")


def downgrade() -> None:
    run_apart("0003/down.sql")


def drop_unrecorded() -> None:
    # An index of the app is never dropped.
    run_script("0003/before.sql")
    run_apart("0003/down.sql")
