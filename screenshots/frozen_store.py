"""A store with a stopped clock, so that pictures never change."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from store.budgets.budget import Budgets
from store.error_groups.error_group import EVERY_FAILURE, ErrorGroups, ErrorScope
from store.job_list.list_query import ListingQuery
from store.job_list.listing import Listing
from store.leases.lease import WorkersOverview
from store.page_limits import PAGE_SIZE
from store.statistics.job_flow import JobFlow
from store.statistics.statistics import DAY, JobTimings
from store.statistics.totals import Totals, TotalsQuery
from store.statistics.waste import MOST_KEYS, Waste, WasteKey
from store.store import Store

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)


class FrozenStore(Store):
    """A store for which the current time never changes."""

    async def get_listing(self, query: ListingQuery, *, at: datetime | None = NOW) -> Listing:
        return await super().get_listing(query, at=at)

    async def get_totals(self, query: TotalsQuery, *, at: datetime | None = NOW) -> Totals:
        return await super().get_totals(query, at=at)

    async def get_flow(self, query: TotalsQuery, *, at: datetime | None = NOW) -> JobFlow:
        return await super().get_flow(query, at=at)

    async def find_stuck_jobs(self, job_ids: Collection[UUID], *, at: datetime | None = NOW) -> frozenset[UUID]:
        return await super().find_stuck_jobs(job_ids, at=at)

    async def get_budgets(
        self,
        project_id: UUID | None = None,
        *,
        user_id: UUID | None = None,
        limit: int = PAGE_SIZE,
        at: datetime | None = NOW,
    ) -> Budgets:
        return await super().get_budgets(project_id, user_id=user_id, limit=limit, at=at)

    async def get_error_groups(self, scope: ErrorScope = EVERY_FAILURE, *, at: datetime | None = NOW) -> ErrorGroups:
        return await super().get_error_groups(scope, at=at)

    async def get_waste(
        self,
        by: WasteKey = WasteKey.MODE,
        project_id: UUID | None = None,
        *,
        limit: int = MOST_KEYS,
        at: datetime | None = NOW,
    ) -> Waste:
        return await super().get_waste(by, project_id, limit=limit, at=at)

    async def get_workers_overview(self, *, limit: int = PAGE_SIZE, at: datetime | None = NOW) -> WorkersOverview:
        return await super().get_workers_overview(limit=limit, at=at)

    async def get_job_timings(
        self, project_id: UUID | None = None, *, window: timedelta = DAY, at: datetime | None = NOW
    ) -> JobTimings:
        return await super().get_job_timings(project_id, window=window, at=at)
