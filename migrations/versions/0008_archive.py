"""archive"""

from migrations.scripts import commit, lock_tables, run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # The revisions before may have locked what the triggers on the jobs write to.
    commit()
    run_script("0008/tables.sql")
    lock_tables("0008/keys.sql")
    for script in ("archiving", "reading"):
        run_script(f"0008/{script}.sql")


def downgrade() -> None:
    lock_tables("0008/down_keys.sql")
    run_script("0008/empty.sql")
    run_script("0008/down.sql")
