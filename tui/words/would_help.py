"""What would make a list that took too long come in time. Pure."""

from collections.abc import Iterator

from store.advising.indexes import finds_by_reading
from store.advising.model import Advice, ListCost
from store.filters.keys import Key
from store.listing.query import ListQuery


def would_help(listed: ListQuery, lacking: Advice | None) -> str:
    """Sentences. `lacking` is the index that the list lacks; None where none is known to."""
    sentences = [f"Narrow it: add {words}." for words in [" or ".join(_narrower(listed))] if words]
    if finds_by_reading(listed):
        sentences.append("No index finds a text within another, or a duration: each job has to be read.")
    if lacking is not None:
        sentences.append(f"An index would read it in its order: {lacking.sql}")
    return " ".join(sentences) or "Try again when the server is less busy."


def dear_words(cost: ListCost, listed: ListQuery, *, run: str) -> str:
    """Of a filter that is not run by itself: what it takes, the key that runs it, and what would help."""
    time = "much time" if cost.seconds is None else f"up to {cost.seconds:,.1f} s by the planner's estimate"
    takes = f"This filter takes the database {time} at each look: {run} lists by it all the same."
    return f"{takes} {would_help(listed, cost.advice)}"


def _narrower(listed: ListQuery) -> Iterator[str]:
    keys = {term.key for term in listed.job_filter.terms if not term.is_negated}
    if Key.SINCE not in keys:
        yield "since:7d"
    if listed.project_id is None and Key.PROJECT not in keys:
        yield "project:NAME"
