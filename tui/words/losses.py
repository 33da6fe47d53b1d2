"""What is told of jobs that left the list by themselves. Pure."""

from uuid import UUID

from tui.words.format import short_id
from tui.words.toast import Toast


def cursor_lost_toast(job_id: UUID, *, has_left: bool) -> Toast:
    """The cursor is on no job until it is moved, so that no key acts on a neighbour."""
    what = "left this list" if has_left else "changed and moved elsewhere in this order, or left"
    return Toast(text=f"The job {short_id(job_id)} under the cursor {what}.", severity="warning")


def marks_lost_toast(jobs: int) -> Toast:
    """Marked jobs that are no longer listed, so that no key acts on them."""
    left = "1 marked job" if jobs == 1 else f"{jobs} marked jobs"
    return Toast(text=f"{left} left this list.", severity="warning")
