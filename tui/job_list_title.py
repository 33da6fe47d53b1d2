"""What stands above the list of jobs, or in place of its rows. Pure."""

from collections.abc import Mapping

from store.model import Overview
from tui.arrange import Sort, SortColumn
from tui.format import count
from tui.text import clean

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
    everything = overview.statistics.total_count if status is None else overview.statistics.count(status)
    held = len(overview.jobs)
    of_all = count(everything) if overview.jobs.next_key is None else f"newest {count(held)} of {count(everything)}"
    found = f"{count(shown)} with “{clean(needle.strip(), limit=30)}” of " if needle.strip() else ""
    kind = "Jobs" if status is None else f"{status.capitalize()} jobs"
    return f"{kind} · {found}{of_all}, {_ORDERS[sort.column, sort.descending]}"


def why_empty(
    overview: Overview, needle: str, *, clear: str = "esc", new_job: str = "n", new_project: str = "P"
) -> str:
    """What stands in place of rows, with what to do about it: by which keys."""
    if needle.strip():
        return f"No row holds what you look for. Press {clear} to show all rows again."
    if not overview.projects:
        return f"No projects found. Press {new_project} to create one first."
    if overview.query.status is not None:
        return f"No {overview.query.status} jobs."
    return f"Press {new_job} to create your first generation job."
