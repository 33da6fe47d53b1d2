"""Where an id leads the dashboard, and where the lens is pointed: what is asked for, and done with the first answer."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from store.filters.model import NO_FILTER

if TYPE_CHECKING:
    from store.listing.model import Listing
    from store.model import GenerationJob, Project
    from tui.actions.things import UnseenJob
    from tui.screens.dashboard import DashboardScreen


class Leads:
    def __init__(self, dashboard: "DashboardScreen") -> None:
        self._dashboard = dashboard
        self._arrival: Callable[[Listing], object] | None = None
        """What to do, once, with the first look at what was asked for last."""
        self._unseen: UnseenJob | None = None
        """What the lens is pointed at."""
        self.hidden_beyond: UUID | None = None
        """A hidden job that the lens was pointed at, and that is beyond what is listed."""

    def forget(self) -> None:
        self._arrival = self._unseen = self.hidden_beyond = None

    def give_up(self) -> None:
        """Something else is asked for."""
        self._arrival = self._unseen = None

    def arrive(self, listing: "Listing") -> None:
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            arrival(listing)

    async def show_job(self, job: "GenerationJob", project: "Project | None") -> None:
        """Its details at once, for it may be beyond what is listed; behind them its project, the cursor on it."""
        self._show(job.project_id, project, lambda _: self._dashboard.jobs.table.move_to(job.id))
        await self._dashboard.show_details_of(job, is_listed=False)

    def show_project(
        self, project: "Project", *, using: UUID | None = None, otherwise: Callable[[], None] = lambda: None
    ) -> None:
        """All its jobs; those that use an asset where any listed does, else `otherwise` is called."""

        def arrived(listing: "Listing") -> None:
            if using is None:
                return
            if any(job.input_asset_id == using for job in listing.window.jobs):
                self._dashboard.jobs.find(f"asset:{using}")
            else:
                otherwise()

        self._show(project.id, project, arrived)

    def point_lens_at(self, unseen: "UnseenJob") -> None:
        """The next look through the lens is at this job."""
        self._unseen = unseen

    def look_through_lens(self) -> None:
        """Or without it again."""
        unseen, self._unseen = self._unseen, None
        dashboard = self._dashboard
        if unseen is None:
            wanted = dashboard.looked_for
            dashboard.ask(wanted.window.listed, through_lens=not wanted.through_lens)
            return
        job = unseen.job

        def arrived(_: "Listing") -> None:
            if not dashboard.jobs.table.move_to(job.id):
                self.hidden_beyond = job.id
                dashboard.call_later(dashboard.show_details_of, job, is_listed=False)

        self._ask(job.project_id, unseen.project, arrived, through_lens=True)

    def _show(self, project_id: UUID, project: "Project | None", arrived: "Callable[[Listing], object]") -> None:
        self._ask(project_id, project, arrived)
        self._dashboard.post_message(self._dashboard.ProjectChosen())

    def _ask(
        self,
        project_id: UUID,
        project: "Project | None",
        arrived: "Callable[[Listing], object]",
        *,
        through_lens: bool | None = None,
    ) -> None:
        """Of all statuses, and without a filter that could hide what is looked for."""
        self._dashboard.jobs.learn_project(project, through_lens=bool(through_lens))
        self._dashboard.jobs.leave_find()
        listed = replace(self._dashboard.listed, project_id=project_id, status=None, job_filter=NO_FILTER)
        self._dashboard.ask(listed, through_lens=through_lens)
        self._arrival = arrived
