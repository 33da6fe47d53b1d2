"""The check: one user tries to reach what is another's. Each try is a transaction of its own, and none is committed."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID

from store.actor import ActingUser
from store.capabilities.probing import probe
from store.database import Database, Query, TimeLimits
from store.errors import ReadOnly, StoreError
from store.isolation.answers import error_answer, rows_answer
from store.isolation.judging import judge
from store.isolation.model import PROBED, How, Plan, Probe, Thing, Verb, Verdict
from store.isolation.people import choose_people
from store.isolation.policies import POLICIES, RULES, Policy, TableRules
from store.isolation.statements import query_for
from store.isolation.targets import UNUSED, find_targets, needed_kind, still_fits, why_nothing_is_unused

LIMITS = TimeLimits(statement=2.0, lock=0.2)
"""Of each try: whoever holds a lock is not waited for."""


async def prepare(database: Database, *, owner_id: UUID | None = None, other_id: UUID | None = None) -> Plan:
    """Whom to try against whom, and on what; reads only. None leaves the choice to the check.

    Raises InvalidValue where both are the same user.
    """
    owner, other = await choose_people(database, owner_id=owner_id, other_id=other_id)
    if owner is None:
        return Plan(owner=None, other=other, targets={})
    targets, no_assets = await find_targets(database, owner.id)
    no_unused = why_nothing_is_unused((await probe(database)).facts)
    if no_unused is not None:
        targets = {kind: target for kind, target in targets.items() if kind not in UNUSED}
    return Plan(owner=owner, other=other, targets=targets, no_assets=no_assets, no_unused=no_unused)


async def attempt(database: Database, plan: Plan, *, tries_writes: bool) -> AsyncIterator[Probe]:
    """Every probe of `PROBED`, as it is answered. Without `tries_writes` the policies alone tell what a write may do.

    Raises a StoreError where nobody can act as a user here, or where the link breaks.
    """
    actor = ActingUser(id=plan.other.id, email=plan.other.email)
    rules, policies = await database.read_together(actor, RULES, POLICIES)
    attempts = _Attempts(database, plan, actor, rules, policies)
    for thing, verb in PROBED:
        yield await attempts.probe(thing, verb, tries_writes=tries_writes)


class _Attempts:
    def __init__(
        self,
        database: Database,
        plan: Plan,
        actor: ActingUser,
        rules: Sequence[TableRules],
        policies: Sequence[Policy],
    ) -> None:
        self._database = database
        self._plan = plan
        self._actor = actor
        self._rules = rules
        self._policies = policies

    async def probe(self, thing: Thing, verb: Verb, *, tries_writes: bool) -> Probe:
        judged = judge(thing, verb, self._rules, self._policies)
        if verb.writes and not tries_writes:
            return judged
        query = query_for(thing, verb, self._plan)
        if isinstance(query, str):
            return _untried(judged, query)
        if not verb.writes:
            return await self._read(thing, verb, query, judged)
        # What arrives between this look and the try, such as a job in a project that is deleted, comes back with it.
        if not await self._still_fits(thing, verb):
            return _untried(judged, "what was chosen has changed meanwhile")
        try:
            rows = await self._database.rehearse(self._actor, query, limits=LIMITS)
        except ReadOnly:
            return judged
        except StoreError as error:
            return _answered(thing, verb, error)
        return _seen_with(judged, rows_answer(thing, verb, rows))

    async def _read(self, thing: Thing, verb: Verb, query: Query[int], judged: Probe) -> Probe:
        try:
            (rows,) = await self._database.read(self._actor, query, limits=LIMITS)
        except StoreError as error:
            return _answered(thing, verb, error)
        if rows == 0 and not await self._still_fits(thing, verb):
            return _untried(judged, "what was chosen has gone meanwhile")
        return rows_answer(thing, verb, rows)

    async def _still_fits(self, thing: Thing, verb: Verb) -> bool:
        kind = needed_kind(thing, verb)
        return kind is None or await still_fits(self._database, self._plan, kind)


def _answered(thing: Thing, verb: Verb, error: StoreError) -> Probe:
    probe = error_answer(thing, verb, error)
    if probe is None:
        raise error
    return probe


def _untried(judged: Probe, reason: str) -> Probe:
    if judged.verdict is Verdict.UNKNOWN:
        return replace(judged, how=How.NOT_TRIED, answer=reason)
    return replace(judged, answer=f"{judged.answer} ({reason})")


def _seen_with(judged: Probe, tried: Probe) -> Probe:
    """A write that names its row needs the right to read it; one of all rows does not, and is never tried."""
    if tried.verb in (Verb.UPDATE, Verb.DELETE) and tried.verdict is Verdict.KEPT and judged.verdict is Verdict.LEAK:
        return replace(judged, answer=f"{tried.answer} by its id, yet {judged.answer}")
    return tried
