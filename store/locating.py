"""Finding what an id, or the beginning of one, belongs to: a range of the index on each table's id."""

from typing import Any
from uuid import UUID

from store import assets, jobs, projects, users
from store.actor import ActingUser, Actor, Operator
from store.database import Database, Query
from store.errors import NoPrivilege, SchemaMissing, StoreError
from store.id_prefix import IdRange
from store.model import Located

MOST_FOUND = 20
"""Of each kind. Where there are more, more of the id has to be given."""


async def locate(database: Database, actor: Actor, ids: IdRange) -> Located:
    """Users are the operator's to see. A table that is not there, or not to be read, holds nothing."""
    limit = MOST_FOUND + 1
    queries: list[Query[Any]] = [
        jobs.in_range(ids, limit=limit),
        projects.in_range(ids, limit=limit),
        assets.in_range(ids, limit=limit),
    ]
    if isinstance(actor, Operator):
        queries += [users.in_range(ids, limit=limit), users.owners_in_range(ids, limit=limit)]
    found_jobs, found_projects, found_assets, *people = await _read(database, actor, queries)
    # An owner of jobs is a user also where the users are not to be read; who has an e-mail comes last, and is kept.
    found_users = {user.id: user for found in reversed(people) for user in found}
    kinds = (found_jobs, found_projects, found_assets, list[ActingUser](found_users.values()))
    return Located(
        jobs=tuple(found_jobs[:MOST_FOUND]),
        projects=tuple(found_projects[:MOST_FOUND]),
        assets=tuple(found_assets[:MOST_FOUND]),
        users=tuple(found_users.values())[:MOST_FOUND],
        is_more=any(len(found) > MOST_FOUND for found in kinds),
    )


async def _read(database: Database, actor: Actor, queries: list[Query[Any]]) -> list[list[Any]]:
    """All at once; where one of them is refused, each by itself. Raises where all are."""
    try:
        return list(await database.read_together(actor, *queries))
    except (NoPrivilege, SchemaMissing):
        answers: list[list[Any]] = []
        refusals: list[StoreError] = []
        for query in queries:
            try:
                answers.append(await database.read(actor, query))
            except (NoPrivilege, SchemaMissing) as error:
                answers.append([])
                refusals.append(error)
        if len(refusals) == len(queries):
            raise
        return answers


async def find_by_id(database: Database, actor: Actor, user_id: UUID, *, reads_users: bool) -> list[ActingUser]:
    """The user, or nobody. An owner of jobs or projects is one also where the users are not to be read."""
    ids = IdRange(low=user_id, high=user_id)
    found = await database.read(actor, users.in_range(ids, limit=1)) if reads_users else []
    return found or await database.read(actor, users.owners_in_range(ids, limit=1))
