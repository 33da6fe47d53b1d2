"""error groups"""

from gjobs.migrations.scripts import commit, has_comment, is_undone, lock_tables, run_in_snapshot, run_script, this_run

revision = "0013"
down_revision = "0012"
downgrades_apart = True
apart_down_to = "0011"
"""A downgrade below this revision drops the groups. It counts nothing, so it needs no transaction of its own."""

_FORMER, _PRESENT = "0011_waste", "0013_error_groups"


def upgrade() -> None:
    _install(_PRESENT)
    run_in_snapshot("0011/count.sql")
    run_script("0013/counted.sql")


def downgrade() -> None:
    if is_undone("0011"):
        return
    _install(_FORMER)
    # After an interruption or an error, the next upgrade must group the jobs again.
    run_script("0013/unrecord.sql")
    this_run().advice = "Revision 0013 is undone. Run 'gjobs migrate repair-rollups' to count again."
    run_in_snapshot("0011/count.sql")
    run_script("0013/former.sql")
    # Alembic expects the revision that it is about to undo.
    run_script("0013/record.sql")


def drop_unrecorded() -> None:
    if not is_undone("0011") and has_comment("gjobs.error_group(text)"):
        _install(_FORMER)
        run_in_snapshot("0011/count.sql")
        run_script("0013/former.sql")


def _install(folder: str) -> None:
    """Install the functions that group errors and count waste. The rollups must then be counted again."""
    # Earlier revisions may have locked the jobs. The commit releases these locks.
    commit()
    # This lock keeps others from writing jobs until the next commit. The former function grouped all
    # deltas before that commit, and the recount replaces them. The new function groups all later deltas.
    lock_tables(None, mode="share row exclusive")
    run_script(f"{folder}/error_group.sql", "functions")
    run_script(f"{folder}/count_waste.sql", "functions")
    run_script("0013/later.sql" if folder == _PRESENT else "0013/drop_later.sql")
    run_script("0013/counting.sql")
