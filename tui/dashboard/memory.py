"""Memory: state between runs, pending navigation, earlier totals."""

import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.job_list.list_query import Listing
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.statistics.statistics import MOST_AGE, Count, Precision, Totals, TotalsQuery, exact_counts
from gjobs.store.system.private_files import make_directory, replace_private

if TYPE_CHECKING:
    from gjobs.store.jobs.job import Project

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFile:
    """What the dashboard remembers from one run to the next."""

    theme: str | None = None
    zone: str | None = None
    """The choice of the time zone. None until one is chosen."""
    has_seen_tour: bool = False
    """Whether the user has finished or ended the tour."""
    projects: Mapping[str, str] = field(default_factory=dict)
    """Maps a place to the id of its last project, or to "" for all projects. A place is a database and an actor."""
    app_databases: Mapping[str, str] = field(default_factory=dict)
    """Maps the folder of an app to the database that was chosen there."""


class RememberedState:
    """Saves each change at once and keeps changes of other processes. Without a path, it lasts for this run only."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.state = load(path) if path else StateFile()

    def knows(self, place: str) -> bool:
        return place in self.state.projects

    def project(self, place: str) -> UUID | None:
        """Return the remembered project. None means all projects, or nothing remembered."""
        try:
            return UUID(self.state.projects.get(place, ""))
        except ValueError:
            return None

    def remember(self, change: Callable[[StateFile], StateFile]) -> None:
        """Save what `change` makes of the latest state."""
        self.state = change(load(self._path) if self._path else self.state)
        if self._path:
            save(self._path, self.state)

    def remember_project(self, place: str, project_id: UUID | None) -> None:
        self.remember(lambda latest: replace(latest, projects={**latest.projects, place: str(project_id or "")}))


def load(path: Path) -> StateFile:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        theme, zone, projects = stored.get("theme"), stored.get("zone"), stored.get("projects", {})
        return StateFile(
            theme=theme if isinstance(theme, str) else None,
            zone=zone if isinstance(zone, str) else None,
            # A file without this value comes from a version without a tour, so this is not the first start.
            has_seen_tour=stored.get("has_seen_tour", True) is True,
            projects={str(place): str(project) for place, project in projects.items()},
            app_databases={str(folder): str(name) for folder, name in stored.get("app_databases", {}).items()},
        )
    except FileNotFoundError:
        return StateFile()
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        log.warning("Can't read the remembered state in %s: %s", path, error)
        return StateFile()


def save(path: Path, state: StateFile) -> None:
    """Save the state. If the file cannot be written, only the state is lost."""
    try:
        make_directory(path.parent)
        text = json.dumps(asdict(state), indent=1)
        # This runs on the event loop, which must not wait for the disk.
        replace_private(path, text, durable=False)
    except OSError as error:
        log.warning("Can't save the state in %s: %s", path, error)


def project_to_show(listing: Listing, *, all_was_chosen: bool, was_located: bool = False) -> UUID | None:
    """Return the requested project if it exists, None if all projects were chosen, or else the newest project with
    listed jobs. If no project has any, return the newest one.

    A project that was found by its id may be hidden from the acting user.
    """
    wanted = listing.query.window.listed.project_id
    if wanted is None and all_was_chosen:
        return None
    # The visibility view lists rows of projects that the user does not see.
    if wanted is not None and (listing.has_project or was_located or listing.window.jobs):
        return wanted
    with_jobs = {job.project_id for job in listing.window.jobs}
    newest = [project.id for project in listing.projects]
    return next((one for one in newest if one in with_jobs), newest[0] if newest else None)


class PendingNavigation:
    """Keeps an action until the newest request is answered. Also keeps a hidden job found by its id."""

    def __init__(self) -> None:
        self.on_arrival: Callable[[Listing], object] | None = None
        """Called once, with the first answer to the latest request."""
        self.found: tuple[GenerationJob, Project | None] | None = None
        """A job that the acting user does not see, and its project as the operator sees it."""
        self.hidden_detail: UUID | None = None
        """A hidden job that is not among the listed rows."""

    def forget(self) -> None:
        self.on_arrival = self.found = self.hidden_detail = None

    def give_up(self) -> None:
        """Forget the pending action, because the request has changed."""
        self.on_arrival = self.found = None

    def arrive(self, listing: Listing) -> None:
        arrival, self.on_arrival = self.on_arrival, None
        if arrival is not None:
            arrival(listing)


MOST_KEPT = 64
"""Number of queries. The one counted longest ago is dropped first."""


class TotalsCache:
    def __init__(self) -> None:
        self._kept: OrderedDict[TotalsQuery, Totals] = OrderedDict()

    def keep(self, totals: Totals) -> Totals:
        """Keep the totals. Fill gaps from earlier exact totals, and return the result with the oldest age."""
        completed = self._completed(totals)
        self._kept[totals.query] = completed
        self._kept.move_to_end(totals.query)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return completed

    def best_totals(self, query: TotalsQuery) -> Totals | None:
        """Return the known totals of the query, or else those of its project. None if there are none."""
        if query in self._kept:
            return self._completed(self._kept[query])
        of_project = _of_project(query)
        known = next((kept for kept in reversed(self._kept.values()) if _of_project(kept.query) == of_project), None)
        return None if known is None else self._completed(replace(known, query=of_project, matching=None))

    def _completed(self, totals: Totals) -> Totals:
        completed = totals
        for kept in reversed(self._kept.values()):
            completed = _with_gaps_filled(completed, kept, at=totals.taken_at)
        return completed


def _with_gaps_filled(totals: Totals, kept: Totals, *, at: datetime) -> Totals:
    """Fill the gaps in `totals` from `kept`. The result has the older time. A flow keeps its own time."""
    taken_at = min(totals.taken_at, kept.taken_at)
    if _of_project(totals.query) == _of_project(kept.query):
        # An exact count does not read the flow, and a read may fail. A flow that is too old would look current.
        if totals.flow is None and kept.flow is not None and (at - kept.flow.taken_at).total_seconds() <= MOST_AGE:
            totals = replace(totals, flow=kept.flow, stuck=totals.stuck or kept.stuck)
        if totals.statistics is None and kept.statistics is not None:
            statistics = kept.statistics
            if not any(_disproves(count, statistics.count(status)) for status, count in totals.counts.items()):
                exact = {status: count for status, count in totals.counts.items() if _is_exact(count)}
                counts = {**exact_counts(statistics), **exact}
                totals = replace(totals, statistics=statistics, counts=counts, taken_at=taken_at)
        if totals.days is None and kept.days is not None:
            totals = replace(totals, days=kept.days, taken_at=taken_at)
    if totals.projects is None and kept.projects is not None:
        totals = replace(totals, projects=kept.projects, taken_at=taken_at)
    if (
        totals.query.matching is not None
        and kept.query.matching == totals.query.matching
        and kept.matching is not None
        and _is_exact(kept.matching)
        and not (_is_exact(totals.matching) or _disproves(totals.matching, kept.matching.number))
    ):
        totals = replace(totals, matching=kept.matching, taken_at=taken_at)
    return totals


def _of_project(query: TotalsQuery) -> TotalsQuery:
    return replace(query, matching=None)


def _is_exact(count: Count | None) -> bool:
    return count is not None and count.precision is Precision.EXACT


def _disproves(seen: Count | None, kept: int) -> bool:
    """Return whether more rows exist now than were counted earlier."""
    return seen is not None and seen.precision is Precision.CAPPED and seen.number > kept
