"""Values of a case: what the reader sees of one user, at one moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from gjobs.store.budgets.budget import Budget
from gjobs.store.doctor.findings import Finding
from gjobs.store.error_groups.error_group import ErrorGroups
from gjobs.store.job_list.list_query import ReadRules
from gjobs.store.jobs.job import AnyStatus, Asset, GenerationJob, User
from gjobs.store.jobs.job_results import CappedCount, EventKind, JobEvent, JobHistory, RetryLinks, StuckVerdict
from gjobs.store.leases.lease import LeasedJob, WorkerStatus

MOST_JOBS = 100
"""The newest jobs of the user that a case holds."""
MOST_TIMELINES = 10
"""The jobs whose events a case lists: its own job, then unfinished and failed jobs."""
MOST_EVENTS = 50
"""The newest events of each timeline."""
MOST_STUCK_VERDICTS = 10
"""The stuck jobs for which a case says why they are stuck."""
FAILURE_WINDOW = timedelta(days=30)
RECENT = timedelta(hours=24)
"""The length of the recent period whose failures are counted separately."""
EMAIL = "e-mail"
"""The name of the user's e-mail address in the list of parts that could not be read."""
MOST_PROJECTS = 20
MOST_BUDGETS = 20
MOST_COUNTED = 100_000
"""The newest jobs of the user that are counted and priced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePerson:
    """The user of a case, and the job for which it is made."""

    user: User
    job_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenJob:
    id: UUID
    user_id: UUID
    status: AnyStatus
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseVisibility:
    """What the user sees of the jobs that concern them: their own, and those in their projects."""

    seen: CappedCount
    everything: CappedCount
    """As the operator sees them."""
    compared: int
    """How many of the newest jobs were compared one by one."""
    hidden: tuple[HiddenJob, ...]
    """Those of the compared jobs that the user does not see."""
    rules: ReadRules
    partial_claims: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseProject:
    id: UUID
    name: str
    user_id: UUID
    is_seen: bool | None
    """Whether the user sees it. None if that is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCosts:
    """The user's jobs of one project and status."""

    project_id: UUID
    status: AnyStatus
    count: int
    cost_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWorkers:
    """The workers that hold the user's jobs, and the numbers of all living and all known workers."""

    alive: int
    known: int
    unserved_modes: tuple[str, ...]
    """The modes of queued jobs that no living worker accepts. Empty if no worker is alive."""
    holders: tuple[WorkerStatus, ...]
    held: tuple[LeasedJob, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseJob:
    """Further facts about the job for which the case is made."""

    links: RetryLinks
    archived_at: datetime | None
    """None unless the job is in the archive."""
    stuck: StuckVerdict | None
    asset: Asset | None
    """The input asset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckJob:
    """A running job of the user that is stuck."""

    id: UUID
    verdict: StuckVerdict | None
    """None for jobs beyond MOST_STUCK_VERDICTS, and if the job has ended since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadPart:
    """A part of a case that could not be read, and why."""

    part: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything in it was read by one actor, the reader. A part that could not be read is None and in `unread`."""

    taken_at: datetime
    """The server's time."""
    reader: str
    user: User
    subject: CaseJob | None
    """None unless the case is made for a job."""
    job_id: UUID | None
    visibility: CaseVisibility | None
    projects: tuple[CaseProject, ...]
    jobs: tuple[GenerationJob, ...]
    """Newest first. The job for which the case is made comes first."""
    stuck: tuple[StuckJob, ...]
    """Newest first, also those that are too old for `jobs`."""
    costs: tuple[StatusCosts, ...]
    are_costs_capped: bool
    """Whether the costs cover only the newest jobs."""
    archived: tuple[StatusCosts, ...]
    """The user's archived jobs. No other part has them, except for the job of the case."""
    recent_failures: CappedCount | None
    """The number of the user's jobs that failed within RECENT."""
    failures: ErrorGroups | None
    """The user's failures of the last FAILURE_WINDOW."""
    timelines: tuple[JobHistory, ...]
    budgets: tuple[Budget, ...] | None
    workers: CaseWorkers | None
    findings: tuple[Finding, ...] | None
    unread: tuple[UnreadPart, ...]
    settings: tuple[tuple[str, str], ...]
    """Versions and settings by name."""

    @property
    def subject_job(self) -> GenerationJob | None:
        """The job for which the case is made. None if there is none, or if only its events are left."""
        return next((job for job in self.jobs if job.id == self.job_id), None)

    @property
    def deletion(self) -> JobEvent | None:
        """The event that deleted the job of the case. None if the job exists, or if events don't show the deletion."""
        if self.subject_job is not None:
            return None
        last = next((one.events[-1] for one in self.timelines if one.job_id == self.job_id and one.events), None)
        return last if last is not None and last.kind is EventKind.DELETED else None

    @property
    def last_error(self) -> str:
        """The last error text in the events of the job of the case. Empty if there is none."""
        of_job = next((one.events for one in self.timelines if one.job_id == self.job_id), ())
        return next((one.error for one in reversed(of_job) if one.error), "")

    @property
    def stuck_ids(self) -> frozenset[UUID]:
        return frozenset(one.id for one in self.stuck)

    @property
    def total_count(self) -> int:
        return sum(one.count for one in self.costs)
