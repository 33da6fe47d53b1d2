"""What stands above the list of jobs, or in place of its rows. Pure."""

from collections.abc import Mapping

from store.finding.id_prefix import id_range
from store.lens.model import Lens
from store.model import Overview
from tui.arrange import Sort, SortColumn
from tui.words.counted import counted
from tui.words.eyes import eyes_name
from tui.words.format import count
from tui.words.lens_words import verdict
from tui.words.text import clean

_ORDERS: Mapping[tuple[SortColumn, bool], str] = {
    (SortColumn.CREATED, True): "newest first",
    (SortColumn.CREATED, False): "oldest first",
    (SortColumn.UPDATED, True): "last updated first",
    (SortColumn.UPDATED, False): "first updated first",
    (SortColumn.COST, True): "dearest first",
    (SortColumn.COST, False): "cheapest first",
    (SortColumn.TOTAL, True): "slowest first",
    (SortColumn.TOTAL, False): "quickest first",
    (SortColumn.STATUS, True): "by status, failed first",
    (SortColumn.STATUS, False): "by status, queued first",
    (SortColumn.MODE, True): "by mode, Z to A",
    (SortColumn.MODE, False): "by mode, A to Z",
}


def job_list_title(overview: Overview | None, *, shown: int, needle: str, sort: Sort) -> str:
    """A list that holds only the newest of all jobs says so, whatever its order."""
    if overview is None:
        return "Jobs"
    status = overview.query.status
    kind = "Jobs" if status is None else f"{status.capitalize()} jobs"
    order = _ORDERS[sort.column, sort.descending]
    found = f"{count(shown)} with “{clean(needle.strip(), limit=30)}” of " if needle.strip() else ""
    if overview.lens is not None:
        return " · ".join(filter(None, (kind, _of_lens(overview.lens, found), verdict(overview.lens)))) + f", {order}"
    everything = overview.statistics.total_count if status is None else overview.statistics.count(status)
    held = len(overview.jobs)
    of_all = count(everything) if overview.jobs.next_key is None else f"newest {count(held)} of {count(everything)}"
    return f"{kind} · {found}{of_all}, {order}"


def _of_lens(lens: Lens, found: str) -> str:
    """Which of the operator's rows these are, where they are not all of those that the verdict counts."""
    held = "" if lens.jobs.next_key is None else f"newest {count(len(lens.jobs))}"
    return f"{found}{held or counted(lens.everything)}" if found else held


def why_empty(
    overview: Overview, needle: str, *, clear: str = "esc", new_job: str = "n", new_project: str = "P"
) -> str:
    """What stands in place of rows, with what to do about it: by which keys."""
    if needle.strip():
        further = "" if id_range(needle) is None else " Enter looks for that id everywhere."
        return f"No row holds what you look for.{further} Press {clear} to show all rows again."
    if overview.lens is not None:
        return f"Nothing to see here, for {clean(eyes_name(overview.lens.user), limit=60)} or for the operator."
    if not overview.projects:
        return f"No projects found. Press {new_project} to create one first."
    if overview.query.status is not None:
        return f"No {overview.query.status} jobs."
    return f"Press {new_job} to create your first generation job."
