"""Finding what an id, or its beginning, belongs to, as far as the database offers it to whoever looks."""

from collections.abc import Sequence

from store.capabilities import Feature
from store.finding import locating
from store.finding.id_prefix import IdRange, id_range
from store.finding.locating import Kind
from store.model import Located
from store.reach import Reach


async def locate(reach: Reach, id_or_prefix: str) -> Located:
    """Users are the operator's to see. Nothing where the text is no id and no beginning of one."""
    ids = id_range(id_or_prefix)
    if ids is None:
        return Located()
    kinds = [Kind.JOBS]
    if await reach.has(Feature.PROJECTS):
        kinds.append(Kind.PROJECTS)
    if await reach.has(Feature.ASSETS):
        kinds.append(Kind.ASSETS)
    if reach.is_operators:
        kinds += await kinds_of_people(reach)
    return await locate_kinds(reach, ids, kinds)


async def locate_kinds(reach: Reach, ids: IdRange, kinds: Sequence[Kind]) -> Located:
    answers = await reach.read_together(*locating.questions(kinds, ids, await reach.job_statements()))
    return locating.located(dict(zip(kinds, answers, strict=True)))


async def kinds_of_people(reach: Reach) -> list[Kind]:
    """By which the operator knows users."""
    if not await knows_users_by_rows(reach):
        return [Kind.USERS]
    has_projects = await reach.has(Feature.PROJECTS)
    return [Kind.OWNERS_OF_JOBS, Kind.OWNERS_OF_PROJECTS] if has_projects else [Kind.OWNERS_OF_JOBS]


async def knows_users_by_rows(reach: Reach) -> bool:
    """Whether the operator may read no users, but what belongs to them. Users may read neither."""
    return reach.is_operators and not await reach.has(Feature.USERS)
