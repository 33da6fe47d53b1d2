"""Looking through the lens: the operator's list and what the user sees of it, at one moment."""

from collections.abc import Set
from uuid import UUID

from store.actor import OPERATOR, ActingUser
from store.database import Snapshot
from store.filters.keys import Key
from store.lens import queries as lens_queries
from store.lens.model import Lens
from store.listing.query import WindowQuery
from store.model import CappedCount
from store.statements import lists, windows
from store.statements.lists import Concern, Means

MOST_COUNTED = 10_000


async def look_through_lens(
    snapshot: Snapshot,
    user: ActingUser,
    *,
    query: WindowQuery,
    readable: Set[Key],
    means: Means,
    has_projects: bool,
) -> Lens:
    """Nothing is read as the user where users have no grant: that is an answer, too.

    `readable` are the names that the operator may read, `means` those of the operator's list. `has_projects` is whether
    the operator may read the projects; else only the user's own jobs are theirs.
    """
    project_id = query.listed.project_id
    theirs: list[UUID] = []
    if project_id is None and has_projects:
        (theirs,) = await snapshot.read(OPERATOR, lens_queries.projects_of(user.id))
    concern = Concern(user_id=user.id, project_ids=tuple(theirs)) if project_id is None else None
    count = lists.length(query.listed, most=MOST_COUNTED, readable=readable, concern=concern)
    found, (there,), *rows = await snapshot.read(
        OPERATOR,
        lens_queries.rules(),
        count,
        *windows.questions(query, readable=readable, means=means, concern=concern),
    )
    rules, window = lens_queries.the_one(found), windows.window(query, rows)
    seen, seen_ids = 0, set[UUID]()
    if rules.is_granted:
        shown, (seen,) = await snapshot.read(user, lens_queries.seen([job.id for job in window.jobs]), count)
        seen_ids = set(shown)
    hidden = frozenset(job.id for job in window.jobs if job.id not in seen_ids)
    return Lens(
        user=user,
        window=window,
        hidden=hidden,
        everything=CappedCount.of(there, MOST_COUNTED),
        seen=CappedCount.of(seen, MOST_COUNTED),
        rules=rules,
    )
