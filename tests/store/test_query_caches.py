"""Queries that are built once for a question. Equal questions must have equal values."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from gjobs.store.database.query import Query, compiled
from gjobs.store.filters.filter_sql import NAMED
from gjobs.store.filters.filter_terms import Age, Between, Compared, Comparison, JobFilter, Key, Term
from gjobs.store.job_list import list_sql
from gjobs.store.job_list.list_query import Anchor, End, ListOrder, ListQuery, OrderColumn, RowKey, RowWindowQuery
from gjobs.store.job_list.list_sql import AccessPath, UserScope
from gjobs.store.jobs.job import JobStatus, UnknownStatus
from gjobs.store.statistics import statistics_sql
from gjobs.store.statistics.statistics import TotalsQuery
from gjobs.store.values.formats import EARLIEST, LATEST, FarTime
from gjobs.store.watch import watch
from gjobs.store.watch.watch import Cursor

IDS = [UUID(int=number) for number in (1, 2)]
FAR = ("148140-01-01T00:00:00.000000Z", "148140-01-01T00:00:00.000001Z")
TIMES = [
    *(datetime(2026, 12, 1, tzinfo=UTC), EARLIEST, LATEST),
    *map(FarTime.of, ("-infinity", "infinity", *FAR)),
]
NUMBERS = [0, 1, 60]


@dataclass(frozen=True, kw_only=True)
class Question:
    """All that decides a query of the list, of its counts, or of its status changes."""

    window: RowWindowQuery
    readable: frozenset[Key]
    concern: UserScope | None


def terms() -> st.SearchStrategy[Term]:
    texts = st.sampled_from(["a", "A", "b", "00000000"])
    amounts = st.builds(Compared, comparison=st.sampled_from(Comparison), amount=st.sampled_from(NUMBERS)) | st.builds(
        Between, low=st.sampled_from(NUMBERS), high=st.sampled_from(NUMBERS)
    )
    values: dict[Key | None, st.SearchStrategy[Any]] = {
        **dict.fromkeys((None, Key.MODE, Key.PROJECT, Key.USER, Key.ERROR, Key.ERROR_GROUP), texts),
        **dict.fromkeys((Key.COST, Key.TOOK), amounts),
        **dict.fromkeys(
            (Key.SINCE, Key.UNTIL), st.sampled_from(TIMES) | st.builds(Age, seconds=st.sampled_from(NUMBERS))
        ),
        Key.STATUS: st.sampled_from(JobStatus).map(str),
        Key.ASSET: st.sampled_from(["none", "any", "0000"]),
        Key.ID: st.just("0000"),
        Key.IS: st.just("stuck"),
    }
    assert values.keys() == {None, *Key}
    return st.sampled_from(list(values)).flatmap(
        lambda key: st.builds(
            Term,
            key=st.just(key),
            values=st.lists(values[key], min_size=1, max_size=2).map(tuple),
            is_negated=st.booleans(),
        )
    )


def anchors(column: OrderColumn) -> st.SearchStrategy[Anchor]:
    values: dict[OrderColumn, st.SearchStrategy[Any]] = {
        OrderColumn.COST: st.sampled_from(NUMBERS),
        OrderColumn.TOTAL: st.sampled_from([None, timedelta(seconds=1), *TIMES]),
    }
    value = values.get(column, st.sampled_from(TIMES))
    return st.sampled_from(End) | st.builds(RowKey, value=value, id=st.sampled_from(IDS))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    listed = ListQuery(
        project_id=draw(st.sampled_from([None, *IDS])),
        status=draw(st.sampled_from([None, JobStatus.RUNNING, UnknownStatus("running")])),
        job_filter=JobFilter(terms=draw(st.lists(terms(), max_size=2).map(tuple))),
        order=draw(st.builds(ListOrder, column=st.sampled_from(OrderColumn), descending=st.booleans())),
    )
    return Question(
        window=RowWindowQuery(listed=listed, anchor=draw(anchors(listed.order.column)), before=1, after=2),
        readable=draw(st.sampled_from([NAMED, NAMED | {Key.IS, Key.ERROR}])),
        concern=draw(st.none() | st.builds(UserScope, user_id=st.sampled_from(IDS), project_ids=st.just(tuple(IDS)))),
    )


def queries(asked: Question) -> Iterator[Query[Any]]:
    listed, job_filter, readable = asked.window.listed, asked.window.listed.job_filter, asked.readable
    chosen_path = AccessPath(readable=frozenset(readable), concern=asked.concern)
    yield from list_sql.listing_queries(asked.window, chosen_path)
    yield list_sql.length(listed, limit=1, readable=readable, concern=asked.concern)
    yield list_sql.length(listed, limit=None, readable=readable)
    query = TotalsQuery(matching=listed)
    yield statistics_sql.totals_on_pages(range(1), query, project_ids=IDS, readable=readable, at=None)
    position = Cursor(transaction_id=1, event_id=1)
    yield watch.recorded(job_filter, readable=readable, after=position, start="", limit=1)
    yield watch.matching(job_filter, IDS, readable=readable)


def sent(asked: Question) -> list[tuple[str, dict[str, object]]]:
    return [
        (sql, {name: exact(value) for name, value in {**constants, **query.parameters}.items()})
        for query in queries(asked)
        for sql, constants in [compiled(query.statement)]
    ]


def exact(value: object) -> object:
    return str(value) if isinstance(value, FarTime) else repr(value)


def forget() -> None:
    for module in (list_sql, statistics_sql, watch):
        for function in vars(module).values():
            clear: Callable[[], None] | None = getattr(function, "cache_clear", None)
            if clear is not None:
                clear()


def at(asked: Question, time: datetime) -> Question:
    """Return the question with this time in place of each time in it."""
    window = asked.window
    terms = tuple(
        replace(term, values=tuple(time if isinstance(value, datetime) else value for value in term.values))
        for term in window.listed.job_filter.terms
    )
    anchor = window.anchor
    if isinstance(anchor, RowKey) and isinstance(anchor.value, datetime):
        anchor = replace(anchor, value=time)
    listed = replace(window.listed, job_filter=replace(window.listed.job_filter, terms=terms))
    return replace(asked, window=replace(window, listed=listed, anchor=anchor))


SINCE_A_TIME = Question(
    window=RowWindowQuery(
        listed=ListQuery(job_filter=JobFilter(terms=(Term(key=Key.SINCE, values=(EARLIEST,), is_negated=False),)))
    ),
    readable=frozenset(),
    concern=None,
)


@example(asked=SINCE_A_TIME, times=(FarTime.of(FAR[0]), FarTime.of(FAR[1])))
@given(asked=questions(), times=st.tuples(st.sampled_from(TIMES), st.sampled_from(TIMES)))
@settings(max_examples=40, phases=[Phase.explicit, Phase.generate])  # to shrink a failure takes minutes
def test_equal_questions_have_equal_values(asked: Question, times: tuple[datetime, datetime]) -> None:
    one, other = (at(asked, time) for time in times)
    forget()
    expected = sent(other)
    forget()
    sent(one)
    assert sent(other) == expected
