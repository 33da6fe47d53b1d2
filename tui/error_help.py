"""Adds details to errors: whether a row is hidden or gone, and how to speed up a list."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.advice import command
from gjobs.store.capabilities.facts import JOBS, PROJECTS
from gjobs.store.errors import Locked, RowMissing, StoreError, TimedOut
from gjobs.store.filters.filter_terms import Key
from gjobs.store.job_list.index_advice import IndexAdvice, finds_by_reading
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.users.actor import OPERATOR, actor_name

if TYPE_CHECKING:
    from gjobs.store.job_list.list_cost import ListCost
    from gjobs.store.store import Store

_MOST_NAMED = 3
_HINT = "The operator sees hidden rows: press u in the dashboard, or add --as operator."


async def hidden_from(store: Store, operator: Store, ids: Collection[UUID]) -> frozenset[UUID] | None:
    """Return which of these jobs, or this project, exist but are hidden from the store's user.

    Return None if that is unknown: the actor is the operator, or the operator was refused or may not see everything.
    """
    if store.actor == OPERATOR or not ids:
        return None
    try:
        found = frozenset(await operator.get_job_statuses(ids))
        if not found and len(ids) == 1:
            (only,) = ids
            found = frozenset(ids) if await operator.get_project(only) else found
        if len(found) < len(ids) and (await operator.capability_cache.get()).facts.may_hide(JOBS, PROJECTS):
            return None
    except StoreError:
        return None
    return found


async def hidden_or_gone(store: Store, operator: Store, error: RowMissing, *, end: str = "") -> RowMissing:
    """Return the same error, saying for each id whether it is gone or hidden. `end` goes before the full stop."""
    hidden = await hidden_from(store, operator, error.ids)
    if hidden is None:
        return error
    sentence = f"{missing_words(error.ids, hidden, actor_name(store.actor))}{end}."
    return RowMissing(sentence, error.ids, hint=_HINT if hidden else error.hint)


def missing_words(ids: Sequence[UUID], hidden: frozenset[UUID], actor_label: str) -> str:
    """Return a clause without a full stop."""
    unseen = [identifier for identifier in ids if identifier in hidden]
    gone = [identifier for identifier in ids if identifier not in hidden]
    clauses = []
    if unseen:
        exist, them = ("exists", "it") if len(unseen) == 1 else ("exist", "them")
        clauses.append(f"{_named(unseen)} {exist}, but {actor_label} does not see {them}")
    if gone:
        clauses.append(f"{_named(gone)} {'does' if len(gone) == 1 else 'do'} not exist")
    return "; ".join(clauses)


def _named(ids: Sequence[UUID]) -> str:
    more = len(ids) - _MOST_NAMED
    return ", ".join(map(str, ids[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")


def speedup_hint(listed: ListQuery, lacking: IndexAdvice | None) -> str:
    """Return sentences. `lacking` is the index that the list lacks, or None if none is known."""
    sentences = [f"Narrow it: add {words}." for words in [" or ".join(_narrower(listed))] if words]
    if finds_by_reading(listed):
        sentences.append("To find a total or part of a text, the database reads each job.")
        if any(term.key in (None, Key.ERROR) and not term.is_negated for term in listed.job_filter.terms):
            sentences.append(f"{command('doctor')} shows whether an index for words can help.")
    if lacking is not None:
        sentences.append(f"This index would help: {lacking.sql}")
    return " ".join(sentences) or "Try again when the server is less busy."


def expensive_filter_words(cost: ListCost, listed: ListQuery, *, run: str) -> str:
    """Describe an expensive filter that does not run by itself: its cost, the key that runs it, and what would help."""
    time = "a long time" if cost.seconds is None else f"up to {cost.seconds:,.1f} s by the planner's estimate"
    takes = f"This filter is slow. Each refresh takes {time}. Press {run} to use it anyway."
    return f"{takes} {speedup_hint(listed, cost.advice)}"


def _narrower(listed: ListQuery) -> Iterator[str]:
    keys = {term.key for term in listed.job_filter.terms if not term.is_negated}
    if Key.SINCE not in keys:
        yield "since:7d"
    if listed.project_id is None and Key.PROJECT not in keys:
        yield "project:NAME"


async def with_index_hint(store: Store, listed: ListQuery, error: TimedOut) -> TimedOut:
    """Return the same error with a hint for this list. Timeouts of a lock or the connection stay unchanged."""
    if isinstance(error, Locked) or error.sqlstate is None:
        return error
    try:
        cost = await store.get_list_cost(listed)
    except StoreError:  # Without a plan, the hint still says how to narrow the list.
        cost = None
    hint = speedup_hint(listed, cost.advice if cost else None)
    return TimedOut(error.message, hint=hint, sqlstate=error.sqlstate)
