"""The rows around a place in a list: read from there both ways, of each error only the beginning."""

from collections.abc import Sequence, Set

from store.database import Query
from store.filters.keys import Key
from store.listing.model import ListedJob, Window
from store.listing.query import End, WindowQuery
from store.statements.job_rows import make_listed
from store.statements.lists import PLAIN, Concern, Course, Means, read_on


def questions(
    query: WindowQuery, *, readable: Set[Key], means: Means = PLAIN, concern: Concern | None = None
) -> tuple[Query[ListedJob], ...]:
    """One at an end of the list, else two: what `window` wants the answers of, all of one snapshot.

    `readable` are the names that may be read.
    """
    courses: list[tuple[Course, int]] = []
    if query.anchor is not End.FIRST:
        courses.append((Course(place=query.anchor, is_backwards=True), query.before))
    if query.anchor is not End.LAST:
        courses.append((Course(place=query.anchor, with_place=True), query.after))
    return tuple(
        read_on(
            query.listed,
            course,
            make_listed,
            rows=rows + 1,
            is_whole=False,
            readable=readable,
            means=means,
            concern=concern,
        )
        for course, rows in courses
    )


def window(query: WindowQuery, answers: Sequence[Sequence[ListedJob]]) -> Window:
    """Each answer's row beyond what was asked for tells that there are more."""
    before: Sequence[ListedJob] = () if query.anchor is End.FIRST else answers[0]
    after: Sequence[ListedJob] = () if query.anchor is End.LAST else answers[-1]
    return Window(
        query=query,
        jobs=(*reversed(before[: query.before]), *after[: query.after]),
        has_before=len(before) > query.before,
        has_after=len(after) > query.after,
    )
