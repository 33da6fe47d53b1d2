"""Reading lists of jobs: a window, all that the dashboard shows, and what a lens shows beside it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from store.actor import OPERATOR, ActingUser
from store.capabilities import Feature
from store.database import Snapshot
from store.errors import InvalidValue
from store.lens.looking import look_through_lens
from store.lens.model import Lens
from store.listing.model import Listing, Window
from store.listing.query import ListingQuery, WindowQuery
from store.reach import Reach
from store.statements import listings, statistics, windows

Look = Callable[[Snapshot], Awaitable[Lens]]


async def read_window(reach: Reach, query: WindowQuery) -> Window:
    listed = query.listed
    readable, means = await reach.readable_names(listed.job_filter), await reach.means(listed)
    asked = windows.questions(query, readable=readable, means=means)
    return windows.window(query, await reach.read_together(*asked))


async def read_listing(reach: Reach, query: ListingQuery, *, at: datetime | None) -> Listing:
    """Of one snapshot."""
    if query.through_lens:
        return await _through_lens(reach, query, at)
    listed = query.window.listed
    asked = listings.questions(
        query,
        readable=await reach.readable_names(listed.job_filter),
        means=await reach.means(listed),
        has_projects=await reach.has(Feature.PROJECTS),
        of_one_user=not reach.is_operators,
        at=at,
    )
    return listings.listing(query, await reach.read_together(*asked))


async def read_lens(reach: Reach, window: WindowQuery) -> Lens:
    """Raises InvalidValue where the actor is no user."""
    look = await _look(reach, window)
    async with reach.explained(Feature.JOBS), reach.database.snapshot() as snapshot:
        return await look(snapshot)


async def _through_lens(reach: Reach, query: ListingQuery, at: datetime | None) -> Listing:
    look = await _look(reach, query.window)
    has_projects = await reach.has(Feature.PROJECTS)
    further = listings.further_questions(query, has_projects=has_projects, of_one_user=True, at=at)
    async with reach.explained(Feature.JOBS), reach.database.snapshot() as snapshot:
        lens = await look(snapshot)
        if not lens.rules.is_granted:
            (clock,) = await snapshot.read(OPERATOR, statistics.clock(at))
            return listings.nothing(query, taken_at=clock[0], lens=lens)
        return listings.through_lens(query, lens, await snapshot.read(lens.user, *further))


async def _look(reach: Reach, window: WindowQuery) -> Look:
    """To be asked for before there is a snapshot: whoever holds a connection must not wait for another one."""
    if not isinstance(reach.actor, ActingUser):
        raise InvalidValue("actor", "The lens needs a user to look as.", hint="Act as a user first.")
    operators = reach.acting_as(OPERATOR)
    return partial(
        look_through_lens,
        user=reach.actor,
        query=window,
        readable=await operators.readable_names(window.listed.job_filter),
        means=await operators.means(window.listed),
        has_projects=await operators.has(Feature.PROJECTS),
    )
