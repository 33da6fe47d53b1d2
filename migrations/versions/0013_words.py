"""words"""

from migrations.scripts import run_apart

revision = "0013"
down_revision = "0012"
downgrades_apart = True


def upgrade() -> None:
    run_apart("0013/gjobs_words.sql")


def downgrade() -> None:
    run_apart("0013/down.sql")
