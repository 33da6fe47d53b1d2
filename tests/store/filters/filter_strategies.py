"""Strategies for filters and texts."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from gjobs.store.filters.filter_terms import Age, Between, Compared, Comparison, JobFilter, Key, Term, Value
from gjobs.store.jobs.job import JobStatus
from gjobs.store.values.formats import LONGEST

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
storable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.text(storable, min_size=1, max_size=12) | st.text('ab",:\\- \n\t.%_>', min_size=1, max_size=8)
ids = st.from_regex(r"[0-9a-f]{4,8}", fullmatch=True) | st.uuids().map(str)
cents = st.integers(-(2**31), 2**31 - 1)
seconds = st.integers(0, LONGEST)
times = st.datetimes(timezones=st.just(UTC))
ages = st.builds(Age, seconds=seconds)


def amounts(numbers: st.SearchStrategy[int], comparisons: list[Comparison]) -> st.SearchStrategy[Value]:
    return st.builds(Compared, comparison=st.sampled_from(comparisons), amount=numbers) | st.tuples(
        numbers, numbers
    ).map(lambda ends: Between(low=min(ends), high=max(ends)))


VALUES: dict[Key | None, st.SearchStrategy[Value]] = {
    None: texts,
    Key.STATUS: st.sampled_from([status.value for status in JobStatus]),
    Key.MODE: texts,
    Key.COST: amounts(cents, list(Comparison)),
    Key.PROJECT: texts,
    Key.USER: texts,
    Key.ASSET: st.sampled_from(["none", "any"]) | ids,
    Key.SINCE: times | ages,
    Key.UNTIL: times | ages,
    Key.TOOK: amounts(seconds, [one for one in Comparison if one is not Comparison.EQUAL]),
    Key.ERROR: texts,
    Key.ERROR_GROUP: st.from_regex(r"[0-9a-f]{10}", fullmatch=True),
    Key.ID: ids,
    Key.IS: st.just("stuck"),
}


@st.composite
def terms(draw: st.DrawFn) -> Term:
    key = draw(st.sampled_from(list(VALUES)))
    most = 1 if key in (Key.SINCE, Key.UNTIL) else 3
    values = draw(st.lists(VALUES[key], min_size=1, max_size=most))
    return Term(key=key, values=tuple(values), is_negated=draw(st.booleans()))


filters = st.builds(JobFilter, terms=st.lists(terms(), max_size=4).map(tuple))

fragments = st.sampled_from(
    [
        *(f"{key}:" for key in Key),
        *'":,-\\ \t>=<.$',
        "..",
        "50",
        "5m",
        "failed",
        "3f2a",
        "none",
        "stuck",
        "2026-11-01",
        "\0",
        "é",
    ]
)

typed = st.text() | st.lists(fragments, max_size=14).map("".join)
"""Any text, and texts that are almost filters."""
