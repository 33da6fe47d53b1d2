"""error groups"""

from migrations.scripts import commit, has_body, is_undone, run_in_snapshot, run_script

revision = "0013"
down_revision = "0012"
downgrades_apart = True

_FORMER, _PRESENT = "0011_waste/error_group.sql", "0013_error_groups/error_group.sql"


def upgrade() -> None:
    _group_with(_PRESENT)


def downgrade() -> None:
    if not is_undone("0011"):
        _group_with(_FORMER)


def drop_unrecorded() -> None:
    if not is_undone("0011") and has_body("gjobs.error_group(text)", _PRESENT):
        _group_with(_FORMER)


def _group_with(function: str) -> None:
    """Install the function that groups errors, and count the failed jobs of each group again."""
    # Earlier revisions may have locked the jobs. The commit releases these locks.
    commit()
    run_script("0013/lock.sql")
    run_script(function, "functions")
    run_in_snapshot("0011/count.sql")
