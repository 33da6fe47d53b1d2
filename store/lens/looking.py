"""Looking through the lens: the operator's list and what the user sees of it, at one moment."""

from uuid import UUID

from store.actor import OPERATOR, ActingUser
from store.database import Snapshot
from store.lens import queries as lens_queries
from store.lens.model import Lens
from store.lens.queries import Scope
from store.model import CappedCount, JobStatus
from store.statements.paging import paged


async def look_through_lens(
    snapshot: Snapshot,
    user: ActingUser,
    *,
    project_id: UUID | None,
    status: JobStatus | None,
    limit: int,
    has_projects: bool,
) -> Lens:
    """Nothing is read as the user where users have no grant: that is an answer, too.

    `has_projects` is whether the operator may read the projects; else only the user's own jobs are theirs.
    """
    theirs: list[UUID] = []
    if project_id is None and has_projects:
        (theirs,) = await snapshot.read(OPERATOR, lens_queries.projects_of(user.id))
    scope = Scope(project_id=project_id, user_id=user.id, project_ids=tuple(theirs), status=status)
    found, rows, (everything,) = await snapshot.read(
        OPERATOR, lens_queries.rules(), lens_queries.page(scope, limit=limit), lens_queries.count(scope)
    )
    rules, jobs = lens_queries.the_one(found), paged(rows, limit)
    seen, seen_ids = CappedCount(number=0), set[UUID]()
    if rules.is_granted:
        shown, (seen,) = await snapshot.read(
            user, lens_queries.seen([job.id for job in jobs]), lens_queries.count(scope)
        )
        seen_ids = set(shown)
    hidden = frozenset(job.id for job in jobs if job.id not in seen_ids)
    return Lens(user=user, jobs=jobs, hidden=hidden, everything=everything, seen=seen, rules=rules)
