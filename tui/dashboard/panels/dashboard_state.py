"""What the dashboard knows: the request, the listing and totals that answer it, and which keys work."""

from collections.abc import Callable, Iterable, Mapping, Set
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from textual.message import Message
from textual.signal import Signal

from gjobs.store.job_list.list_query import Listing, ListingQuery, ListQuery, ProjectName, VisibilityComparison
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.statistics.statistics import ProjectTotals, Totals, TotalsQuery
from gjobs.store.users.actor import actor_name
from gjobs.tui.dashboard.bindings import CHANGES, KEYS, PRESENT, WRITES, Trait, keys_with
from gjobs.tui.dashboard.list.jobs_panel import JobsPanel
from gjobs.tui.dashboard.list.list_header import short_verdict
from gjobs.tui.dashboard.memory import PendingNavigation, TotalsCache
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


class DashboardState(QuietScreen[None]):
    """The state of the dashboard screen. Subclasses draw it and change the request."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        status: ConnectionStatus,
        tour: Tour,
        change_jobs: Callable[[JobAction, tuple[GenerationJob, ...]], None],
    ) -> None:
        """`change_jobs` starts an action on jobs as the user saw them."""
        super().__init__(id="dashboard")
        self._clock = clock
        self._tour = tour
        self._change_jobs = change_jobs
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
