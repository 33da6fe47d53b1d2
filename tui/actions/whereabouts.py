"""What a user did not find: gone, or only hidden from them. To them both look alike; the operator can tell."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from store.actor import ActingUser
from store.capabilities import JOBS, PROJECTS
from store.errors import RowMissing, StoreError
from tui.words.eyes import eyes_name

if TYPE_CHECKING:
    from store.store import Store

_MOST_NAMED = 3
_HINT = "As the operator you see what is there."


async def hidden_from(store: "Store", operator: "Store", ids: Collection[UUID]) -> frozenset[UUID] | None:
    """Those jobs, or that project, which exist although the store's user does not see them.

    None where that cannot be told: the operator looked, was refused, or does not see everything either.
    """
    if not isinstance(store.actor, ActingUser) or not ids:
        return None
    try:
        found = frozenset(await operator.get_job_statuses(ids))
        if not found and len(ids) == 1:
            (only,) = ids
            found = frozenset(ids) if await operator.get_project(only) else found
        if len(found) < len(ids) and (await operator.probed.get()).facts.may_hide(JOBS, PROJECTS):
            return None
    except StoreError:
        return None
    return found


async def told_apart(store: "Store", operator: "Store", error: RowMissing, *, end: str = "") -> RowMissing:
    """The same error, saying of each id whether it is gone or hidden; `end` goes before the full stop."""
    hidden = await hidden_from(store, operator, error.ids)
    if hidden is None:
        return error
    sentence = f"{missing_words(error.ids, hidden, eyes_name(store.actor))}{end}."
    return RowMissing(sentence, error.ids, hint=_HINT if hidden else error.hint)


def missing_words(ids: Sequence[UUID], hidden: frozenset[UUID], eyes: str) -> str:
    """A clause without a full stop."""
    unseen = [identifier for identifier in ids if identifier in hidden]
    gone = [identifier for identifier in ids if identifier not in hidden]
    clauses = []
    if unseen:
        exist, them = ("exists", "it") if len(unseen) == 1 else ("exist", "them")
        clauses.append(f"{_named(unseen)} {exist}, but {eyes} does not see {them}")
    if gone:
        clauses.append(f"{_named(gone)} {'is' if len(gone) == 1 else 'are'} not there, or not any more")
    return "; ".join(clauses)


def _named(ids: Sequence[UUID]) -> str:
    more = len(ids) - _MOST_NAMED
    return ", ".join(map(str, ids[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
