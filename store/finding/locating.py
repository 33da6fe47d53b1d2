"""Finding what an id, or the beginning of one, belongs to: a range of the index on each table's id. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Protocol

from store.actor import ActingUser
from store.database import Query
from store.finding.id_prefix import IdRange
from store.model import Located
from store.statements import assets, projects, users
from store.statements.jobs import JobStatements

MOST_FOUND = 20
"""Of each kind. Where there are more, more of the id has to be given."""


class Find(Protocol):
    def __call__(self, ids: IdRange, *, limit: int) -> Query[Any]: ...


class Kind(Enum):
    JOBS = auto()
    PROJECTS = auto()
    ASSETS = auto()
    OWNERS_OF_JOBS = auto()
    """Users as far as their jobs tell."""
    OWNERS_OF_PROJECTS = auto()
    USERS = auto()


_QUERIES: Mapping[Kind, Find] = {
    Kind.PROJECTS: projects.in_range,
    Kind.ASSETS: assets.in_range,
    Kind.OWNERS_OF_JOBS: users.owners_of_jobs_in_range,
    Kind.OWNERS_OF_PROJECTS: users.owners_of_projects_in_range,
    Kind.USERS: users.in_range,
}
_PEOPLE = (Kind.USERS, Kind.OWNERS_OF_JOBS, Kind.OWNERS_OF_PROJECTS)


def questions(kinds: Iterable[Kind], ids: IdRange, jobs: JobStatements) -> list[Query[Any]]:
    return [(_QUERIES.get(kind) or jobs.in_range)(ids, limit=MOST_FOUND + 1) for kind in kinds]


def located(answers: Mapping[Kind, Sequence[Any]]) -> Located:
    """A user is the same whether known by a row or by what they own; the row knows the e-mail."""
    people: dict[Any, ActingUser] = {}
    for kind in _PEOPLE:
        for user in answers.get(kind, ()):
            people.setdefault(user.id, user)
    found: dict[Kind, Sequence[Any]] = {kind: answers.get(kind, ()) for kind in (Kind.JOBS, Kind.PROJECTS, Kind.ASSETS)}
    return Located(
        jobs=tuple(found[Kind.JOBS][:MOST_FOUND]),
        projects=tuple(found[Kind.PROJECTS][:MOST_FOUND]),
        assets=tuple(found[Kind.ASSETS][:MOST_FOUND]),
        users=tuple(people.values())[:MOST_FOUND],
        is_more=any(len(some) > MOST_FOUND for some in (*found.values(), people)),
    )
