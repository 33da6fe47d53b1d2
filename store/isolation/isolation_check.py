"""Tries each probe in a transaction that is rolled back."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID

from gjobs.store.capabilities.facts import RlsPolicy
from gjobs.store.capabilities.policy_sql import POLICIES
from gjobs.store.capabilities.probe import probe
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, TimeLimits
from gjobs.store.doctor.policy_conditions import try_policies
from gjobs.store.errors import (
    Conflict,
    InvalidValue,
    Locked,
    NoPrivilege,
    ReadOnly,
    SchemaMissing,
    StoreError,
    TimedOut,
    UnexpectedError,
    Unreachable,
)
from gjobs.store.isolation.isolation import (
    PROBED,
    Probe,
    ProbeMethod,
    ProbePlan,
    ProbeTarget,
    ProbeVerdict,
    TargetKind,
    Verb,
)
from gjobs.store.isolation.isolation_policies import RULES, TableRules, judge
from gjobs.store.isolation.isolation_rows import creation
from gjobs.store.isolation.isolation_targets import (
    UNUSED,
    choose_participants,
    find_targets,
    needed_kind,
    query_for,
    still_fits,
    why_missing,
    why_no_unused_targets,
)
from gjobs.store.member_table import by_member
from gjobs.store.users.actor import ActingUser

_RAISED = "P0001"
_REFERENCES = ("23503", "23001")
"""A foreign key of the row, or of rows that refer to it."""
_DONE = by_member(
    Verb,
    {
        Verb.READ: "read",
        Verb.INSERT_INTO: "inserted",
        Verb.INSERT_AS: "inserted",
        Verb.UPDATE: "changed",
        Verb.DELETE: "deleted",
    },
)


def rows_answer(target: ProbeTarget, verb: Verb, rows: int) -> Probe:
    """Return the probe's result, given how many rows (or counted jobs) were read, or written and rolled back."""
    noun = "job" if target in (ProbeTarget.COUNTS, ProbeTarget.STATISTICS, ProbeTarget.SUMMARY) else "row"
    counted = f"{rows:,} {noun}" if rows == 1 else f"{rows:,} {noun}s"
    if rows == 0:
        return _tried(
            target, verb, f"hidden ({counted})" if not verb.inserts else f"refused ({counted})", ProbeVerdict.KEPT
        )
    rolled_back = " — rolled back" if verb.writes else ""
    return _tried(target, verb, f"{_DONE[verb]} {counted}{rolled_back}", ProbeVerdict.LEAK)


def error_answer(target: ProbeTarget, verb: Verb, error: StoreError) -> Probe | None:
    """Return the probe for an error. None if the error is not about the statement, such as a lost connection."""
    match error:
        case NoPrivilege():
            return _tried(target, verb, _refused(error), ProbeVerdict.KEPT)
        case Conflict() if error.sqlstate == _RAISED:
            return _tried(target, verb, _refused(error), ProbeVerdict.KEPT)
        case InvalidValue() if error.sqlstate in _REFERENCES:
            # Foreign keys are checked after the row is written, so the policies permitted it.
            return _tried(target, verb, f"permitted, and then {_refused(error)}", ProbeVerdict.LEAK)
        case Locked():
            return _not_tried(target, verb, "locked by another transaction")
        case TimedOut() | Conflict() | InvalidValue() | UnexpectedError() if error.sqlstate is not None:
            return _not_tried(target, verb, f"no answer: {error.message}")
        case SchemaMissing():
            return _not_tried(target, verb, f"not here: {error.message}")
        case _:
            return None


def _refused(error: StoreError) -> str:
    return f"refused: {_reason(error)}"


def _reason(error: StoreError) -> str:
    """Return the error in the database's words."""
    return (error.message.partition(": ")[2] or error.message).rstrip(".")


def _tried(target: ProbeTarget, verb: Verb, answer: str, verdict: ProbeVerdict) -> Probe:
    return Probe(target=target, verb=verb, how=ProbeMethod.TRIED, answer=answer, verdict=verdict)


def _not_tried(target: ProbeTarget, verb: Verb, answer: str) -> Probe:
    return Probe(target=target, verb=verb, how=ProbeMethod.NOT_TRIED, answer=answer, verdict=ProbeVerdict.UNKNOWN)


LIMITS = TimeLimits(statement=2.0, lock=0.2)
"""The limits of each attempt. It waits for no lock."""


async def plan_probes(database: Database, *, owner_id: UUID | None = None, other_id: UUID | None = None) -> ProbePlan:
    """Choose the users and the rows for the check; it only reads. None leaves the choice to the check.

    Raises InvalidValue if both are the same user.
    """
    owner, other = await choose_participants(database, owner_id=owner_id, other_id=other_id)
    targets, no_assets = await find_targets(database, owner.id)
    no_unused = why_no_unused_targets((await probe(database)).facts)
    if no_unused is not None:
        targets = {kind: target for kind, target in targets.items() if kind not in UNUSED}
    return ProbePlan(owner=owner, other=other, targets=targets, no_assets=no_assets, no_unused=no_unused)


