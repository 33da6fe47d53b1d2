"""What the dashboard knows: the request, the listing and totals that answer it, and which keys work."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from textual.message import Message
from textual.signal import Signal

from gjobs.store.job_list.list_query import Listing, ListingQuery, ListQuery, ProjectName, VisibilityComparison
from gjobs.store.jobs.job import GenerationJob, Project
from gjobs.store.statistics.statistics import (
    MOST_AGE,
    Count,
    Precision,
    ProjectTotals,
    Totals,
    TotalsQuery,
    exact_counts,
)
from gjobs.store.users.actor import actor_name
from gjobs.tui.dashboard.bindings import CHANGES, KEYS, PRESENT, WRITES, Trait, keys_with
from gjobs.tui.dashboard.details.details_pane import LoadDetails
from gjobs.tui.dashboard.list.jobs_panel import JobsPanel
from gjobs.tui.dashboard.list.list_header import short_verdict
from gjobs.tui.dashboard.panels.status_line import ConnectionStatus
from gjobs.tui.dashboard.panels.tour import Tour
from gjobs.tui.dashboard.session.session_poller import ListPollFailed
from gjobs.tui.dashboard.widgets.widgets import QuietScreen
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.format import LOCAL, short_id
from gjobs.tui.text.status_text import JobAction

if TYPE_CHECKING:
    from gjobs.tui.dashboard.details.job_details import JobDetails


FILTER, ORDER = "filter", "order"
"""The groups of the Textual workers that check a requested filter or order."""


class QueryChanged(Message):
    """The screen requests another list, or other rows of it. See its `listing_query`."""


class ProjectChosen(Message):
    """The user chose a project. It is to be remembered."""


class WritePermitEnded(Message):
    """The write permit has expired."""


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


class DashboardState(QuietScreen[None]):
    """The state of the dashboard screen. Subclasses draw it and change the request."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        status: ConnectionStatus,
        tour: Tour,
        change_jobs: Callable[[JobAction, tuple[GenerationJob, ...]], None],
        load_details: LoadDetails,
    ) -> None:
        """`change_jobs` starts an action on jobs as the user saw them. `load_details` starts to read details."""
        super().__init__(id="dashboard")
        self._clock = clock
        self._tour = tour
        self._change_jobs = change_jobs
        self._load_details = load_details
        self._server_clock_offset = timedelta(0)
        self.listing: Listing | None = None
        """The listing last read as the present actor."""
        self._totals: Totals | None = None
        self._has_complete_totals = False
        """Whether totals were shown for which the flow was requested as well."""
        self._totals_cache = TotalsCache()
        self._failed_totals_query: TotalsQuery | None = None
        """The last query whose totals could not be counted. The costs panel shows the error."""
        self._fetched_at: datetime | None = None
        self._changed_at: datetime | None = None
        """The server's time of the last listing that differed from the one before."""
        self._failure: ListPollFailed | None = None
        self._status = status
        self.details: JobDetails | None = None
        """The most recently opened details screen; may be closed."""
        self._selection: tuple[tuple[object, ...], Set[str]] = (), frozenset()
        """The selection that the key hints were drawn for last, and the keys that it refuses."""
        self.navigation = PendingNavigation()
        self.data_signal: Signal[None] = Signal(self, "data")
        """Published after new data or a new status, and after all data was forgotten."""
        self.zone = LOCAL
        """The time zone of all times on screen."""
        self.listing_query = ListingQuery()
        """The request; `listing` is the result read last."""

    @property
    def hidden_keys(self) -> frozenset[str]:
        is_past = self.listing_query.moment is not None
        hidden = keys_with(WRITES) if is_past or self._status.read_only else frozenset[str]()
        if is_past or self._status.is_closed:
            hidden |= {"app.write"}
        return hidden | keys_with(PRESENT) if is_past else hidden

    @property
    def refused_keys(self) -> Set[str]:
        """The keys that the statuses of the selected jobs do not permit. No key changes a hidden job.

        Look at each job once, because there may be thousands and the hints are drawn at each move.
        """
        panel = self.jobs
        is_loading = panel.is_waiting and self.awaits_list
        jobs = panel.selected if self.focused is panel.table and not is_loading else ()
        basis = jobs, self._visibility, self.navigation.hidden_detail
        if not self._selection[0] or any(new is not old for new, old in zip(basis, self._selection[0], strict=True)):
            statuses = {job.status for job in jobs}
            refused = {one for one in keys_with(Trait.JOBS) if statuses.isdisjoint(KEYS[one].acts_on or statuses)}
            self._selection = basis, refused | (keys_with(CHANGES) if self._hidden_among(jobs) else set())
        return self._selection[1]

    @property
    def jobs(self) -> JobsPanel:
        return self.query_one(JobsPanel)

    @property
    def listed(self) -> ListQuery:
        """The requested list."""
        return self.listing_query.window.listed

    @property
    def totals_query(self) -> TotalsQuery:
        """The totals that belong to the requested list."""
        return TotalsQuery.of_list(self.listed)

    @property
    def totals(self) -> Totals | None:
        """The totals of the listed project; None until they are counted."""
        totals, listing = self._totals, self.listing
        of_list = listing.query.window.listed.project_id if listing else None
        return totals if totals and listing and totals.query.project_id == of_list else None

    @property
    def heading(self) -> str:
        """What is counted, who sees it, and why it may be old."""
        status = self._status
        trouble = status.trouble and f"✗ {status.trouble}"
        paused = "refreshing is paused" if status.paused else ""
        moment = status.moment and f"as of {status.moment}"
        words = (moment, status.database, self._counted_project(), status.actor_label, status.demo, paused, trouble)
        return " · ".join(clean(word, limit=60) for word in words if word)

    @property
    def has_all(self) -> bool:
        """Whether list and totals are known. The flow of the totals may be missing only if it could not be read."""
        return self.listing is not None and self._totals is not None and self._has_complete_totals

    @property
    def project_totals(self) -> Mapping[UUID, ProjectTotals]:
        """Totals by project, as far as they are known."""
        return (self._totals.projects if self._totals else None) or {}

    @property
    def shown_project(self) -> ProjectName | None:
        """The listed project; None for all projects, and for one that is not among the listed projects."""
        seen = self.listing
        wanted = seen.query.window.listed.project_id if seen else None
        return next((project for project in seen.projects if project.id == wanted), None) if seen else None

    @property
    def listed_name(self) -> str:
        """Name of the project or of all projects, as clean text."""
        project_id, project = self.listed.project_id, self.shown_project
        return "all projects" if project_id is None else clean(project.name if project else str(project_id), limit=60)

    @property
    def now(self) -> datetime:
        """The server's time, estimated from the last poll. If an earlier moment is shown, ages are calculated up to
        that moment.
        """
        return self.listing_query.moment or self._clock() + self._server_clock_offset

    @property
    def visibility_note(self) -> str | None:
        """The visibility verdict for the status line; None outside the visibility view."""
        if not self.listing_query.with_visibility:
            return None
        visibility = self._visibility
        return short_verdict(visibility) if visibility is not None and self._shows_current_query else "loading …"

    @property
    def _shows_current_query(self) -> bool:
        """Whether the requested list is shown, even if with other rows."""
        shown, wanted = self.listing.query if self.listing else None, self.listing_query
        return shown is not None and (shown.window.listed, shown.with_visibility, shown.moment) == (
            self.listed,
            wanted.with_visibility,
            wanted.moment,
        )

    @property
    def open_details(self) -> "JobDetails | None":
        return self.details if self.details in self.app.screen_stack else None

    @property
    def awaits_list(self) -> bool:
        """Whether the requested list may still arrive. Until then, the rows shown are those of another list."""
        if self.listing is None or self._failure is not None:
            return False
        is_choosing = any(one.group in (FILTER, ORDER) and not one.is_finished for one in self.app.workers)
        return is_choosing or not self._shows_current_query

    @property
    def _visibility(self) -> VisibilityComparison | None:
        return self.listing.visibility if self.listing else None

    def _is_hidden(self, job: GenerationJob) -> bool:
        return self._visibility is not None and (
            job.id in self._visibility.hidden or job.id == self.navigation.hidden_detail
        )

    def _hidden_among(self, jobs: Iterable[GenerationJob]) -> int:
        return 0 if self._visibility is None else sum(map(self._is_hidden, jobs))

    def project_name(self, project_id: UUID) -> str:
        return self.jobs.project_names.get(project_id, short_id(project_id))

    def _counted_project(self) -> str:
        project_id = self._totals.query.project_id if self._totals else self.listed.project_id
        of_what = "all projects" if project_id is None else self.project_name(project_id)
        return of_what if self._visibility is None else f"{of_what}, as {actor_name(self._visibility.user)} sees it"