async def run_probes(database: Database, plan: ProbePlan, *, tries_writes: bool) -> AsyncIterator[Probe]:
    """Yield every probe of `PROBED` when it is answered.

    Without `tries_writes`, writes are judged from the policies. With it, missing rows of the owner are created, and
    rolled back after each probe.

    Raises a StoreError if nobody can act as a user here, or if the connection is lost.
    """
    actor = ActingUser(id=plan.other.id, email=plan.other.email)
    rules, policies = await database.read_together(actor, RULES, POLICIES)
    attempts = _Attempts(database, plan, actor, rules, await try_policies(database, policies))
    for target, verb in PROBED:
        yield await attempts.probe(target, verb, tries_writes=tries_writes)


class _Attempts:
    def __init__(
        self,
        database: Database,
        plan: ProbePlan,
        actor: ActingUser,
        rules: Sequence[TableRules],
        policies: Sequence[RlsPolicy],
    ) -> None:
        self._database = database
        self._plan = plan
        self._actor = actor
        self._rules = rules
        self._policies = policies

    async def probe(self, target: ProbeTarget, verb: Verb, *, tries_writes: bool) -> Probe:
        judged = judge(target, verb, self._rules, self._policies)
        if verb.writes and not tries_writes:
            return judged
        kind = needed_kind(target, verb)
        missing = why_missing(target, kind, self._plan)
        if missing is not None:
            is_unknown_table = target is ProbeTarget.ASSET and self._plan.no_assets is not None
            if kind is None or is_unknown_table or not tries_writes:
                return _untried(judged, missing)
            return await self._try_with_new_row(target, verb, kind, judged, missing)
        query = query_for(target, verb, self._plan)
        if not verb.writes:
            return await self._read(target, verb, query, judged)
        # If rows arrive between this check and the attempt, such as a new job, changes to them are rolled back.
        if not await self._still_fits(target, verb):
            return _untried(judged, "the chosen row was changed meanwhile")
        try:
            async with self._database.rehearsal(self._actor, limits=LIMITS) as rehearsal:
                await rehearsal.become_actor()
                rows = await rehearsal.change(query)
        except ReadOnly:
            return judged
        except StoreError as error:
            return _answered(target, verb, error)
        return _merge_probes(judged, rows_answer(target, verb, rows))

    async def _try_with_new_row(
        self, target: ProbeTarget, verb: Verb, kind: TargetKind, judged: Probe, missing: str
    ) -> Probe:
        """Create the missing row as operator and try the probe on it, in one transaction."""
        row, creating = creation(self._plan, kind)
        query = query_for(target, verb, replace(self._plan, targets={**self._plan.targets, kind: row}))
        is_created = False
        try:
            async with self._database.rehearsal(self._actor, limits=LIMITS) as rehearsal:
                await rehearsal.create(*creating)
                is_created = True
                await rehearsal.become_actor()
                if verb.writes:
                    rows = await rehearsal.change(query)
                else:
                    (rows,) = await rehearsal.read(query)
        except ReadOnly:
            return _untried(judged, missing)
        except StoreError as error:
            if is_created:
                return _answered(target, verb, error)
            if error.sqlstate is None or isinstance(error, Unreachable):
                raise
            return _untried(judged, f"{missing}, and gjobs can't create one: {_reason(error)}")
        return _merge_probes(judged, rows_answer(target, verb, rows))

    async def _read(self, target: ProbeTarget, verb: Verb, query: Query[int], judged: Probe) -> Probe:
        try:
            (rows,) = await self._database.read(self._actor, query, limits=LIMITS)
        except StoreError as error:
            return _answered(target, verb, error)
        if rows == 0 and not await self._still_fits(target, verb):
            return _untried(judged, "the chosen row was deleted meanwhile")
        return rows_answer(target, verb, rows)

    async def _still_fits(self, target: ProbeTarget, verb: Verb) -> bool:
        kind = needed_kind(target, verb)
        return kind is None or await still_fits(self._database, self._plan, kind)


def _answered(target: ProbeTarget, verb: Verb, error: StoreError) -> Probe:
    probe = error_answer(target, verb, error)
    if probe is None:
        raise error
    return probe


def _untried(judged: Probe, reason: str) -> Probe:
    if judged.verdict is ProbeVerdict.UNKNOWN:
        return replace(judged, how=ProbeMethod.NOT_TRIED, answer=reason)
    return replace(judged, answer=f"{judged.answer} ({reason})")


def _merge_probes(judged: Probe, tried: Probe) -> Probe:
    """Merge both probes. A write by id needs the right to read the row. A write of all rows does not, and is never
    tried.
    """
    if (
        tried.verb in (Verb.UPDATE, Verb.DELETE)
        and tried.verdict is ProbeVerdict.KEPT
        and judged.verdict is ProbeVerdict.LEAK
    ):
        return replace(judged, answer=f"by id: {tried.answer}; for all rows: {judged.answer}")
    return tried
